// SPDX-License-Identifier: Apache-2.0
// The forward pass: W_ih x of all rows of the input as one product, into the memory of the gates; then the recurrence, blocks of units
// shared out among threads with one barrier a step. W_hh is packed once, each thread packing the blocks that it will read.
#include <omp.h>

#include <algorithm>

#include "base/error.h"
#include "kernels/buffer.h"
#include "kernels/gemm/gemm.h"
#include "kernels/lstm/layout.h"
#include "kernels/lstm/step.h"

namespace plumb::kernels::lstm {
namespace {

class ForwardPass {
  public:
    ForwardPass(const Layer& layer, const Trace& trace, const Output& output)
        : layer_(layer),
          shape_(layer.shape),
          trace_(trace),
          output_(output),
          layout_(shape_),
          step_threads_(useful_threads(layer)),
          kernel_(step_kernel(current_isa())),
          positions_(Layout::sequence_order(shape_)),
          packed_(make_float_buffer(layout_.blocks * packed_floats())),
          bias_(make_float_buffer(layout_.gates)),
          states_(make_float_buffer(2 * shape_.batch * layout_.unit_stride)),
          sums_(make_float_buffer(step_threads_ * sums_floats())) {
        if (layer.input.row_of == nullptr) {
            projected_ = trace.gates;
            return;
        }
        projections_ = make_float_buffer(layer.input.rows * layout_.gate_stride);
        projected_ = projections_.get();
        row_of_.reserve(positions_.size());
        for (const std::int64_t position : positions_) row_of_.push_back(layer.input.row_of[position]);
    }

    void run() {
        project();
        add_biases();
        start(layer_.h0_BH, states_.get());
        start(layer_.c0_BH, trace_.cells);
        // Nothing below allocates or throws.
#pragma omp parallel num_threads(step_threads_)
        {
#pragma omp for schedule(static)
            for (std::int64_t block = 0; block < layout_.blocks; ++block)
                kernel_.pack_forward(layer_.weights.w_hh_GH, shape_.hidden, block, packed(block));
            for (std::int64_t t = 0; t < shape_.steps; ++t) {
                const ForwardStep step = make_step(t);
#pragma omp for schedule(static)
                for (std::int64_t block = 0; block < layout_.blocks; ++block) {
                    kernel_.forward(step, block, packed(block), sums_of_this_thread());
                    write_outputs(step, t, block);
                }
            }
        }
        copy_last(states_at(shape_.steps), output_.h_last_BH);
        copy_last(cells_at(shape_.steps), output_.c_last_BH);
    }

  private:
    std::int64_t packed_floats() const {
        return shape_.hidden * block_gates;
    }
    std::int64_t sums_floats() const {
        return shape_.batch * block_gates;
    }
    float* packed(std::int64_t block) const {
        return packed_.get() + block * packed_floats();
    }
    float* sums_of_this_thread() const {
        return sums_.get() + omp_get_thread_num() * sums_floats();
    }
    float* cells_at(std::int64_t t) const {
        return trace_.cells + t * shape_.batch * layout_.unit_stride;
    }
    float* states_at(std::int64_t t) const {
        return states_.get() + t % 2 * shape_.batch * layout_.unit_stride;
    }

    void project() const {
        const std::vector<std::int64_t> weight_rows = layout_.weight_rows();
        std::vector<std::int64_t> stored;
        const std::int64_t* input_rows = layer_.input.stored;
        if (layer_.input.row_of == nullptr) {
            stored = positions_;
            if (input_rows != nullptr) {
                for (std::int64_t& row : stored) row = input_rows[row];
            }
            input_rows = stored.data();
        }
        gemm::Product product;
        product.m = layer_.input.rows;
        product.n = layout_.gates;
        product.k = shape_.input;
        product.a = {.data = layer_.input.data, .stride = shape_.input, .rows = input_rows};
        product.b = {.data = layer_.weights.w_ih_GI, .stride = shape_.input, .transposed = true, .rows = weight_rows.data()};
        product.c_MN = projected_;
        product.c_stride = layout_.gate_stride;
        product.threads = layer_.threads;
        gemm::multiply(product);
    }

    void add_biases() const {
        const Weights& w = layer_.weights;
        std::fill_n(bias_.get(), layout_.gates, 0.0F);
        for (std::int64_t q = 0; q < 4; ++q) {
            for (std::int64_t u = 0; u < shape_.hidden; ++u) {
                const std::int64_t row = q * shape_.hidden + u;
                bias_[Layout::column(q, u)] = (w.b_ih_G == nullptr ? 0 : w.b_ih_G[row]) + (w.b_hh_G == nullptr ? 0 : w.b_hh_G[row]);
            }
        }
    }

    void start(const float* given_BH, float* states) const {
        std::fill_n(states, shape_.batch * layout_.unit_stride, 0.0F);
        for (std::int64_t b = 0; b < shape_.batch && given_BH != nullptr; ++b)
            std::copy_n(given_BH + b * shape_.hidden, shape_.hidden, states + b * layout_.unit_stride);
    }

    ForwardStep make_step(std::int64_t t) const {
        float* gates = trace_.gates + t * shape_.batch * layout_.gate_stride;
        return {.batch = shape_.batch,
                .hidden = shape_.hidden,
                .unit_stride = layout_.unit_stride,
                .gate_stride = layout_.gate_stride,
                .h = states_at(t),
                .c = cells_at(t),
                .projected = row_of_.empty() ? gates : projected_,
                .row_of = row_of_.empty() ? nullptr : row_of_.data() + t * shape_.batch,
                .bias = bias_.get(),
                .gates = gates,
                .h_next = states_at(t + 1),
                .c_next = cells_at(t + 1)};
    }

    void write_outputs(const ForwardStep& step, std::int64_t t, std::int64_t block) const {
        for (std::int64_t b = 0; b < shape_.batch; ++b) {
            std::copy_n(step.h_next + b * layout_.unit_stride + block * block_units, layout_.present(block),
                        output_.h_BTH + (b * shape_.steps + t) * shape_.hidden + block * block_units);
        }
    }

    void copy_last(const float* states, float* to_BH) const {
        for (std::int64_t b = 0; b < shape_.batch && to_BH != nullptr; ++b)
            std::copy_n(states + b * layout_.unit_stride, shape_.hidden, to_BH + b * shape_.hidden);
    }

    const Layer& layer_;
    const Shape& shape_;
    const Trace& trace_;
    const Output& output_;
    const Layout layout_;
    const int step_threads_;
    const StepKernel& kernel_;
    const std::vector<std::int64_t> positions_;
    std::vector<std::int64_t> row_of_;  ///< in time order; empty where each position has its own row
    FloatBuffer packed_;
    FloatBuffer bias_;
    FloatBuffer states_;  ///< h of this step and of the next, in turn
    FloatBuffer sums_;
    FloatBuffer projections_;
    float* projected_ = nullptr;
};

}  // namespace

void forward(const Layer& layer, const Trace& trace, const Output& output) {
    validate(layer, trace);
    if (output.h_BTH == nullptr)
        throw base::Error(base::ErrorKind::usage, "LSTM layer: the output is a null pointer", "pass memory for B x T x H numbers");
    ForwardPass(layer, trace, output).run();
}

}  // namespace plumb::kernels::lstm
