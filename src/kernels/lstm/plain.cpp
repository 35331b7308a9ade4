// SPDX-License-Identifier: Apache-2.0
// Compiled without contraction to fused multiply-adds: sums round as they are written.
#include "kernels/lstm/plain.h"

#include <cmath>

namespace plumb::kernels::lstm {
namespace {

template <class Real>
Real sigmoid(Real x) {
    return 1 / (1 + std::exp(-x));
}

template <class Real>
class Plain {
  public:
    Plain(const Layer& layer, const Upstream& upstream)
        : layer_(layer),
          upstream_(upstream),
          batch_(layer.shape.batch),
          steps_(layer.shape.steps),
          inputs_(layer.shape.input),
          units_(layer.shape.hidden) {
        result_.h_BTH.resize(static_cast<std::size_t>(batch_ * steps_ * units_));
        gates_.resize(4 * result_.h_BTH.size());
        cells_.resize(result_.h_BTH.size());
        dgates_.resize(gates_.size());
        result_.drows_RI.resize(static_cast<std::size_t>(layer.input.rows * inputs_));
        result_.dw_ih_GI.resize(static_cast<std::size_t>(4 * units_ * inputs_));
        result_.dw_hh_GH.resize(static_cast<std::size_t>(4 * units_ * units_));
        result_.db_G.resize(static_cast<std::size_t>(4 * units_));
        for (auto* states : {&result_.h_last_BH, &result_.c_last_BH, &result_.dh0_BH, &result_.dc0_BH})
            states->resize(static_cast<std::size_t>(batch_ * units_));
    }

    PlainResult<Real> run() {
        for (std::int64_t b = 0; b < batch_; ++b) {
            for (std::int64_t t = 0; t < steps_; ++t) forward_step(b, t);
            for (std::int64_t u = 0; u < units_; ++u) {
                at(result_.h_last_BH, b * units_ + u) = at(result_.h_BTH, place(b, steps_ - 1, u));
                at(result_.c_last_BH, b * units_ + u) = at(cells_, place(b, steps_ - 1, u));
            }
            backward_sequence(b);
        }
        for (std::int64_t b = 0; b < batch_; ++b) {
            for (std::int64_t t = 0; t < steps_; ++t) add_gradients(b, t);
        }
        return std::move(result_);
    }

  private:
    static Real& at(std::vector<Real>& numbers, std::int64_t n) { return numbers[static_cast<std::size_t>(n)]; }
    static Real given(const float* numbers, std::int64_t n) { return numbers == nullptr ? 0 : numbers[n]; }
    std::int64_t place(std::int64_t b, std::int64_t t, std::int64_t u) const { return (b * steps_ + t) * units_ + u; }
    Real& gate(std::vector<Real>& gates, std::int64_t b, std::int64_t t, std::int64_t row) {
        return at(gates, (b * steps_ + t) * 4 * units_ + row);
    }
    std::int64_t row_of(std::int64_t b, std::int64_t t) const {
        return layer_.input.row_of == nullptr ? b * steps_ + t : layer_.input.row_of[b * steps_ + t];
    }
    const float* input(std::int64_t row) const {
        return layer_.input.data + (layer_.input.stored == nullptr ? row : layer_.input.stored[row]) * inputs_;
    }
    Real h_before(std::int64_t b, std::int64_t t, std::int64_t u) {
        return t == 0 ? given(layer_.h0_BH, b * units_ + u) : at(result_.h_BTH, place(b, t - 1, u));
    }
    Real c_before(std::int64_t b, std::int64_t t, std::int64_t u) {
        return t == 0 ? given(layer_.c0_BH, b * units_ + u) : at(cells_, place(b, t - 1, u));
    }

