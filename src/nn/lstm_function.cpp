// SPDX-License-Identifier: Apache-2.0
#include "nn/lstm_function.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "kernels/buffer.h"
#include "kernels/lstm/lstm.h"

namespace plumb::nn {

namespace {

using base::Error;
using base::ErrorKind;
using kernels::lstm::Layer;
using kernels::lstm::Shape;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;
using OptionalTensor = std::optional<at::Tensor>;

OptionalTensor optional(const at::Tensor& x) {
    return x.defined() ? OptionalTensor(x) : std::nullopt;
}

const float* numbers(const at::Tensor& x) {
    return x.defined() ? x.const_data_ptr<float>() : nullptr;
}
float* memory(const at::Tensor& x) {
    return x.defined() ? x.mutable_data_ptr<float>() : nullptr;
}

/// Memory as kernels like it (kernels/buffer.h), owned by a tensor.
at::Tensor buffer_tensor(std::int64_t floats) {
    kernels::FloatBuffer buffer = kernels::make_float_buffer(floats);
    float* data = buffer.release();
    return at::from_blob(
        data, {floats}, [](void* memory) { kernels::FreeFloats()(static_cast<float*>(memory)); }, at::kFloat);
}

std::string describe(const at::Tensor& x) {
    if (!x.defined()) return "undefined";
    std::string sizes;
    for (const std::int64_t size : x.sizes()) sizes += (sizes.empty() ? "" : ", ") + std::to_string(size);
    return x.toString() + " (" + sizes + ")";
}

void require(const at::Tensor& x, const char* name, at::ScalarType type, at::IntArrayRef sizes, const char* shape) {
    if (x.defined() && x.is_cpu() && x.scalar_type() == type && x.sizes() == sizes) return;
    throw Error(ErrorKind::usage, std::string("LSTM layer: ") + name + " is " + describe(x),
                std::string("with these weights it must be ") + (type == at::kFloat ? "fp32 " : "int64 ") + shape + " on the CPU");
}

/// Sizes from the weights and the batch; throws naming what does not fit them.
Shape fitting_shape(const at::Tensor& positions_BTx, std::int64_t input, const LstmParameters& p, const at::Tensor& h0_BH,
                    const at::Tensor& c0_BH) {
    if (!p.weight_hh_GH.defined() || p.weight_hh_GH.dim() != 2) require(p.weight_hh_GH, "weight_hh", at::kFloat, {0, 0}, "(4 H, H)");
    Shape s;
    s.batch = positions_BTx.size(0);
    s.steps = positions_BTx.size(1);
    s.input = input;
    s.hidden = p.weight_hh_GH.size(1);
    require(p.weight_hh_GH, "weight_hh", at::kFloat, {4 * s.hidden, s.hidden}, "(4 H, H)");
    require(p.weight_ih_GI, "weight_ih", at::kFloat, {4 * s.hidden, s.input}, "(4 H, I)");
    if (p.bias_ih_G.defined()) require(p.bias_ih_G, "bias_ih", at::kFloat, {4 * s.hidden}, "(4 H)");
    if (p.bias_hh_G.defined()) require(p.bias_hh_G, "bias_hh", at::kFloat, {4 * s.hidden}, "(4 H)");
    if (h0_BH.defined()) require(h0_BH, "h0", at::kFloat, {s.batch, s.hidden}, "(B, H)");
    if (c0_BH.defined()) require(c0_BH, "c0", at::kFloat, {s.batch, s.hidden}, "(B, H)");
    return s;
}

/// Rows of the input and who reads them: a B x T x I tensor, or rows `stored` of a table, position n reading `row_of`[n].
struct InputRows {
    at::Tensor data;
    at::Tensor stored;  ///< undefined: a row for each position
    at::Tensor row_of;

