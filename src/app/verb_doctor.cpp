// SPDX-License-Identifier: Apache-2.0
// doctor: what this machine is, how noisy it is, what is missing and the command that mends it.
#include <cmath>
#include <cstdlib>
#include <iostream>
#include <memory>

#include "app/verbs.h"
#include "base/error.h"
#include "base/text.h"
#include "base/units.h"
#include "families/compression/counters.h"
#include "kernels/isa.h"
#include "lab/host.h"
#include "lab/noise.h"
#include "nn/attention_peers.h"
#include "report/vega_bundle.h"

namespace plumb::app {

namespace {

using report::Content;
using report::text_cell;

struct Options {
    std::string noise = "missing";
    bool study = false;
    int comparisons = 200;
    double slowdown = 0.05;
    OutputForm form;
};

constexpr double seconds_each = 1;  // of a comparison: about 60 blocks of the longer workloads

std::string percent(double share) {
    return base::format_number(100 * share, 2) + " %";
}

bool program_exists(const std::string& name) {
    const char* path = std::getenv("PATH");
    if (!path) return false;
    for (const std::string& folder : base::split(path, ':')) {
        if (std::filesystem::exists(std::filesystem::path(folder) / name)) return true;
    }
    return false;
}

void add_row(report::Table& table, const std::string& what, const std::string& state, const std::string& facts,
             const std::string& mend = "") {
    table.rows.push_back({text_cell(what), report::status_cell(state), text_cell(facts), text_cell(mend)});
}

void add_noise_row(report::Table& table, const std::optional<lab::NoiseFloor>& floor) {
    if (!floor) return add_row(table, "noise floor", "missing", "never measured here: verdicts stay unclear", "plumb doctor --noise quick");
    add_row(table, "noise floor", "present",
            "interleaved " + percent(floor->paired) + ", apart " + percent(floor->unpaired) + " (" + std::to_string(floor->pairs) +
                " pairs, " + floor->measured + ")");
}

void add_instruction_sets(report::Table& table) {
    for (const kernels::Isa isa : {kernels::Isa::avx2, kernels::Isa::avx512, kernels::Isa::amx}) {
        const std::string reason(kernels::why_not(isa));
        add_row(table, "isa " + std::string(kernels::name(isa)), reason.empty() ? "present" : "missing", reason);
    }
    add_row(table, "isa in use", "present", std::string(kernels::name(kernels::current_isa())));
}

report::Table examine(const Session& session) {
    const nlohmann::json host = lab::collect_host();
    report::Table table{"doctor",
                        {{"what", "what"},
                         {"state", "state", Content::status},
                         {"facts", "facts", Content::prose},
                         {"mend", "mend it with", Content::prose}},
                        {}};
    add_row(table, "machine", "present",
            lab::summarize_host(host) + ", " + host.at("os").get<std::string>() + ", kernel " + host.at("kernel").get<std::string>());
    add_instruction_sets(table);
    const double load = host.at("load");
    add_row(table, "load", load < 0.5 ? "quiet" : "busy", base::format_number(load, 2) + " over the last minute",
            load < 0.5 ? "" : "measure again when the machine is idle");
    add_row(table, "GPU", host.at("gpu").is_null() ? "missing" : "present",
            host.at("gpu").is_null() ? "no NVIDIA driver is loaded" : host.at("gpu").get<std::string>());
    const std::string torch = nn::torch_version();
    add_row(table, "LibTorch", torch.empty() ? "missing" : "present", torch.empty() ? "built without LibTorch" : torch,
            torch.empty() ? "deps/setup, then make build" : "");
    const bool bundle = !report::vega_bundle().empty();
    add_row(table, "charts in pages", bundle ? "present" : "missing", bundle ? "vega is built in" : "pages have tables only",
            bundle ? "" : "deps/setup, then make build");
    const std::string no_counters = families::compression::why_no_counters();
    add_row(table, "counters", no_counters.empty() ? "present" : "missing", no_counters.empty() ? "instructions and cycles" : no_counters,
            "");
    const bool dot = program_exists("dot");
    add_row(table, "drawings", dot ? "present" : "missing", dot ? "Graphviz" : "no program dot", dot ? "" : "deps/setup");
    const auto store = session.store();
    add_row(table, "results", std::filesystem::is_directory(store.root()) ? "present" : "missing",
            store.root().string() + ": " + std::to_string(store.studies().size()) + " studies");
    add_noise_row(table, lab::load_noise_floor(store, lab::machine_id()));
    return table;
}

lab::NoiseFloor measure_floor(const Session& session, const std::string& how) {
    const bool quick = how != "full";
    const int pairs = quick ? 40 : 120;
    const double seconds = quick ? 12 : 90;
    if (!session.quiet)
        std::cerr << "measuring the noise floor: " << pairs << " pairs of identical code, about " << base::format_seconds(seconds) << "\n";
    const lab::NoiseFloor floor = lab::measure_noise_floor(lab::machine_id(), pairs, seconds);
    lab::save_noise_floor(session.store(), floor);
    return floor;
}

/// The figures of `make noise`. Exit code 1 when the machine or the method misses them.
int print_noise_study(const Session& session, const Options& options) {
    auto floor = lab::load_noise_floor(session.store(), lab::machine_id());
    if (!floor) floor = measure_floor(session, "full");
    if (!session.quiet) std::cerr << "about " << base::format_seconds(2 * options.comparisons * seconds_each) << "\n";
    const auto progress = [&](int done, int total) {
        if (session.err().is_terminal() && !session.quiet)
            std::cerr << "\rcomparison " << done << " of " << total << "\033[K" << std::flush;
    };
    const lab::NoiseStudy study = lab::study_noise(*floor, options.comparisons, options.slowdown, seconds_each, progress);
    if (session.err().is_terminal() && !session.quiet) std::cerr << "\n";
    double worst = 0;
    for (const double ratio : study.ratios) worst = std::max(worst, std::max(ratio, 1 / ratio) - 1);
    const double false_share = static_cast<double>(study.false_verdicts) / study.comparisons;
    const double found_share = static_cast<double>(study.slowed_found) / study.slowed;
    report::Table table{"noise", {{"what", "what"}, {"value", "figure", Content::number}, {"aim", "aim"}}, {}};
    const auto add = [&](const std::string& what, const std::string& figure, const std::string& aim) {
        table.rows.push_back({text_cell(what), {figure, figure, report::Tone::plain}, text_cell(aim)});
    };
    add("noise floor, interleaved", percent(floor->paired), "");
    add("noise floor, apart", percent(floor->unpaired), "");
    add("comparisons of identical code", std::to_string(study.comparisons), "");
    add("of them called faster or slower", std::to_string(study.false_verdicts) + " (" + percent(false_share) + ")", "at most 2 %");
    add("largest difference measured", percent(worst), "");
    add("comparisons with " + percent(study.slowdown) + " more work", std::to_string(study.slowed), "");
    add("of them called slower", std::to_string(study.slowed_found) + " (" + percent(found_share) + ")", "most");
    print_table(session, table, options.form);
    return false_share <= 0.02 && found_share > 0.5 ? 0 : base::exit_code(base::ErrorKind::check_failed);
}

}  // namespace

void add_doctor(CLI::App& app, Session& session) {
    const auto options = std::make_shared<Options>();
    CLI::App* verb = app.add_subcommand("doctor", "this machine, its noise floor, what is missing and the command that mends it");
    verb->add_option("--noise", options->noise,
                     "measure the noise floor: quick (12 s), full (90 s), missing (quick, where it was never measured), skip")
        ->check(CLI::IsMember({"quick", "full", "missing", "skip"}));
    verb->add_flag("--noise-study", options->study, "how often identical code is called faster or slower here, and a slow-down found");
    verb->add_option("--comparisons", options->comparisons, "of the noise study (default 200)")->check(CLI::Range(10, 10000));
    verb->add_option("--slowdown", options->slowdown, "injected share of more work (default 0.05)")->check(CLI::Range(0.001, 1.0));
    add_output_form(*verb, options->form);
    verb->callback([options, &session] {
        if (options->study) {
            session.exit_code = print_noise_study(session, *options);
            return;
        }
        const bool is_measured = lab::load_noise_floor(session.store(), lab::machine_id()).has_value();
        if (options->noise == "quick" || options->noise == "full" || (options->noise == "missing" && !is_measured))
            measure_floor(session, options->noise);
        print_table(session, examine(session), options->form);
    });
}

}  // namespace plumb::app