    void forward_step(std::int64_t b, std::int64_t t) {
        const Weights& w = layer_.weights;
        const float* x = input(row_of(b, t));
        for (std::int64_t row = 0; row < 4 * units_; ++row) {
            Real from_input = given(w.b_ih_G, row);
            Real from_state = given(w.b_hh_G, row);
            for (std::int64_t n = 0; n < inputs_; ++n) from_input += static_cast<Real>(w.w_ih_GI[row * inputs_ + n]) * x[n];
            for (std::int64_t u = 0; u < units_; ++u) from_state += static_cast<Real>(w.w_hh_GH[row * units_ + u]) * h_before(b, t, u);
            const Real sum = from_input + from_state;
            gate(gates_, b, t, row) = row / units_ == 2 ? std::tanh(sum) : sigmoid(sum);
        }
        for (std::int64_t u = 0; u < units_; ++u) {
            const Real c = gate(gates_, b, t, units_ + u) * c_before(b, t, u) + gate(gates_, b, t, u) * gate(gates_, b, t, 2 * units_ + u);
            at(cells_, place(b, t, u)) = c;
            at(result_.h_BTH, place(b, t, u)) = gate(gates_, b, t, 3 * units_ + u) * std::tanh(c);
        }
    }

    void backward_sequence(std::int64_t b) {
        std::vector<Real> dh(static_cast<std::size_t>(units_));
        std::vector<Real> dc(static_cast<std::size_t>(units_));
        for (std::int64_t u = 0; u < units_; ++u) {
            at(dh, u) = given(upstream_.h_last_BH, b * units_ + u);
            at(dc, u) = given(upstream_.c_last_BH, b * units_ + u);
        }
        for (std::int64_t t = steps_ - 1; t >= 0; --t) {
            for (std::int64_t u = 0; u < units_; ++u) backward_unit(b, t, u, at(dh, u) + given(upstream_.h_BTH, place(b, t, u)), at(dc, u));
            for (std::int64_t u = 0; u < units_; ++u) {
                at(dh, u) = 0;
                for (std::int64_t row = 0; row < 4 * units_; ++row)
                    at(dh, u) += gate(dgates_, b, t, row) * static_cast<Real>(layer_.weights.w_hh_GH[row * units_ + u]);
            }
        }
        for (std::int64_t u = 0; u < units_; ++u) {
            at(result_.dh0_BH, b * units_ + u) = at(dh, u);
            at(result_.dc0_BH, b * units_ + u) = at(dc, u);
        }
    }

    void backward_unit(std::int64_t b, std::int64_t t, std::int64_t u, Real dh, Real& dc) {
        const Real i = gate(gates_, b, t, u);
        const Real f = gate(gates_, b, t, units_ + u);
        const Real g = gate(gates_, b, t, 2 * units_ + u);
        const Real o = gate(gates_, b, t, 3 * units_ + u);
        const Real tanh_c = std::tanh(at(cells_, place(b, t, u)));
        dc += dh * o * (1 - tanh_c * tanh_c);
        gate(dgates_, b, t, u) = dc * g * i * (1 - i);
        gate(dgates_, b, t, units_ + u) = dc * c_before(b, t, u) * f * (1 - f);
        gate(dgates_, b, t, 2 * units_ + u) = dc * i * (1 - g * g);
        gate(dgates_, b, t, 3 * units_ + u) = dh * tanh_c * o * (1 - o);
        dc *= f;
    }

    void add_gradients(std::int64_t b, std::int64_t t) {
        const std::int64_t input_row = row_of(b, t);
        const float* x = input(input_row);
        for (std::int64_t row = 0; row < 4 * units_; ++row) {
            const Real by = gate(dgates_, b, t, row);
            at(result_.db_G, row) += by;
            for (std::int64_t n = 0; n < inputs_; ++n) {
                at(result_.dw_ih_GI, row * inputs_ + n) += by * x[n];
                at(result_.drows_RI, input_row * inputs_ + n) += by * static_cast<Real>(layer_.weights.w_ih_GI[row * inputs_ + n]);
            }
            for (std::int64_t u = 0; u < units_; ++u) at(result_.dw_hh_GH, row * units_ + u) += by * h_before(b, t, u);
        }
    }

    const Layer& layer_;
    const Upstream& upstream_;
    std::int64_t batch_, steps_, inputs_, units_;
    std::vector<Real> gates_, cells_, dgates_;
    PlainResult<Real> result_;
};

}  // namespace

template <class Real>
PlainResult<Real> plain(const Layer& layer, const Upstream& upstream) {
    return Plain<Real>(layer, upstream).run();
}

template PlainResult<float> plain<float>(const Layer& layer, const Upstream& upstream);
template PlainResult<double> plain<double>(const Layer& layer, const Upstream& upstream);

}  // namespace plumb::kernels::lstm
