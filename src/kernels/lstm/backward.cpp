// SPDX-License-Identifier: Apache-2.0
// The backward pass. First the recurrence, last step first: for each block of units the gradient by their h_t is what the loss gives plus
// the gates' gradients of step t + 1 times W_hh, and the gradients of their own gates follow at once; one barrier a step. Then the
// gradients of weights and input, each one product over all positions. Where positions share rows of the input, their gates' gradients are
// added up first, in order of position, and those two products run over rows.
#include <omp.h>

#include <algorithm>

#include "base/error.h"
#include "kernels/buffer.h"
#include "kernels/gemm/gemm.h"
#include "kernels/lstm/layout.h"
#include "kernels/lstm/step.h"

namespace plumb::kernels::lstm {
namespace {

class BackwardPass {
  public:
    BackwardPass(const Layer& layer, const Trace& trace, const float* h_BTH, const Upstream& upstream, const Gradients& gradients)
        : layer_(layer),
          shape_(layer.shape),
          trace_(trace),
          h_BTH_(h_BTH),
          upstream_(upstream),
          gradients_(gradients),
          layout_(shape_),
          step_threads_(useful_threads(layer)),
          kernel_(step_kernel(current_isa())),
          weight_rows_(layout_.weight_rows()),
          packed_(make_float_buffer(layout_.blocks * packed_floats())),
          dgates_(make_float_buffer(layout_.positions * layout_.gate_stride)),
          dbias_(make_float_buffer(layout_.gates)),
          dc_(make_float_buffer(shape_.batch * layout_.unit_stride)),
          sums_(make_float_buffer(step_threads_ * sums_floats())) {}

    void run() {
        std::fill_n(dbias_.get(), layout_.gates, 0.0F);
        start_dc();
        recur();
        write_states_and_biases();
        if (gradients_.w_hh_GH != nullptr) differentiate_w_hh();
        if (gradients_.w_ih_GI == nullptr && gradients_.rows_RI == nullptr) return;
        if (layer_.input.row_of == nullptr) {
            differentiate_input_of_positions();
        } else {
            differentiate_input_of_rows();
        }
    }

  private:
    std::int64_t packed_floats() const { return layout_.gates * block_units; }
    std::int64_t sums_floats() const { return shape_.batch * block_units; }
    float* packed(std::int64_t block) const { return packed_.get() + block * packed_floats(); }
    float* dgates_at(std::int64_t t) const { return dgates_.get() + t * shape_.batch * layout_.gate_stride; }

    void start_dc() const {
        std::fill_n(dc_.get(), shape_.batch * layout_.unit_stride, 0.0F);
        for (std::int64_t b = 0; b < shape_.batch && upstream_.c_last_BH != nullptr; ++b)
            std::copy_n(upstream_.c_last_BH + b * shape_.hidden, shape_.hidden, dc_.get() + b * layout_.unit_stride);
    }

    void recur() const {
        // Nothing below allocates or throws.
#pragma omp parallel num_threads(step_threads_)
        {
            float* sums = sums_.get() + omp_get_thread_num() * sums_floats();
#pragma omp for schedule(static)
            for (std::int64_t block = 0; block < layout_.blocks; ++block)
                kernel_.pack_backward(layer_.weights.w_hh_GH, shape_.hidden, block, packed(block));
            for (std::int64_t t = shape_.steps - 1; t >= 0; --t) {
                const BackwardStep step = make_step(t);
#pragma omp for schedule(static)
                for (std::int64_t block = 0; block < layout_.blocks; ++block) {
                    recurrent_dh(t, block, sums);
                    add_given_dh(t, block, sums);
                    kernel_.differentiate(step, block, sums);
                    clear_padding(step, block);
                }
            }
#pragma omp for schedule(static)
            for (std::int64_t block = 0; block < (gradients_.h0_BH == nullptr ? 0 : layout_.blocks); ++block) {
                recurrent_dh(-1, block, sums);
                for (std::int64_t b = 0; b < shape_.batch; ++b) {
                    std::copy_n(sums + b * block_units, layout_.present(block), gradients_.h0_BH + b * shape_.hidden + block * block_units);
                }
            }
        }
    }