    kernels::lstm::Input borrowed(std::int64_t positions) const {
        if (!stored.defined()) return {.data = numbers(data), .rows = positions};
        return {numbers(data), stored.numel(), stored.const_data_ptr<std::int64_t>(), row_of.const_data_ptr<std::int64_t>()};
    }
};

/// What backward() needs, in the order in which it is saved.
enum Saved : std::size_t { data, stored, row_of, weight_ih, weight_hh, h0, output, gates, cells };

struct LstmLayer : torch::autograd::Function<LstmLayer> {
    static variable_list forward(AutogradContext* context, const at::Tensor& rows, const at::Tensor& w_ih, const at::Tensor& w_hh,
                                 const OptionalTensor& b_ih, const OptionalTensor& b_hh, const OptionalTensor& h0_BH,
                                 const OptionalTensor& c0_BH, const OptionalTensor& stored_rows, const OptionalTensor& row_of_positions,
                                 at::IntArrayRef sizes, std::int64_t threads, const TableGradient& table_gradient) {
        const Shape shape{sizes[0], sizes[1], sizes[2], sizes[3]};
        const auto given = [](const OptionalTensor& x) { return x.value_or(at::Tensor()); };
        const InputRows input{rows, given(stored_rows), given(row_of_positions)};
        Layer layer;
        layer.shape = shape;
        layer.input = input.borrowed(shape.batch * shape.steps);
        layer.weights = {numbers(w_ih), numbers(w_hh), numbers(given(b_ih)), numbers(given(b_hh))};
        layer.h0_BH = numbers(given(h0_BH));
        layer.c0_BH = numbers(given(c0_BH));
        layer.threads = static_cast<int>(threads);
        const at::Tensor h_BTH = at::empty({shape.batch, shape.steps, shape.hidden}, rows.options());
        const at::Tensor h_last_BH = at::empty({shape.batch, shape.hidden}, rows.options());
        const at::Tensor c_last_BH = at::empty({shape.batch, shape.hidden}, rows.options());
        const at::Tensor trace_gates = buffer_tensor(kernels::lstm::gate_floats(shape));
        const at::Tensor trace_cells = buffer_tensor(kernels::lstm::cell_floats(shape));
        kernels::lstm::forward(layer, {memory(trace_gates), memory(trace_cells)}, {memory(h_BTH), memory(h_last_BH), memory(c_last_BH)});
        context->save_for_backward({rows, input.stored, input.row_of, w_ih, w_hh, given(h0_BH), h_BTH, trace_gates, trace_cells});
        context->saved_data["shape"] = sizes;
        context->saved_data["threads"] = threads;
        context->saved_data["sparse"] = table_gradient.sparse;
        context->saved_data["padding"] = table_gradient.padding;
        // In this order autograd counts the arguments that are there.
        context->saved_data["present"] =
            std::vector<bool>{true, true, true, b_ih.has_value(), b_hh.has_value(), h0_BH.has_value(), c0_BH.has_value()};
        context->set_materialize_grads(false);
        return {h_BTH, h_last_BH, c_last_BH};
    }

    static variable_list backward(AutogradContext* context, const variable_list& outputs) {
        if (at::GradMode::is_enabled()) {
            throw Error(ErrorKind::unsupported, "the LSTM layer has no second derivatives", "differentiate once, without create_graph");
        }
        const variable_list saved = context->get_saved_variables();
        const std::vector<std::int64_t> sizes = context->saved_data["shape"].toIntVector();
        const Shape shape{sizes[0], sizes[1], sizes[2], sizes[3]};
        const InputRows input{saved[Saved::data], saved[Saved::stored], saved[Saved::row_of]};
        Layer layer;
        layer.shape = shape;
        layer.input = input.borrowed(shape.batch * shape.steps);
        layer.weights = {numbers(saved[Saved::weight_ih]), numbers(saved[Saved::weight_hh])};
        layer.h0_BH = numbers(saved[Saved::h0]);
        layer.threads = static_cast<int>(context->saved_data["threads"].toInt());

        const at::TensorOptions options = input.data.options();
        const std::vector<bool> wanted = which_are_wanted(context);
        const auto make = [&](bool is_wanted, at::IntArrayRef of) { return is_wanted ? at::empty(of, options) : at::Tensor(); };
        const at::Tensor rows = make(wanted[0], {layer.input.rows, shape.input});
        const at::Tensor w_ih = make(wanted[1], {4 * shape.hidden, shape.input});
        const at::Tensor w_hh = make(wanted[2], {4 * shape.hidden, shape.hidden});
        const at::Tensor b = make(wanted[3] || wanted[4], {4 * shape.hidden});
        const at::Tensor h0 = make(wanted[5], {shape.batch, shape.hidden});
        const at::Tensor c0 = make(wanted[6], {shape.batch, shape.hidden});
        const auto contiguous = [](const at::Tensor& x) { return x.defined() ? x.contiguous() : x; };
        const at::Tensor dh_BTH = contiguous(outputs[0]);
        const at::Tensor dh_last_BH = contiguous(outputs[1]);
        const at::Tensor dc_last_BH = contiguous(outputs[2]);
        kernels::lstm::backward(layer, {memory(saved[Saved::gates]), memory(saved[Saved::cells])}, numbers(saved[Saved::output]),
                                {numbers(dh_BTH), numbers(dh_last_BH), numbers(dc_last_BH)},
                                {memory(rows), memory(w_ih), memory(w_hh), memory(b), memory(h0), memory(c0)});
        const at::Tensor none;
        // Two tensors: what autograd is given for one bias it may add to in place.
        const at::Tensor b_hh = wanted[3] && wanted[4] ? b.clone() : b;
        const TableGradient table_gradient{context->saved_data["sparse"].toBool(), context->saved_data["padding"].toInt()};
        return {wanted[0] ? as_input(rows, input, table_gradient) : none,
                w_ih,
                w_hh,
                wanted[3] ? b : none,
                wanted[4] ? b_hh : none,
                h0,
                c0,
                none,
                none,
                none,
                none,
                none};
    }

