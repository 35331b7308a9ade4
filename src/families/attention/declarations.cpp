// SPDX-License-Identifier: Apache-2.0
#include "families/attention/declarations.h"

#include "families/attention/executor.h"
#include "kernels/attention/inputs.h"

namespace plumb::families::attention {

namespace {

using lab::Type;
using lab::Value;

std::vector<Value> texts(const std::vector<std::string>& words) {
    return {words.begin(), words.end()};
}

std::vector<Value> distribution_names() {
    std::vector<Value> names;
    for (const auto& distribution : kernels::attention::distributions()) names.emplace_back(std::string(distribution.name));
    return names;
}

lab::Parameter choice(std::string name, std::string help, const std::string& default_value, std::vector<Value> choices) {
    lab::Parameter parameter;
    parameter.name = std::move(name);
    parameter.help = std::move(help);
    parameter.type = Type::text;
    parameter.default_value = default_value;
    parameter.choices = std::move(choices);
    return parameter;
}

lab::Parameter count(std::string name, std::string help, std::int64_t default_value, double low, double high) {
    lab::Parameter parameter;
    parameter.name = std::move(name);
    parameter.help = std::move(help);
    parameter.type = Type::integer;
    parameter.default_value = default_value;
    parameter.low = low;
    parameter.high = high;
    return parameter;
}

lab::Settings where(const std::string& stage, const std::string& impl) {
    return {{"stage", stage}, {"impl", impl}, {"mask", std::string("boolean")}};
}

lab::Figure speedup() {
    lab::Figure figure;
    figure.name = "speedup";
    figure.title = "Speed-up over the loop";
    figure.caption =
        "Each implementation against the slow form of the same stage, on the same inputs: ratio of medians, with a 95 % bootstrap "
        "interval. "
        "Ticks: the notebook's figures, on another machine and against a loop in Python; here the loop is C++ and costs less.";
    figure.mark = lab::Mark::bars;
    figure.x = "impl";
    figure.y = "time";
    figure.colour = "impl";
    figure.facet_column = "stage";
    figure.facet_row = "mask";
    figure.y_scale = lab::Scale::log10;
    figure.relative = lab::Relative{"impl", "loop"};
    figure.y_title = "times the loop";
    const std::string source = "notebook 004, Colab, 2021";
    figure.published = {{where("queries", "broadcast"), 22.8, source},   {where("heads", "broadcast"), 39.8, source},
                        {where("batch", "broadcast"), 51.3, source},     {where("heads", "einsum"), 25.5, source},
                        {where("heads", "einsum-direct"), 34.7, source}, {where("batch", "einsum"), 49.8, source}};
    return figure;
}

lab::Figure against_length(const std::string& name, const std::string& title, const std::string& caption, const std::string& y) {
    lab::Figure figure;
    figure.name = name;
    figure.title = title;
    figure.caption = caption;
    figure.mark = lab::Mark::lines;
    figure.x = "keys";
    figure.y = y;
    figure.colour = "impl";
    figure.facet_column = "mask";
    figure.x_scale = lab::Scale::log2;
    figure.y_scale = lab::Scale::log10;
    figure.x_title = "sequence length N = M";
    return figure;
}

lab::Figure throughput() {
    lab::Figure figure =
        against_length("throughput", "Throughput against sequence length",
                       "Operations of the two products by the median time; a causal mask counts the visible half. "
                       "Dashed: the fused multiply-add peak that the same threads reached in a probe taken between the samples.",
                       "throughput");
    figure.reference = "peak";
    figure.reference_title = "measured peak";
    return figure;
}

lab::Figure dataflow() {
    lab::Figure figure;
    figure.name = "dataflow";
    figure.title = "How multi-head attention flows";
    figure.caption =
        "Shapes at every step: B batch, N queries, M keys, H heads, D head dimension, E value dimension. The fused kernel never stores "
        "what is dashed.";
    figure.mark = lab::Mark::drawing;
    figure.graphviz = R"dot(digraph attention {
  rankdir=LR; node [shape=box, style=rounded, fontname="sans-serif", fontsize=11, margin="0.12,0.06"]; edge [fontname="sans-serif", fontsize=10];
  Q [label="Q\nB N H D", shape=plaintext]; K [label="K\nB M H D", shape=plaintext]; V [label="V\nB M H E", shape=plaintext]; mask [label="mask\nB N M", shape=plaintext];
  heads [label="heads first"]; scores [label="scores\nQ K' / sqrt D"]; hide [label="hide keys\n(-inf)"]; soft [label="softmax\nover M"];
  mix [label="weights V"]; back [label="heads back"]; out [label="out\nB N H E", shape=plaintext];
  Q -> heads; K -> heads; heads -> scores [label="B H N D,  B H M D"]; scores -> hide [label="B H N M", style=dashed]; mask -> hide;
  hide -> soft [label="B H N M", style=dashed]; soft -> mix [label="B H N M", style=dashed]; V -> mix [label="B H M E"]; mix -> back [label="B H N E"]; back -> out;
})dot";
    return figure;
}

