// SPDX-License-Identifier: Apache-2.0
#include "families/fault/request.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/text.h"
#include "base/units.h"
#include "families/fault/declarations.h"
#include "lab/setting.h"

namespace plumb::families::fault {

namespace {

namespace ka = kernels::attention;
namespace kp = kernels::protect;

constexpr std::int64_t tokens = 16384;
constexpr std::int64_t trials_of_a_stratum = 192;

lab::Value& value_of(lab::Settings& settings, std::string_view name) {
    return std::ranges::find(settings, name, &lab::Setting::name)->value;
}

Task task_of(const lab::Settings& settings) {
    const std::string& name = lab::setting<std::string>(settings, "task");
    return name == "campaign" ? Task::campaign : name == "clean" ? Task::clean : Task::overhead;
}

bool is_fused(const kp::Scheme& scheme) {
    return scheme.name.starts_with("fused");
}

void replace_zero(lab::Settings& settings, std::string_view name, std::int64_t by) {
    lab::Value& value = value_of(settings, name);
    if (std::get<std::int64_t>(value) == 0) value = by;
}

void reset(lab::Settings& settings, std::string_view name) {
    value_of(settings, name) = schema().at(name).default_value;
}

std::vector<kp::Site> sites_of(const lab::Settings& settings, const kp::Scheme& scheme) {
    const std::string& name = lab::setting<std::string>(settings, "site");
    if (name == all_of_them) return {scheme.sites.begin(), scheme.sites.end()};
    return {kp::site_named(name)};
}

std::vector<kp::FaultModel> models_of(const lab::Settings& settings) {
    const std::string& name = lab::setting<std::string>(settings, "model");
    if (name != all_of_them) return {kp::fault_model_named(name)};
    std::vector<kp::FaultModel> models;
    for (int i = 0; i < kp::fault_model_count; ++i) models.push_back(static_cast<kp::FaultModel>(i));
    return models;
}

kp::Checks checks_of(const lab::Settings& settings) {
    const auto& names = check_sets();
    const auto level = std::ranges::find(names, lab::setting<std::string>(settings, "checks")) - names.begin();
    constexpr std::ptrdiff_t outputs = 1, scores = 2, first_of_exponentials = 3;
    kp::Checks checks;
    checks.outputs = level >= outputs;
    checks.scores = level >= scores;
    checks.maxima = level >= scores;
    checks.exponentials =
        level < first_of_exponentials
            ? kp::ExponentialCheck::none
            : static_cast<kp::ExponentialCheck>(static_cast<int>(kp::ExponentialCheck::sum) + static_cast<int>(level) - 3);
    checks.second_weights = lab::setting<std::int64_t>(settings, "weights") == 2;
    return checks;
}

/// B and H as they are run: their product divided by `scale`, heads first.
ka::Shape scaled_shape(const lab::Settings& settings) {
    const std::int64_t length = lab::setting<std::int64_t>(settings, "length");
    const std::int64_t dim = lab::setting<std::int64_t>(settings, "head_dim");
    const std::int64_t scale = lab::setting<std::int64_t>(settings, "scale");
    const std::int64_t heads = lab::setting<std::int64_t>(settings, "heads");
    const std::int64_t batch = lab::setting<std::int64_t>(settings, "batch");
    ka::Shape shape{batch, std::max<std::int64_t>(heads / scale, 1), length, length, dim, dim};
    if (scale > heads) shape.batch = std::max<std::int64_t>(batch * heads / scale, 1);
    return shape;
}

/// All settings that are not at their defaults, but for the number of the trial.
std::string replay_line(const lab::Settings& settings, std::uint64_t seed) {
    std::string line = "plumb run family:fault";
    for (const lab::Setting& each : settings) {
        const lab::Parameter& parameter = schema().at(each.name);
        if (each.name == "trial" || each.value == parameter.default_value) continue;
        line += " " + base::shell_quote(each.name + "=" + lab::format(each.value, parameter.type));
    }
    return line + " --seed " + std::to_string(seed);
}

}  // namespace

lab::Settings resolve(lab::Settings settings) {
    const Task task = task_of(settings);
    const kp::Scheme& scheme = kp::scheme(lab::setting<std::string>(settings, "scheme"));
    const bool timed = task == Task::overhead;
    replace_zero(settings, "heads", timed ? 32 : 1);
    replace_zero(settings, "head_dim", timed ? 128 : 64);
    replace_zero(settings, "length", timed ? 2048 : 512);
    replace_zero(settings, "batch", timed ? std::max<std::int64_t>(tokens / lab::setting<std::int64_t>(settings, "length"), 1) : 1);
    replace_zero(settings, "scale", timed ? 16 : 1);
    if (!is_fused(scheme) || scheme.level == kp::Level::none) {
        reset(settings, "checks");
        reset(settings, "weights");
    }
    if (task != Task::overhead) reset(settings, "recovery");
    if (task != Task::clean) reset(settings, "row_checks");
    if (task != Task::campaign) {
        for (const char* name : {"site", "model", "positions", "trials", "trial"}) reset(settings, name);
        return settings;
    }
    const std::string& site = lab::setting<std::string>(settings, "site");
    if (site == "skipped_block") reset(settings, "model");
    const bool drawn = lab::setting<std::string>(settings, "positions") == "drawn";
    if (drawn) {
        const auto strata = static_cast<std::int64_t>(sites_of(settings, scheme).size() * models_of(settings).size());
        replace_zero(settings, "trials", std::max<std::int64_t>(strata, 1) * trials_of_a_stratum);
    }
    return settings;
}

Request read_request(const lab::Settings& settings, std::uint64_t seed) {
    Request request;
    request.task = task_of(settings);
    request.scheme = &kp::scheme(lab::setting<std::string>(settings, "scheme"));
    const std::string& level = lab::setting<std::string>(settings, "level");
    request.protection.level = level == "default" ? request.scheme->level : kp::level_named(level);
    request.protection.checks = checks_of(settings);
    request.protection.thresholds = kp::threshold_kind_named(lab::setting<std::string>(settings, "thresholds"));
    request.shape = scaled_shape(settings);
    request.options.layout = ka::Layout::bhnd;
    request.options.dtype = base::parse_dtype(lab::setting<std::string>(settings, "dtype"));
    request.options.mask = lab::setting<std::string>(settings, "mask") == "causal" ? ka::MaskKind::causal : ka::MaskKind::none;
    request.distribution = lab::setting<std::string>(settings, "inputs");
    request.threads = static_cast<int>(lab::setting<std::int64_t>(settings, "threads"));
    request.recovery = lab::setting<bool>(settings, "recovery");
    request.seed = seed;
    request.sites = sites_of(settings, *request.scheme);
    request.models = models_of(settings);
    request.exhaustive = lab::setting<std::string>(settings, "positions") == "exhaustive";
    request.trials = lab::setting<std::int64_t>(settings, "trials");
    request.only_trial = lab::setting<std::int64_t>(settings, "trial");
    request.row_checks = lab::setting<std::int64_t>(settings, "row_checks");
    request.replay = replay_line(settings, seed);
    return request;
}

void require_possible(const Request& request) {
    const kp::Scheme& scheme = *request.scheme;
    const auto refuse = [&](const std::string& reason, const std::string& hint) {
        throw base::Error(base::ErrorKind::unsupported, "scheme " + std::string(scheme.name) + ": " + reason, hint);
    };
    if (request.protection.level > scheme.level) {
        refuse("level " + std::string(kp::name(request.protection.level)) + " is more than it does, which is " +
                   std::string(kp::name(scheme.level)),
               "leave level out");
    }
    ka::Problem problem;
    problem.shape = request.shape;
    problem.mask.kind = request.options.mask;
    problem.dtype = request.options.dtype;
    if (const std::string reason = scheme.reason(problem); !reason.empty()) refuse(reason, "choose one of the fused schemes");
    constexpr double most_score_bytes = 4e9;
    const double score_bytes = 4.0 * static_cast<double>(request.shape.queries) * static_cast<double>(request.shape.keys);
    if (!is_fused(scheme) && score_bytes * request.threads > most_score_bytes)
        refuse("stored scores of " + base::format_size(score_bytes) + " for each of " + std::to_string(request.threads) + " threads",
               "choose a shorter length or fewer threads");
    if (request.task != Task::campaign) return;
    if (scheme.inject == nullptr) refuse("faults cannot be injected into it", "the sites of each scheme: docs/fault.md");
    for (const kp::Site site : request.sites) {
        if (std::ranges::find(scheme.sites, site) == scheme.sites.end())
            refuse("it has no site " + std::string(kp::name(site)), "site=all goes through those that it has");
    }
    if (request.exhaustive && (request.sites.size() != 1 || request.models != std::vector{kp::FaultModel::bit}))
        refuse("positions=exhaustive goes through the bits of one site", "name one site, and model=bit");
}

}  // namespace plumb::families::fault