  private:
    static std::vector<bool> which_are_wanted(AutogradContext* context) {
        std::vector<bool> wanted;
        std::size_t edge = 0;
        for (const bool present : context->saved_data["present"].toBoolList()) {
            wanted.push_back(present && context->needs_input_grad(edge));
            if (present) ++edge;
        }
        return wanted;
    }

    /// Gradients of rows in the shape of what they are rows of.
    static at::Tensor as_input(const at::Tensor& rows, const InputRows& input, const TableGradient& wanted) {
        if (!input.stored.defined()) return rows.view(input.data.sizes());
        const std::span ids(input.stored.const_data_ptr<std::int64_t>(), static_cast<std::size_t>(input.stored.numel()));
        const auto padding = std::ranges::lower_bound(ids, wanted.padding);
        if (padding != ids.end() && *padding == wanted.padding) rows.select(0, padding - ids.begin()).zero_();
        if (!wanted.sparse) return at::zeros_like(input.data).index_copy_(0, input.stored, rows);
        return at::sparse_coo_tensor(input.stored.unsqueeze(0), rows, input.data.sizes(), rows.options().layout(at::kSparse),
                                     /*is_coalesced=*/true);
    }
};

std::tuple<at::Tensor, at::Tensor, at::Tensor> apply(const InputRows& input, const Shape& shape, const LstmParameters& p,
                                                     const at::Tensor& h0_BH, const at::Tensor& c0_BH, const TableGradient& table_gradient,
                                                     int threads) {
    const auto contiguous = [](const at::Tensor& x) { return x.defined() ? x.contiguous() : x; };
    const std::int64_t sizes[] = {shape.batch, shape.steps, shape.input, shape.hidden};
    const variable_list outputs =
        LstmLayer::apply(input.data.contiguous(), p.weight_ih_GI.contiguous(), p.weight_hh_GH.contiguous(),
                         optional(contiguous(p.bias_ih_G)), optional(contiguous(p.bias_hh_G)), optional(contiguous(h0_BH)),
                         optional(contiguous(c0_BH)), optional(input.stored), optional(input.row_of), at::IntArrayRef(sizes),
                         static_cast<std::int64_t>(threads == 0 ? at::get_num_threads() : threads), table_gradient);
    return {outputs[0], outputs[1], outputs[2]};
}

at::Tensor to_tensor(const std::vector<std::int64_t>& rows) {
    return at::tensor(at::ArrayRef<std::int64_t>(rows), at::kLong);
}

}  // namespace

std::tuple<at::Tensor, at::Tensor, at::Tensor> lstm_layer(const at::Tensor& input_BTI, const LstmParameters& parameters,
                                                          const at::Tensor& h0_BH, const at::Tensor& c0_BH, int threads) {
    if (!input_BTI.defined() || input_BTI.dim() != 3) require(input_BTI, "the input", at::kFloat, {0, 0, 0}, "(B, T, I)");
    require(input_BTI, "the input", at::kFloat, input_BTI.sizes(), "(B, T, I)");
    const Shape shape = fitting_shape(input_BTI, input_BTI.size(2), parameters, h0_BH, c0_BH);
    return apply({input_BTI, {}, {}}, shape, parameters, h0_BH, c0_BH, {}, threads);
}

std::tuple<at::Tensor, at::Tensor, at::Tensor> lstm_layer_of_ids(const at::Tensor& table_VI, const at::Tensor& ids_BT,
                                                                 const LstmParameters& parameters, const at::Tensor& h0_BH,
                                                                 const at::Tensor& c0_BH, const TableGradient& gradient, int threads) {
    if (!table_VI.defined() || table_VI.dim() != 2) require(table_VI, "the table", at::kFloat, {0, 0}, "(V, I)");
    require(table_VI, "the table", at::kFloat, table_VI.sizes(), "(V, I)");
    if (!ids_BT.defined() || ids_BT.dim() != 2) require(ids_BT, "ids", at::kLong, {0, 0}, "(B, T)");
    require(ids_BT, "ids", at::kLong, ids_BT.sizes(), "(B, T)");
    const Shape shape = fitting_shape(ids_BT, table_VI.size(1), parameters, h0_BH, c0_BH);
    const at::Tensor ids = ids_BT.contiguous();
    const auto distinct =
        kernels::lstm::distinct_rows({ids.const_data_ptr<std::int64_t>(), static_cast<std::size_t>(ids.numel())}, table_VI.size(0));
    return apply({table_VI, to_tensor(distinct.stored), to_tensor(distinct.row_of)}, shape, parameters, h0_BH, c0_BH, gradient, threads);
}

}  // namespace plumb::nn
