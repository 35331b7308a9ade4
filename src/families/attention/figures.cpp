// SPDX-License-Identifier: Apache-2.0
// How the numbers of the family are drawn.
#include "families/attention/declarations.h"

namespace plumb::families::attention {

namespace {

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

/// Shares stand on a linear axis, which one wide interval would stretch beyond reading: intervals are in the table.
lab::Figure share(lab::Figure figure) {
    figure.y_scale = lab::Scale::linear;
    figure.band = false;
    return figure;
}

lab::Figure memory() {
    lab::Figure figure =
        against_length("memory", "Memory of a call against sequence length",
                       "Most memory that one call took beyond its inputs, as pages that the kernel counted. What stores the "
                       "N x M scores grows fourfold where the length doubles.",
                       "memory");
    figure.y_title = "memory of a call";
    return figure;
}

lab::Figure bandwidth() {
    lab::Figure figure = share(against_length(
        "bandwidth", "Share of the read bandwidth",
        "Bytes that a call must touch by its median time, as a share of the bandwidth at which plain wide loads on "
        "the same threads read the same keys and values between the samples. Where they fit into a cache, that bandwidth is the cache's.",
        "share_of_bandwidth"));
    figure.facet_column = "key_heads";
    figure.x_title = "keys M";
    return figure;
}

lab::Figure throughput() {
    lab::Figure figure =
        against_length("throughput", "Throughput against sequence length",
                       "Operations of the products (forward two, backward five) by the median time; a causal mask counts the visible half. "
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

}  // namespace

const std::vector<lab::Figure>& figures() {
    static const std::vector<lab::Figure> made = {
        speedup(),
        against_length("time", "Time against sequence length", "Median time of one call, with its 95 % interval.", "time"),
        throughput(),
        share(against_length("share_of_peak", "Share of the multiply-add peak against sequence length",
                             "Throughput as a share of the fused multiply-add peak that the same threads reached between the samples.",
                             "share_of_peak")),
        memory(),
        bandwidth(),
        against_length(
            "error", "Error against fp64",
            "Largest absolute error over the outputs that were compared, rounding to their type included. Plain fp32 is the yardstick: the "
            "rule "
            "allows twice its error. LibTorch's forms of 16 bits store scores and weights in the type, and so does their yardstick.",
            "max_error"),
        dataflow(),
    };
    return made;
}

}  // namespace plumb::families::attention
