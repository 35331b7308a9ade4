// SPDX-License-Identifier: Apache-2.0
// sigmoid and tanh of whole vectors, both from e^x - 1 of a number that is not positive. Included once per instruction set.
//
// e^x = 2^k e^r, k the integer next to x / ln 2, |r| <= 0.3475. k ln 2 is subtracted in two parts, the first of which has 16 bits and so
// leaves no rounding. e^r - 1 = r + r^2 P(r), P of degree 5 through Chebyshev's points, coefficients rounded to fp32: 0.03 u of
// e^r - 1, u = 2^-24. With the roundings of r and of the last step e^r - 1 is right to 1.1 u; e^x - 1 = 2^k (e^r - 1) + (2^k - 1), whose
// second term is exact and for k = 0 nothing, to 2 u; e^x to 1.6 u.
#if defined(PLUMB_LSTM_ACTIVATIONS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef PLUMB_LSTM_ACTIVATIONS_INL_H_
#undef PLUMB_LSTM_ACTIVATIONS_INL_H_
#else
#define PLUMB_LSTM_ACTIVATIONS_INL_H_
#endif

#include "kernels/gemm/register_tile-inl.h"

HWY_BEFORE_NAMESPACE();
namespace plumb::kernels::lstm::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using gemm::HWY_NAMESPACE::Floats;
using gemm::HWY_NAMESPACE::lanes;
using gemm::HWY_NAMESPACE::Vector;

/// e^x = power (1 + rest) for x <= 0. power is 0 for x < -87.7, where e^x is below 2^-126; rest is NaN for NaN.
struct SmallExponential {
    Vector power;
    Vector rest;
};

HWY_INLINE SmallExponential small_exponential(Vector x) {
    const Floats d;
    const hn::RebindToUnsigned<Floats> bits;
    const Vector lowest = hn::Set(d, -88.0F);
#if HWY_TARGET == HWY_SCALAR
    const Vector bounded = hn::IfThenElse(hn::Lt(x, lowest), lowest, x);
#else
    const Vector bounded = hn::Max(lowest, x);  // x86 gives the second operand when either is NaN
#endif
    const Vector shifter = hn::Set(d, 12582912.0F + 127.0F);  // 1.5 x 2^23: its unit is 1; 127 biases the exponent
    const Vector biased = hn::MulAdd(bounded, hn::Set(d, 1.44269502F), shifter);
    const Vector whole = hn::Sub(biased, shifter);
    const Vector high = hn::NegMulAdd(whole, hn::Set(d, 0.693145752F), bounded);
    const Vector r = hn::NegMulAdd(whole, hn::Set(d, 1.42860677e-6F), high);
    Vector p = hn::Set(d, 0.000198912472F);
    p = hn::MulAdd(p, r, hn::Set(d, 0.00139338814F));
    p = hn::MulAdd(p, r, hn::Set(d, 0.00833331048F));
    p = hn::MulAdd(p, r, hn::Set(d, 0.041666463F));
    p = hn::MulAdd(p, r, hn::Set(d, 0.166666672F));
    p = hn::MulAdd(p, r, hn::Set(d, 0.5F));
    return {hn::BitCast(d, hn::ShiftLeft<23>(hn::BitCast(bits, biased))), hn::MulAdd(hn::Mul(r, r), p, r)};
}

/// 1 / (1 + e^-x), as e^x / (1 + e^x) for x < 0 so that small results keep their digits.
HWY_INLINE Vector sigmoid(Vector x) {
    const Floats d;
    const Vector one = hn::Set(d, 1.0F);
    const SmallExponential e = small_exponential(hn::Neg(hn::Abs(x)));
    const Vector exponential = hn::MulAdd(e.power, e.rest, e.power);
    return hn::Div(hn::IfThenElse(hn::Ge(x, hn::Zero(d)), one, exponential), hn::Add(one, exponential));
}

/// -(e^-2|x| - 1) / (2 + (e^-2|x| - 1)) with the sign of x: no digits are lost near 0, and denormals come through.
HWY_INLINE Vector hyperbolic_tangent(Vector x) {
    const Floats d;
    const SmallExponential e = small_exponential(hn::Mul(hn::Set(d, -2.0F), hn::Abs(x)));
    const Vector less_one = hn::MulAdd(e.power, e.rest, hn::Sub(e.power, hn::Set(d, 1.0F)));
    return hn::CopySign(hn::Div(less_one, hn::Add(hn::Set(d, 2.0F), less_one)), x);
}

struct TanhAndSlope {
    Vector tanh;
    Vector slope;
};

/// tanh x and its derivative 1 - tanh^2 x, as 4 e / (1 + e)^2 with e = e^-2|x|: the difference would lose the digits that tanh near 1 has
/// not got.
HWY_INLINE TanhAndSlope tanh_and_slope(Vector x) {
    const Floats d;
    const SmallExponential e = small_exponential(hn::Mul(hn::Set(d, -2.0F), hn::Abs(x)));
    const Vector less_one = hn::MulAdd(e.power, e.rest, hn::Sub(e.power, hn::Set(d, 1.0F)));
    const Vector exponential = hn::MulAdd(e.power, e.rest, e.power);
    const Vector inverse = hn::Div(hn::Set(d, 1.0F), hn::Add(hn::Set(d, 2.0F), less_one));
    const Vector twice = hn::Add(inverse, inverse);
    return {hn::CopySign(hn::Mul(less_one, inverse), x), hn::Mul(hn::Mul(twice, twice), exponential)};
}

}  // namespace plumb::kernels::lstm::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