    BackwardStep make_step(std::int64_t t) const {
        const std::int64_t cells = shape_.batch * layout_.unit_stride;
        return {.batch = shape_.batch,
                .unit_stride = layout_.unit_stride,
                .gate_stride = layout_.gate_stride,
                .gates = trace_.gates + t * shape_.batch * layout_.gate_stride,
                .c_before = trace_.cells + t * cells,
                .c = trace_.cells + (t + 1) * cells,
                .dc = dc_.get(),
                .dgates = dgates_at(t),
                .dbias = dbias_.get()};
    }

    /// Gradients by h_t of the block's units that step t + 1 gives.
    void recurrent_dh(std::int64_t t, std::int64_t block, float* dh_B16) const {
        if (t + 1 == shape_.steps) {
            std::fill_n(dh_B16, sums_floats(), 0.0F);
        } else {
            kernel_.multiply_backward(dgates_at(t + 1), layout_.gate_stride, shape_.batch, layout_.gates, packed(block), dh_B16);
        }
    }

    /// Those that the loss itself gives: last, because a sum of many small terms that starts from a large one rounds at the size of that
    /// one.
    void add_given_dh(std::int64_t t, std::int64_t block, float* dh_B16) const {
        const std::int64_t present = layout_.present(block);
        const float* all = upstream_.h_BTH;
        const float* last = t + 1 == shape_.steps ? upstream_.h_last_BH : nullptr;
        for (std::int64_t b = 0; b < shape_.batch; ++b, dh_B16 += block_units) {
            if (all != nullptr) add(all + (b * shape_.steps + t) * shape_.hidden + block * block_units, present, dh_B16);
            if (last != nullptr) add(last + b * shape_.hidden + block * block_units, present, dh_B16);
        }
    }

    static void add(const float* numbers, std::int64_t count, float* to) {
        for (std::int64_t n = 0; n < count; ++n) to[n] += numbers[n];
    }

    /// The products run over padding too: it must be nothing, whatever stood there.
    void clear_padding(const BackwardStep& step, std::int64_t block) const {
        const std::int64_t present = layout_.present(block);
        for (std::int64_t b = 0; b < shape_.batch && present < block_units; ++b) {
            for (std::int64_t q = 0; q < 4; ++q) {
                std::fill_n(step.dgates + b * layout_.gate_stride + block * block_gates + q * block_units + present, block_units - present,
                            0.0F);
            }
        }
    }

    void write_states_and_biases() const {
        for (std::int64_t b = 0; b < shape_.batch && gradients_.c0_BH != nullptr; ++b)
            std::copy_n(dc_.get() + b * layout_.unit_stride, shape_.hidden, gradients_.c0_BH + b * shape_.hidden);
        for (std::int64_t q = 0; q < 4 && gradients_.b_G != nullptr; ++q) {
            for (std::int64_t u = 0; u < shape_.hidden; ++u) gradients_.b_G[q * shape_.hidden + u] = dbias_[Layout::column(q, u)];
        }
    }

    /// Sum over steps of dgates_t^T h_{t-1}: those whose h_{t-1} is an output, then the first.
    void differentiate_w_hh() const {
        const FloatBuffer product_memory = make_float_buffer(layout_.gates * shape_.hidden);
        std::vector<std::int64_t> before = Layout::sequence_order(shape_);
        for (std::int64_t& row : before) --row;
        gemm::Product product;
        product.m = layout_.gates;
        product.n = shape_.hidden;
        product.k = layout_.positions - shape_.batch;
        product.a = {.data = dgates_at(1), .stride = layout_.gate_stride, .transposed = true};
        product.b = {.data = h_BTH_, .stride = shape_.hidden, .rows = before.data() + shape_.batch};
        product.c_MN = product_memory.get();
        product.c_stride = shape_.hidden;
        product.threads = layer_.threads;
        gemm::multiply(product);
        if (layer_.h0_BH != nullptr) {
            product.k = shape_.batch;
            product.a.data = dgates_at(0);
            product.b = {.data = layer_.h0_BH, .stride = shape_.hidden};
            product.accumulate = true;
            gemm::multiply(product);
        }
        to_weight_order(product_memory.get(), shape_.hidden, gradients_.w_hh_GH);
    }

    void differentiate_input_of_positions() const {
        const std::vector<std::int64_t> time_order = Layout::time_order(shape_);
        std::vector<std::int64_t> stored = Layout::sequence_order(shape_);
        for (std::int64_t& row : stored) row = layer_.input.stored == nullptr ? row : layer_.input.stored[row];
        differentiate_w_ih(dgates_.get(), stored.data());
        differentiate_rows(dgates_.get(), time_order.data());
    }

