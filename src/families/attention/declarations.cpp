// SPDX-License-Identifier: Apache-2.0
#include "families/attention/declarations.h"

#include "families/attention/executor.h"
#include "kernels/attention/inputs.h"
#include "lab/declare.h"

namespace plumb::families::attention {

namespace {

using namespace lab::declare;

std::vector<std::string> mask_choices() {
    std::vector<std::string> names;
    for (const auto& [kind, name] : mask_names()) names.emplace_back(name);
    return names;
}

}  // namespace

const std::vector<std::pair<kernels::attention::MaskKind, std::string>>& mask_names() {
    using kernels::attention::MaskKind;
    static const std::vector<std::pair<MaskKind, std::string>> names = {{MaskKind::none, "none"},
                                                                        {MaskKind::boolean, "boolean"},
                                                                        {MaskKind::key_padding, "key_padding"},
                                                                        {MaskKind::causal, "causal"},
                                                                        {MaskKind::sliding_window, "sliding_window"}};
    return names;
}

const lab::Schema& schema() {
    static const lab::Schema made(std::vector<lab::Parameter>{
        choice("stage", "what is computed at once: queries of one head, heads of one record, or a batch of records", "batch",
               {"queries", "heads", "batch"}),
        choice("impl", "implementation", "fused", implementation_names()),
        choice("direction", "the output, or the gradients of q, k and v from saved output and log-sum-exp (fused and sdpa)", "forward",
               {"forward", "backward"}),
        choice("mask", "which keys are hidden from which query", "none", mask_choices()),
        count("window_left", "with a mask: keys before a query's own place that it sees; -1: all", -1, -1, 1 << 20),
        count("window_right", "with a mask: keys after a query's own place that it sees; -1: all (causal: none)", -1, -1, 1 << 20),
        flag("bias", "a bias of normal numbers, B x H x N x M, is added to the scores"),
        count("batch", "records B; 1 at the stages queries and heads", 32, 1, 65536),
        count("heads", "heads H; 1 at the stage queries", 8, 1, 1024),
        count("key_heads", "heads of keys and values, a divisor of H; 0: as many as H", 0, 0, 1024),
        count("queries", "queries N", 32, 1, 1 << 20),
        count("keys", "keys M; 0 leaves nothing to attend to", 32, 0, 1 << 20),
        count("head_dim", "columns D of a query and a key", 64, 1, 4096),
        count("value_dim", "columns E of a value", 64, 1, 4096),
        choice("inputs", "distribution of the generated queries, keys and values", "uniform01", kernels::attention::distribution_names()),
        real("scale", "factor of the scores; 0: 1 / sqrt(D)", 0),
        choice("dtype", "type of queries, keys, values and output", "fp32", {"fp32", "bf16", "fp16"}),
        choice("precision", "arithmetic, by PyTorch's names: fp32 all through, three bf16 products, bf16 products", "highest",
               {"highest", "high", "medium"}),
        choice("layout", "memory order of the inputs", "bnhd", {"bnhd", "bhnd"}),
        choice("isa", "instruction set of plumb's kernels; best is what the machine and PLUMB_ISA give", "best",
               {"best", "scalar", "avx2", "avx512", "amx"}),
        count("threads", "threads of this implementation", 1, 1, 1024),
        count("tries", "fresh inputs; each is verified, and timing goes round through as many as fit into memory", 10, 1, 10000),
        text("input", "file with q, k, v and, where wanted, mask, bias and d_out (.safetensors, .npz); empty: inputs are generated"),
        text("output",
             "file that the result is written to, out and lse, or dq, dk and dv (.safetensors, .npz); {impl} stands for that setting's "
             "value"),
    });
    return made;
}

const std::vector<lab::Metric>& metrics() {
    using Better = lab::Metric::Better;
    static const std::vector<lab::Metric> made = {
        metric("time", "median time of one call", "s", Better::lower, true),
        metric("mean_time", "average time of one call, as the notebook prints it", "s", Better::lower, false),
        metric("time_spread", "standard deviation of the time of one call", "s", Better::lower, false),
        metric("throughput", "operations of the products (forward two, backward five) by the median time", "GFLOP/s", Better::higher, true),
        metric("peak", "fused multiply-add peak of the same threads, measured between the samples", "GFLOP/s", Better::neither, false),
        metric("share_of_peak", "throughput by peak", "share", Better::higher, true),
        metric("bandwidth", "bytes of visible keys and values, queries and output by the median time", "B/s", Better::higher, false),
        metric("read_bandwidth", "the same keys and values read with wide loads by the same threads, between the samples", "B/s",
               Better::neither, false),
        metric("share_of_bandwidth", "bandwidth by read_bandwidth", "share", Better::higher, false),
        metric("memory",
               "most memory that a call took beyond inputs and results; LibTorch's forms return their results, so theirs holds them", "B",
               Better::lower, false),
        metric("max_error", "largest error against fp64 over all tries", "", Better::lower, false),
        metric("error_ratio", "largest error by half of what the accuracy rule allows: at most 2", "", Better::lower, true),
        metric("hidden_rows", "queries without a visible key over all tries, which are zeros by definition", "", Better::neither, false),
        metric("nan_rows", "of those, the rows that this implementation gave as NaN", "", Better::neither, false),
    };
    return made;
}

}  // namespace plumb::families::attention