lab::Metric metric(std::string name, std::string help, std::string unit, lab::Metric::Better better, bool headline) {
    return {std::move(name), std::move(help), std::move(unit), better, headline};
}

}  // namespace

const lab::Schema& schema() {
    static const lab::Schema made(std::vector<lab::Parameter>{
        choice("stage", "what is computed at once: queries of one head, heads of one record, or a batch of records", "batch",
               texts({"queries", "heads", "batch"})),
        choice("impl", "implementation", "fused", texts(implementation_names())),
        choice("mask", "which keys are hidden from which query", "none", texts({"none", "boolean", "key_padding", "causal"})),
        count("batch", "records B; 1 at the stages queries and heads", 32, 1, 65536),
        count("heads", "heads H; 1 at the stage queries", 8, 1, 1024),
        count("queries", "queries N", 32, 1, 1 << 20),
        count("keys", "keys M; 0 leaves nothing to attend to", 32, 0, 1 << 20),
        count("head_dim", "columns D of a query and a key", 64, 1, 4096),
        count("value_dim", "columns E of a value", 64, 1, 4096),
        choice("inputs", "distribution of the generated queries, keys and values", "uniform01", distribution_names()),
        choice("layout", "memory order of the inputs", "bnhd", texts({"bnhd", "bhnd"})),
        choice("isa", "instruction set of plumb's kernels; best is what the machine and PLUMB_ISA give", "best",
               texts({"best", "scalar", "avx2", "avx512", "amx"})),
        count("threads", "threads of this implementation", 1, 1, 1024),
        count("tries", "fresh inputs; each is verified, and timing goes round through as many as fit into memory", 10, 1, 10000),
    });
    return made;
}

const std::vector<lab::Metric>& metrics() {
    using Better = lab::Metric::Better;
    static const std::vector<lab::Metric> made = {
        metric("time", "median time of one call", "s", Better::lower, true),
        metric("mean_time", "average time of one call, as the notebook prints it", "s", Better::lower, false),
        metric("time_spread", "standard deviation of the time of one call", "s", Better::lower, false),
        metric("throughput", "operations of the two products by the median time", "GFLOP/s", Better::higher, true),
        metric("peak", "fused multiply-add peak of the same threads, measured between the samples", "GFLOP/s", Better::neither, false),
        metric("share_of_peak", "throughput by peak", "share", Better::higher, true),
        metric("max_error", "largest error against fp64 over all tries", "", Better::lower, false),
        metric("error_ratio", "largest error by the largest error of the plain fp32 form; the rule allows about 2", "", Better::lower,
               true),
        metric("hidden_rows", "queries without a visible key over all tries, which are zeros by definition", "", Better::neither, false),
        metric("nan_rows", "of those, the rows that this implementation gave as NaN", "", Better::neither, false),
    };
    return made;
}

const std::vector<lab::Figure>& figures() {
    static const std::vector<lab::Figure> made = {
        speedup(),
        against_length("time", "Time against sequence length", "Median time of one call, with its 95 % interval.", "time"),
        throughput(),
        against_length(
            "error", "Error against fp64",
            "Largest absolute error over the outputs that were compared. Plain fp32 is the yardstick: the rule allows twice its error.",
            "max_error"),
        dataflow(),
    };
    return made;
}

}  // namespace plumb::families::attention
