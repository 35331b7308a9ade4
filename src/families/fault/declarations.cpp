// SPDX-License-Identifier: Apache-2.0
#include "families/fault/declarations.h"

#include "kernels/attention/inputs.h"
#include "kernels/protect/scheme.h"
#include "lab/declare.h"

namespace plumb::families::fault {

namespace {

using namespace lab::declare;
namespace kp = kernels::protect;

std::vector<std::string> scheme_names() {
    std::vector<std::string> names;
    for (const kp::Scheme& scheme : kp::schemes()) names.emplace_back(scheme.name);
    return names;
}

template <class Enum>
std::vector<std::string> names_with_all(int count) {
    std::vector<std::string> names = {all_of_them};
    for (int i = 0; i < count; ++i) names.emplace_back(kp::name(static_cast<Enum>(i)));
    return names;
}

}  // namespace

const std::vector<std::string>& check_sets() {
    static const std::vector<std::string> names = {"none", "outputs", "scores", "exp_sum", "exp_band", "exp_twice"};
    return names;
}

const lab::Schema& schema() {
    static const lab::Schema made(std::vector<lab::Parameter>{
        choice("task", "overhead: time clean runs; campaign: inject faults; clean: count false alarms of clean runs", "overhead",
               {"overhead", "campaign", "clean"}),
        choice("scheme", "how attention is protected", "decoupled", scheme_names()),
        choice("level", "what it does about a fault; default: the most that the scheme can", "default",
               {"default", "none", "detect", "correct"}),
        choice("checks", "of the fused schemes, each with those before it: outputs, scores and maxima, three checks of exponentials",
               "exp_sum", check_sets()),
        count("weights", "of the fused schemes: sums over the outputs, the second with alternating signs", 2, 1, 2),
        choice("thresholds", "calibrated: by rounding noise; provable: worst case of every rounding", "calibrated",
               {"calibrated", "provable"}),
        count("heads", "heads H; 0: 32, of a campaign 1", 0, 0, 1024),
        count("head_dim", "columns of queries, keys and values; 0: 128, of a campaign 64", 0, 0, 4096),
        count("length", "queries and keys; 0: 2048, of a campaign 512", 0, 0, 1 << 20),
        count("batch", "records B; 0: 16384 / length, of a campaign 1", 0, 0, 65536),
        count("scale", "B x H is divided by it, and is at least 1; 0: 16, of a campaign 1", 0, 0, 1 << 20),
        choice("dtype", "type of queries, keys, values and output", "fp16", {"fp32", "bf16", "fp16"}),
        choice("inputs", "distribution of the generated queries, keys and values", "uniform", kernels::attention::distribution_names()),
        choice("mask", "which keys are hidden from which query", "none", {"none", "causal"}),
        count("threads", "threads of a run; of a campaign and of clean runs: runs at once, each on one thread", 1, 1, 1024),
        flag("recovery", "overhead: also time runs with a fault that is repaired"),
        choice("site", "campaign: where faults strike; all: every site of the scheme in turn", all_of_them,
               names_with_all<kp::Site>(kp::site_count)),
        choice("model", "campaign: what goes wrong; all: every model in turn", "bit",
               names_with_all<kp::FaultModel>(kp::fault_model_count)),
        choice("positions", "campaign: drawn, a third each in the first, a middle and the last block of keys; or every number and bit",
               "drawn", {"drawn", "exhaustive"}),
        count("trials", "campaign: faults injected, one a run; 0: 192 for each site and model, exhaustive: all there are", 0, 0, 1e9),
        count("trial", "campaign: run this one alone; -1: all", -1, -1, 1e9),
        count("row_checks", "clean: comparisons to be made at least", 100000, 1, 1e12),
    });
    return made;
}

const std::vector<lab::Metric>& metrics() {
    using Better = lab::Metric::Better;
    static const std::vector<lab::Metric> made = {
        metric("time", "overhead: median time of one clean run", "s", Better::lower, true),
        metric("throughput", "operations of the two products by the median time", "GFLOP/s", Better::higher, true),
        metric("recovery_time", "what a run with a fault that is repaired takes longer than one without; both by the injecting code", "s",
               Better::lower),
        metric("recovery_share", "the same as a share of the run", "share", Better::lower),
        metric("run_heads", "heads that are run, of B x H divided by scale", "", Better::neither),
        metric("run_batch", "records that are run", "", Better::neither),
        metric("error_ratio", "largest error by half of what the accuracy rule allows: at most 2", "", Better::lower),
        metric("injections", "faults injected", "", Better::neither, true),
        metric("harmful", "of those, faults that move an unprotected output by more than 0.001 of the output's root mean square", "",
               Better::neither, true),
        metric("coverage", "share of the harmful faults that were corrected or reported, with its Wilson interval", "share", Better::higher,
               true),
        metric("correction", "share of the harmful faults after which the output has the bits of a clean run", "share", Better::higher,
               true),
        metric("masked", "outputs with the bits of a clean run, nothing reported", "", Better::neither),
        metric("corrected", "outputs with the bits of a clean run after a correction", "", Better::neither),
        metric("detected", "outputs that differ, and the run says that it is not to be trusted", "", Better::neither),
        metric("silent", "outputs that differ, and the run says nothing", "", Better::lower),
        metric("false_alarm", "alarms about an output that has the bits of a clean run, without a correction", "", Better::lower),
        metric("crash", "runs that ended with an error", "", Better::lower),
        metric("silent_harmful", "silent ones that are harmful", "", Better::lower, true),
        metric("escaped_max", "largest silent change of an output, by the output's root mean square", "", Better::lower, true),
        metric("escaped_l2", "largest silent change of all outputs together, by their root of squares", "", Better::lower),
        metric("row_checks", "comparisons of a check in clean runs; of a campaign: of one", "", Better::neither),
        metric("clean_alarms", "alarms of clean runs: false ones", "", Better::lower, true),
        metric("clean_alarm_rate", "the same by row_checks, with its Wilson interval", "", Better::lower),
        metric("largest_residual", "of clean runs, as a share of its threshold", "share", Better::neither, true),
        metric("clean_runs", "clean runs, each on inputs of its own", "", Better::neither),
    };
    return made;
}

}  // namespace plumb::families::fault
