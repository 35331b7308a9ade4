// SPDX-License-Identifier: Apache-2.0
// The attention forms that LibTorch users write, timed as peers of plumb's own kernels. Each form sees tensors of the stage's rank:
// queries (N, D), heads (N, H, D), batch (B, N, H, D), so that a lower stage pays for no axis it does not have.
// To add a form: a function from Inputs to the output and one line of `forms`; the tests walk attention_peers().
//
// Legend: B batch, H heads, N queries, M keys, D head_dim, E value_dim. Shape suffixes name the axes of the highest stage.
#include "nn/attention_peers.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>
#include <torch/headeronly/version.h>

#include <array>
#include <cmath>
#include <utility>

#include "base/error.h"
#include "base/text.h"
#include "nn/problem_tensors.h"

namespace plumb::nn {

namespace {

using base::Error;
using base::ErrorKind;
using kernels::attention::Problem;

/// Views of the borrowed arrays, built once; an undefined `hidden` means that every key is visible.
struct Inputs {
    at::Tensor q_BNHD;
    at::Tensor k_BMHD;  ///< with the key heads alone
    at::Tensor v_BMHE;
    at::Tensor hidden_BNM;      ///< expanded without copying; rank 2 below the batch stage
    at::Tensor bias_BHNM;       ///< in the type of q; undefined without a bias
    at::Tensor sdpa_mask_BHNM;  ///< inverted mask (true takes part), or bias with -inf where hidden; undefined where is_causal says it all
    bool sdpa_is_causal = false;
    std::int64_t group = 1;  ///< heads that share a key head
    double scale = 1;
};

at::Tensor softmax_over_visible(at::Tensor score, const at::Tensor& hidden) {
    if (hidden.defined()) score = score.masked_fill(hidden, -INFINITY);
    return at::softmax(score, -1);
}

/// What changes the scores of some part of the problem: the same axes left to select from in both.
struct Changes {
    at::Tensor hidden;
    at::Tensor bias;
};

at::Tensor selected(const at::Tensor& x, std::int64_t axis, std::int64_t index) {
    return x.defined() ? x.select(axis, index) : x;
}

at::Tensor weights(const at::Tensor& product, double scale, const Changes& changes) {
    const at::Tensor score = product * scale;
    return softmax_over_visible(changes.bias.defined() ? score + changes.bias : score, changes.hidden);
}

at::Tensor one_query(const at::Tensor& q_1D, const at::Tensor& k_MD, const at::Tensor& v_ME, const Changes& changes_M, double scale) {
    return at::matmul(weights(at::matmul(q_1D, k_MD.t()), scale, changes_M), v_ME);
}

at::Tensor loop_queries(const at::Tensor& q_ND, const at::Tensor& k_MD, const at::Tensor& v_ME, const Changes& changes_NM, double scale) {
    std::vector<at::Tensor> rows_1E;
    for (std::int64_t query = 0; query < q_ND.size(0); ++query) {
        const Changes changes_M{selected(changes_NM.hidden, 0, query), selected(changes_NM.bias, 0, query)};
        rows_1E.push_back(one_query(q_ND.select(0, query).unsqueeze(0), k_MD, v_ME, changes_M, scale));
    }
    return at::stack(rows_1E).squeeze(1);
}

/// `changes`: hidden NM, bias HNM.
at::Tensor loop_heads(const at::Tensor& q_NHD, const at::Tensor& k_MHD, const at::Tensor& v_MHE, const Changes& changes, double scale) {
    std::vector<at::Tensor> heads_NE;
    for (std::int64_t head = 0; head < q_NHD.size(1); ++head) {
        const Changes changes_NM{changes.hidden, selected(changes.bias, 0, head)};
        heads_NE.push_back(loop_queries(q_NHD.select(1, head), k_MHD.select(1, head), v_MHE.select(1, head), changes_NM, scale));
    }
    return at::stack(heads_NE).transpose(0, 1);
}

at::Tensor loop(const Inputs& in) {
    const Changes changes{in.hidden_BNM, in.bias_BHNM};
    switch (in.q_BNHD.dim()) {
        case 2:
            return loop_queries(in.q_BNHD, in.k_BMHD, in.v_BMHE, changes, in.scale);
        case 3:
            return loop_heads(in.q_BNHD, in.k_BMHD, in.v_BMHE, changes, in.scale);
        default:
            break;
    }
    std::vector<at::Tensor> records_NHE;
    for (std::int64_t record = 0; record < in.q_BNHD.size(0); ++record) {
        const Changes of_record{selected(changes.hidden, 0, record), selected(changes.bias, 0, record)};
        records_NHE.push_back(
            loop_heads(in.q_BNHD.select(0, record), in.k_BMHD.select(0, record), in.v_BMHE.select(0, record), of_record, in.scale));
    }
    return at::stack(records_NHE);
}

/// (B, N, H, D) -> (B, H, N, D) and back; a tensor without heads stays as it is.
at::Tensor swap_rows_and_heads(const at::Tensor& x) {
    return x.dim() == 2 ? x : x.transpose(-3, -2);
}

/// The mask with an axis for the heads where scores have one before the record's.
Changes changes_of_scores(const Inputs& in) {
    return {in.hidden_BNM.defined() && in.q_BNHD.dim() == 4 ? in.hidden_BNM.unsqueeze(1) : in.hidden_BNM, in.bias_BHNM};
}

at::Tensor broadcast(const Inputs& in) {
    const at::Tensor q_BHND = swap_rows_and_heads(in.q_BNHD);
    const at::Tensor k_BHDM = swap_rows_and_heads(in.k_BMHD).transpose(-2, -1);
    const at::Tensor v_BHME = swap_rows_and_heads(in.v_BMHE);
    const at::Tensor weight_BHNM = weights(at::matmul(q_BHND, k_BHDM), in.scale, changes_of_scores(in));
    return swap_rows_and_heads(at::matmul(weight_BHNM, v_BHME));
}

at::Tensor einsum(const Inputs& in) {
    static constexpr std::array<const char*, 3> score = {"nd,md->nm", "hnd,hmd->hnm", "bhnd,bhmd->bhnm"};
    static constexpr std::array<const char*, 3> output = {"nm,me->ne", "hnm,hme->hne", "bhnm,bhme->bhne"};
    const auto stage = static_cast<std::size_t>(in.q_BNHD.dim() - 2);
    const at::Tensor product_BHNM = at::einsum(score[stage], {swap_rows_and_heads(in.q_BNHD), swap_rows_and_heads(in.k_BMHD)});
    const at::Tensor weight_BHNM = weights(product_BHNM, in.scale, changes_of_scores(in));
    return swap_rows_and_heads(at::einsum(output[stage], {weight_BHNM, swap_rows_and_heads(in.v_BMHE)}));
}

at::Tensor einsum_direct(const Inputs& in) {
    static constexpr std::array<const char*, 3> score = {"nd,md->nm", "nhd,mhd->hnm", "bnhd,bmhd->bhnm"};
    static constexpr std::array<const char*, 3> output = {"nm,me->ne", "hnm,mhe->nhe", "bhnm,bmhe->bnhe"};
    const auto stage = static_cast<std::size_t>(in.q_BNHD.dim() - 2);
    const at::Tensor product_BHNM = at::einsum(score[stage], {in.q_BNHD, in.k_BMHD});
    return at::einsum(output[stage], {weights(product_BHNM, in.scale, changes_of_scores(in)), in.v_BMHE});
}

/// LibTorch takes its fused kernel for four axes only, so lower stages get leading axes of one.
at::Tensor sdpa(const Inputs& in) {
    const auto four_axes = [](const at::Tensor& x) {
        const at::Tensor x_BHND = swap_rows_and_heads(x);
        return x.dim() == 4 ? x_BHND : x.dim() == 3 ? x_BHND.unsqueeze(0) : x_BHND.unsqueeze(0).unsqueeze(0);
    };
    const std::optional<at::Tensor> mask = in.sdpa_mask_BHNM.defined() ? std::optional(in.sdpa_mask_BHNM) : std::nullopt;
    const at::Tensor out_BHNE = at::scaled_dot_product_attention(four_axes(in.q_BNHD), four_axes(in.k_BMHD), four_axes(in.v_BMHE), mask,
                                                                 /*dropout_p=*/0.0, in.sdpa_is_causal, in.scale,
                                                                 /*enable_gqa=*/in.group > 1);
    return out_BHNE.transpose(1, 2);
}

struct Form {
    const char* name;
    at::Tensor (*compute)(const Inputs&);
    bool stacks_rows;   ///< builds the output from a list of rows, which must not be empty
    bool shares_heads;  ///< reads grouped key heads as they are; false: they are repeated first, in every call, as users do
};

constexpr std::array<Form, 5> forms = {{
    {"loop", loop, true, false},
    {"broadcast", broadcast, false, false},
    {"einsum", einsum, false, false},
    {"einsum-direct", einsum_direct, false, false},
    {"sdpa", sdpa, false, true},
}};

const Form& find_form(const std::string& name) {
    for (const Form& form : forms) {
        if (name == form.name) return form;
    }
    throw Error(ErrorKind::usage, "unknown attention peer '" + name + "'", base::suggest(name, attention_peers()));
}

std::int64_t rank_of_stage(const kernels::attention::Shape& shape) {
    return shape.batch != 1 ? 4 : shape.heads != 1 ? 3 : 2;
}

/// Below the batch stage without the axes that the stage does not have.
at::Tensor at_stage(const Problem& problem, const at::Tensor& x_BRHC) {
    switch (rank_of_stage(problem.shape)) {
        case 2:
            return x_BRHC.select(2, 0).select(0, 0);
        case 3:
            return x_BRHC.select(0, 0);
        default:
            return x_BRHC;
    }
}

/// Mask and bias as scaled_dot_product_attention takes them, made once.
void set_sdpa_mask(const Problem& problem, const at::Tensor& hidden, const at::Tensor& bias, Inputs& in) {
    in.sdpa_is_causal = is_causal_alone(problem) && !bias.defined();
    if (bias.defined()) {
        in.sdpa_mask_BHNM = hidden.defined() ? bias.masked_fill(hidden.unsqueeze(1), -INFINITY) : bias;
    } else if (hidden.defined() && !in.sdpa_is_causal) {
        in.sdpa_mask_BHNM = hidden.logical_not().unsqueeze(1);
    }
}

Inputs wrap(const Problem& problem) {
    const kernels::attention::Shape& shape = problem.shape;
    Inputs in;
    in.q_BNHD = at_stage(problem, view_BRHC(problem, problem.q, query_sizes(problem), problem.q_strides));
    in.k_BMHD = at_stage(problem, view_BRHC(problem, problem.k, key_sizes(problem), problem.k_strides));
    in.v_BMHE = at_stage(problem, view_BRHC(problem, problem.v, value_sizes(problem), problem.v_strides));
    in.group = shape.group();
    in.scale = kernels::attention::effective_scale(problem);
    const at::Tensor hidden = hidden_keys(problem);
    const at::Tensor bias = bias_BHNM(problem);
    const std::int64_t rank = rank_of_stage(shape);
    if (hidden.defined()) {
        const at::Tensor hidden_BNM = hidden.expand({shape.batch, shape.queries, shape.keys});
        in.hidden_BNM = rank == 4 ? hidden_BNM : hidden_BNM.select(0, 0);
    }
    if (bias.defined()) in.bias_BHNM = rank == 4 ? bias : rank == 3 ? bias.select(0, 0) : bias.select(0, 0).select(0, 0);
    set_sdpa_mask(problem, hidden, bias, in);
    return in;
}

/// A copy of each key head for each of its heads, for forms that know one head count only.
Inputs with_repeated_heads(Inputs in) {
    in.k_BMHD = in.k_BMHD.repeat_interleave(in.group, -2);
    in.v_BMHE = in.v_BMHE.repeat_interleave(in.group, -2);
    return in;
}

class FormOnProblem : public AttentionPeer {
  public:
    FormOnProblem(const Form& form, const Problem& problem)
        : form_(form), threads_(problem.threads), inputs_(guarded<c10::InferenceMode>(form.name, [&] { return wrap(problem); })) {}