    void differentiate_input_of_rows() const {
        const FloatBuffer summed = make_float_buffer(layer_.input.rows * layout_.gate_stride);
        add_up_by_row(summed.get());
        differentiate_w_ih(summed.get(), layer_.input.stored);
        differentiate_rows(summed.get(), nullptr);
    }

    /// dgates of all positions that read a row, added up in time order.
    void add_up_by_row(float* summed) const {
        const std::vector<std::int64_t> positions = Layout::sequence_order(shape_);
        std::vector<std::vector<std::int64_t>> readers(static_cast<std::size_t>(layer_.input.rows));
        for (std::size_t n = 0; n < positions.size(); ++n)
            readers[static_cast<std::size_t>(layer_.input.row_of[positions[n]])].push_back(static_cast<std::int64_t>(n));
#pragma omp parallel for num_threads(step_threads_) schedule(static)
        for (std::int64_t r = 0; r < layer_.input.rows; ++r) {
            float* sum = summed + r * layout_.gate_stride;
            std::fill_n(sum, layout_.gates, 0.0F);
            for (const std::int64_t n : readers[static_cast<std::size_t>(r)]) {
                const float* dgates = dgates_.get() + n * layout_.gate_stride;
                for (std::int64_t j = 0; j < layout_.gates; ++j) sum[j] += dgates[j];
            }
        }
    }

    void differentiate_w_ih(const float* dgates, const std::int64_t* stored) const {
        if (gradients_.w_ih_GI == nullptr) return;
        const FloatBuffer product_memory = make_float_buffer(layout_.gates * shape_.input);
        gemm::Product product;
        product.m = layout_.gates;
        product.n = shape_.input;
        product.k = layer_.input.rows;
        product.a = {.data = dgates, .stride = layout_.gate_stride, .transposed = true};
        product.b = {.data = layer_.input.data, .stride = shape_.input, .rows = stored};
        product.c_MN = product_memory.get();
        product.c_stride = shape_.input;
        product.threads = layer_.threads;
        gemm::multiply(product);
        to_weight_order(product_memory.get(), shape_.input, gradients_.w_ih_GI);
    }

    void differentiate_rows(const float* dgates, const std::int64_t* order) const {
        if (gradients_.rows_RI == nullptr) return;
        gemm::Product product;
        product.m = layer_.input.rows;
        product.n = shape_.input;
        product.k = layout_.gates;
        product.a = {.data = dgates, .stride = layout_.gate_stride, .rows = order};
        product.b = {.data = layer_.weights.w_ih_GI, .stride = shape_.input, .rows = weight_rows_.data()};
        product.c_MN = gradients_.rows_RI;
        product.c_stride = shape_.input;
        product.threads = layer_.threads;
        gemm::multiply(product);
    }

    void to_weight_order(const float* by_columns, std::int64_t width, float* by_rows) const {
#pragma omp parallel for num_threads(step_threads_) schedule(static)
        for (std::int64_t row = 0; row < 4 * shape_.hidden; ++row) {
            const std::int64_t column = Layout::column(row / shape_.hidden, row % shape_.hidden);
            std::copy_n(by_columns + column * width, width, by_rows + row * width);
        }
    }

    const Layer& layer_;
    const Shape& shape_;
    const Trace& trace_;
    const float* h_BTH_;
    const Upstream& upstream_;
    const Gradients& gradients_;
    const Layout layout_;
    const int step_threads_;
    const StepKernel& kernel_;
    const std::vector<std::int64_t> weight_rows_;
    FloatBuffer packed_;
    FloatBuffer dgates_;
    FloatBuffer dbias_;
    FloatBuffer dc_;
    FloatBuffer sums_;
};

}  // namespace

void backward(const Layer& layer, const Trace& trace, const float* h_BTH, const Upstream& upstream, const Gradients& gradients) {
    validate(layer, trace);
    if (h_BTH == nullptr)
        throw base::Error(base::ErrorKind::usage, "LSTM layer: the output is a null pointer", "pass what forward() wrote");
    BackwardPass(layer, trace, h_BTH, upstream, gradients).run();
}

}  // namespace plumb::kernels::lstm
