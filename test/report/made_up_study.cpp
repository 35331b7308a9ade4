// SPDX-License-Identifier: Apache-2.0
#include "report/made_up_study.h"

#include <fmt/format.h>

#include <cmath>
#include <cstdlib>
#include <map>
#include <stdexcept>

#include "base/random.h"
#include "report/words.h"

namespace plumb::report::testing {
namespace {

namespace fs = std::filesystem;

const base::RandomStream noise(7, "made-up samples");
constexpr std::size_t blocks = 40;

nlohmann::json host_facts() {
    return {{"machine", machine},
            {"cpu", "Made-up CPU"},
            {"cores", 2},
            {"isa", {"avx2", "avx512"}},
            {"memory_bytes", 24LL << 30},
            {"compiler", "GCC 12.2.0"},
            {"libraries", {{"LibTorch", "2.15.0"}}},
            {"code_version", code}};
}

/// Blocks of one group share most of their noise, so that paired ratios are far more exact than the times.
std::vector<double> samples_of(double median, std::uint64_t group) {
    std::vector<double> samples;
    const auto own = static_cast<std::uint64_t>(median * 1e9);
    for (std::size_t i = 0; i < blocks; ++i) {
        samples.push_back(median * (1 + 0.03 * noise.normal(group * blocks + i)) * (1 + 0.004 * noise.normal(own * blocks + i)));
    }
    return samples;
}

lab::Check passed_check(const lab::Point& point) {
    lab::Check check = lab::at_most("accuracy rule", "fp64 attention", "max |error| / plain error", 1.4, 2);
    check.repro = fmt::format("plumb run attention {} --rerun all", lab::format(*lab::find(point.settings, "impl")));
    return check;
}

lab::Record done_record(const lab::Point& point, const std::string& experiment, double seconds, std::uint64_t group) {
    lab::Record record;
    record.point = point;
    record.study = "demo";
    record.experiment = experiment;
    record.status = lab::Status::done;
    record.checks = {passed_check(point)};
    lab::Timing timing;
    timing.action = "forward";
    timing.samples = samples_of(seconds, group);
    timing.median = base::median_interval(timing.samples);
    record.timings = {timing};
    record.metrics = {lab::estimate("time", timing.median, timing.samples.size())};
    record.group = fmt::format("group {}", group);
    record.host = host_facts();
    record.argv = {"plumb", "run", "demo"};
    record.code_version = code;
    record.started = "2026-11-22T01:40:00Z";
    record.ended = "2026-11-22T01:42:37Z";
    record.seconds = 1;
    return record;
}

lab::Record failed_record(lab::Record record, lab::Status status, const std::string& reason) {
    record.status = status;
    record.reason = reason;
    record.metrics.clear();
    record.timings.clear();
    record.checks.clear();
    return record;
}

/// A record that lies in no store: cheap, and its ratios come from its metrics.
lab::Record unsealed(lab::Record record) {
    record.timings.clear();
    record.run = "20261122T014237.000Z-" + record.point.short_hash();
    return record;
}

lab::Record sealed(const lab::Store& store, const lab::Record& record) {
    return store.seal(store.open_work(record.study, record.point), record, "");
}

lab::Parameter words(const std::string& name, std::vector<std::string> choices) {
    lab::Parameter parameter{name, name + " of the made-up study", lab::Type::text, "", choices.front(), {}};
    parameter.choices.assign(choices.begin(), choices.end());
    return parameter;
}

lab::Parameter whole(const std::string& name, std::int64_t value) {
    return {name, name, lab::Type::integer, "", value, {}};
}

std::vector<lab::Parameter> parameters() {
    return {words("stage", {"queries", "heads", "batch"}), words("impl", {"loop", "broadcast", "einsum", "sdpa", "fused"}),
            words("mask", {"none", "causal"}), whole("keys", 32), whole("value_dim", 64)};
}

std::vector<lab::Metric> metrics() {
    using Better = lab::Metric::Better;
    return {{"time", "median time of one call", "s", Better::lower, true},
            {"rate", "arithmetic done per second", "GFLOP/s", Better::higher, true},
            {"peak", "measured peak", "GFLOP/s", Better::neither, false}};
}

lab::Point point(const std::string& stage, const std::string& impl, const std::string& mask, std::int64_t keys, std::int64_t value_dim) {
    return {"attention", 1, {{"stage", stage}, {"impl", impl}, {"mask", mask}, {"keys", keys}, {"value_dim", value_dim}}, {}, 7, 0};
}

lab::Figure speedup_figure() {
    lab::Figure figure;
    figure.name = "speedup";
    figure.title = "Speed-up over the loop";
    figure.caption = "Each implementation against the slow form of the same stage, on the same 100 inputs.";
    figure.mark = lab::Mark::bars;
    figure.x = "impl";
    figure.y = "time";
    figure.colour = "impl";
    figure.facet_column = "stage";
    figure.relative = lab::Relative{"impl", "loop"};
    figure.y_title = "times the loop";
    for (const auto& [stage, value] : std::map<std::string, double>{{"queries", 22.8}, {"heads", 39.8}, {"batch", 51.3}}) {
        figure.published.push_back({{{"stage", stage}, {"impl", std::string("broadcast")}}, value, "the notebook"});
    }
    return figure;
}

lab::Figure throughput_figure() {
    lab::Figure figure;
    figure.name = "throughput";
    figure.title = "Throughput against sequence length";
    figure.caption = "The dashed line is the peak that this core reached in the probe taken beside the measurement.";
    figure.x = "keys";
    figure.y = "rate";
    figure.colour = "impl";
    figure.facet_column = "mask";
    figure.x_scale = lab::Scale::log2;
    figure.x_title = "sequence length N = M";
    figure.reference = "peak";
    figure.reference_title = "measured peak";
    return figure;
}

lab::Figure time_figure() {
    lab::Figure figure = throughput_figure();
    figure.name = "time";
    figure.title = "Time against sequence length";
    figure.caption = "Median of one call.";
    figure.y = "time";
    figure.y_scale = lab::Scale::log10;
    figure.reference.clear();
    return figure;
}

lab::Figure drawing_figure() {
    lab::Figure figure;
    figure.name = "dataflow";
    figure.title = "Data flow of multi-head attention";
    figure.mark = lab::Mark::drawing;
    figure.graphviz =
        "digraph { rankdir=LR; node [shape=box style=filled fillcolor=\"#cfe3f5\"]; q [label=\"queries\\nB,N,d\"]; k [label=\"keys\"]; "
        "scores [label=\"Q·Kᵀ/√d\"]; q -> scores; k -> scores; scores -> output [label=\"B,H,N,M\"]; }";
    return figure;
}

}  // namespace

double speed_of(const std::string& impl) {
    return std::map<std::string, double>{{"loop", 1}, {"broadcast", 24}, {"einsum", 22}, {"sdpa", 60}, {"fused", 210}}.at(impl);
}

MadeUpStudy::MadeUpStudy() {
    view.name = "demo";
    view.title = "How much faster is attention when it is written well?";
    view.summary = "A made-up study.";
    view.command = "plumb run demo";
    lab::ViewExperiment ladder{"ladder",
                               "attention",
                               {"stage", "impl", "value_dim"},
                               parameters(),
                               metrics(),
                               {speedup_figure(), drawing_figure()},
                               "plumb run demo --experiment ladder"};
    lab::ViewExperiment sweep{"sweep",
                              "attention",
                              {"impl", "mask", "keys"},
                              parameters(),
                              metrics(),
                              {throughput_figure(), time_figure()},
                              "plumb run demo --experiment sweep"};
    view.experiments = {ladder, sweep};

    std::uint64_t group = 0;
    for (const std::string& stage : std::vector<std::string>{"queries", "heads", "batch"}) {
        ++group;
        const double slowest = 1e-3 * static_cast<double>(group * group);
        for (const std::string& impl : std::vector<std::string>{"loop", "broadcast", "einsum", "sdpa", "fused"}) {
            const lab::Point at = point(stage, impl, "none", 32, 64);
            lab::Record record = done_record(at, "ladder", slowest / speed_of(impl), group);
            if (stage == "heads" && impl == "einsum") {
                record.checks[0] = lab::mistrust(record.checks[0], "all outputs are zero");
            }
            view.rows.push_back({0, at, sealed(store, record)});
        }
    }
    const lab::Point odd = point("batch", "fused", "none", 32, 20);
    view.rows.push_back(
        {0, odd,
         unsealed(failed_record(done_record(odd, "ladder", 1, 9), lab::Status::unsupported, "value_dim 20 is not a multiple of 8"))});

    for (const std::string& mask : std::vector<std::string>{"none", "causal"}) {
        for (const std::string& impl : std::vector<std::string>{"einsum", "sdpa", "fused"}) {
            for (std::int64_t keys = 32; keys <= 8192; keys *= 2) {
                const lab::Point at = point("batch", impl, mask, keys, 64);
                const double top = impl == "einsum" ? 38 : impl == "sdpa" ? 74 : 116;
                const double rate = top * (1 - std::exp2(-(std::log2(static_cast<double>(keys)) - 4) / 1.4)) * (mask == "causal" ? 0.8 : 1);
                lab::Record record =
                    done_record(at, "sweep", 4e-9 * static_cast<double>(keys * keys * 64) / rate, 100 + static_cast<std::uint64_t>(keys));
                record.metrics.push_back({"rate", rate, rate * 0.985, rate * 1.02, 40});
                record.metrics.push_back(lab::exact("peak", 136));
                if (mask == "causal" && keys == 8192 && impl == "fused") {
                    continue;
                }
                if (mask == "causal" && keys == 1024 && impl == "sdpa") {
                    record = failed_record(record, lab::Status::timeout, "no end after 5 s");
                } else if (mask == "causal" && keys == 512 && impl == "einsum") {
                    record = failed_record(record, lab::Status::failed, "check 'accuracy rule' failed: 3.1 is above 2");
                    record.checks = {
                        lab::at_most("accuracy rule", "fp64 attention", "max |error| / plain error", 3.1, 2, "", "wrong sums")};
                }
                view.rows.push_back({1, at, unsealed(record)});
            }
        }
    }
    view.rows.push_back({1, point("batch", "fused", "causal", 8192, 64), std::nullopt});

    lab::Answer ratio{lab::Answer::Kind::ratio,
                      "fused over the loop, batch of 32",
                      "ladder",
                      "time",
                      {{"stage", std::string("batch")}, {"impl", std::string("fused")}},
                      {{"stage", std::string("batch")}, {"impl", std::string("loop")}}};
    lab::Answer value{lab::Answer::Kind::value,
                      "reached by fused at N = 2048",
                      "sweep",
                      "rate",
                      {{"impl", std::string("fused")}, {"mask", std::string("none")}, {"keys", std::int64_t{2048}}},
                      {}};
    lab::Answer checks{lab::Answer::Kind::checks, "outputs checked against fp64", "", "accuracy rule", {}, {}};
    view.answers = {ratio, value, checks};
}

void MadeUpStudy::measure_noise(double paired, double unpaired) {
    lab::NoiseFloor floor;
    floor.paired = paired;
    floor.unpaired = unpaired;
    floor.pairs = 40;
    floor.machine = machine;
    floor.measured = "2026-11-22T01:00:00Z";
    lab::save_noise_floor(store, floor);
}

lab::ViewRow& MadeUpStudy::row(std::size_t experiment, const lab::Settings& wanted) {
    for (lab::ViewRow& row : view.rows) {
        if (row.experiment == experiment && matches(row.point.settings, wanted)) {
            return row;
        }
    }
    throw std::runtime_error("the made-up study has no such point");
}

const lab::ViewRow& MadeUpStudy::row(std::size_t experiment, const lab::Settings& wanted) const {
    return const_cast<MadeUpStudy*>(this)->row(experiment, wanted);
}

const lab::Figure& MadeUpStudy::figure(std::size_t experiment, const std::string& name) const {
    for (const lab::Figure& figure : view.experiments.at(experiment).figures) {
        if (figure.name == name) {
            return figure;
        }
    }
    throw std::runtime_error("the made-up study has no figure " + name);
}

lab::StudyView large_view(const lab::Store& store, int points) {
    lab::StudyView view;
    view.name = "large";
    view.title = "Does a large page stay small?";
    view.command = "plumb run large";
    lab::Figure throughput = throughput_figure();
    throughput.facet_row = "stage";
    lab::Figure time = time_figure();
    time.facet_row = "stage";
    view.experiments = {
        {"sweep", "attention", {"stage", "impl", "mask", "keys"}, parameters(), metrics(), {throughput, time}, "plumb run large"}};
    const std::vector<std::string> stages{"queries", "heads", "batch"};
    const std::vector<std::string> impls{"loop", "broadcast", "einsum", "sdpa", "fused"};
    const std::vector<std::string> masks{"none", "causal"};
    for (int i = 0; i < points; ++i) {
        const auto pick = [&](const std::vector<std::string>& list, int divisor) {
            return list[static_cast<std::size_t>(i / divisor) % list.size()];
        };
        const lab::Point at = point(pick(stages, 10), pick(impls, 1), pick(masks, 5), 32 + i / 30, 64);
        lab::Record record = done_record(at, "sweep", 1e-3 * (1 + i), static_cast<std::uint64_t>(i));
        record.metrics.push_back({"rate", 1.0 / 3 * i + 1, 1.0 / 3 * i + 0.9, 1.0 / 3 * i + 1.1, 40});
        record.run = fmt::format("20261122T014237.{:03}Z-{}", i % 1000, at.short_hash());
        record.checks.push_back(
            lab::at_most("allclose to loop", "slow form of the same stage", "share of elements outside rtol 1e-5", 0, 0));
        record.checks.back().repro = record.checks.front().repro;
        view.rows.push_back({0, at, record});
    }
    (void)store;
    return view;
}

}  // namespace plumb::report::testing