    void forward() override {
        set_torch_threads(threads_);
        const bool repeat = inputs_.group > 1 && !form_.shares_heads;
        guarded<c10::InferenceMode>(form_.name, [&] { output_ = form_.compute(repeat ? with_repeated_heads(inputs_) : inputs_); });
    }

    void copy_output(std::span<float> out_BNHE) const override {
        if (!output_.defined()) throw Error(ErrorKind::internal, std::string(form_.name) + ": output asked for before forward()");
        if (static_cast<std::int64_t>(out_BNHE.size()) != output_.numel()) {
            throw Error(ErrorKind::internal, std::string(form_.name) + ": output has " + std::to_string(output_.numel()) +
                                                 " elements, the destination " + std::to_string(out_BNHE.size()));
        }
        guarded<c10::InferenceMode>(form_.name, [&] { at::from_blob(out_BNHE.data(), output_.sizes(), at::kFloat).copy_(output_); });
    }

  private:
    const Form& form_;
    int threads_;
    Inputs inputs_;
    at::Tensor output_;
};

}  // namespace

std::vector<std::string> attention_peers() {
    std::vector<std::string> names;
    for (const Form& form : forms) names.emplace_back(form.name);
    return names;
}

std::string why_not(const std::string& name, const Problem& problem) {
    const Form& form = find_form(name);
    const kernels::attention::Shape& shape = problem.shape;
    if (form.stacks_rows && (shape.batch == 0 || shape.heads == 0 || shape.queries == 0)) {
        return "no rows to stack: batch, heads and queries must be at least 1";
    }
    if (problem.precision != kernels::attention::Precision::highest) {
        return "LibTorch lowers the precision of the whole process, not of one call";
    }
    if (has_negative_strides(problem)) return "LibTorch takes no negative strides";
    return {};
}

std::unique_ptr<AttentionPeer> make_attention_peer(const std::string& name, const Problem& problem) {
    const Form& form = find_form(name);
    kernels::attention::validate(problem);
    if (const std::string reason = why_not(name, problem); !reason.empty()) throw Error(ErrorKind::unsupported, name + ": " + reason);
    return std::make_unique<FormOnProblem>(form, problem);
}

void set_torch_threads(int threads) {
    if (threads < 1) throw Error(ErrorKind::usage, "threads = " + std::to_string(threads), "at least 1");
    if (at::get_num_threads() != threads) at::set_num_threads(threads);
}

std::string torch_version() {
    return std::to_string(TORCH_VERSION_MAJOR) + "." + std::to_string(TORCH_VERSION_MINOR) + "." + std::to_string(TORCH_VERSION_PATCH);
}

}  // namespace plumb::nn
