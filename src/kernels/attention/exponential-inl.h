// SPDX-License-Identifier: Apache-2.0
// The exponential of every softmax here. Included once per instruction set.
#if defined(PLUMB_ATTENTION_EXPONENTIAL_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef PLUMB_ATTENTION_EXPONENTIAL_INL_H_
#undef PLUMB_ATTENTION_EXPONENTIAL_INL_H_
#else
#define PLUMB_ATTENTION_EXPONENTIAL_INL_H_
#endif

#include <limits>

#include "kernels/attention/product-inl.h"

HWY_BEFORE_NAMESPACE();
namespace plumb::kernels::attention::HWY_NAMESPACE {

/// 2^(scale x) for scale x < 128 and scale > 0, as used on differences of scores. Not `Scaled`: the scale is 1, which saves two
/// multiplications. Range reduction scale x = k + r with |r| <= 1/2 costs one rounding (r = fma(scale, x, -k), k by the rounding of a large
/// addend whose low bits are then the biased exponent) or none, 2^r is a polynomial of degree 6 with 2^0 = 1 exactly: relative error of the
/// polynomial 0.26 u, with its roundings at most 1.4 u, root mean square 0.45 u, u = 2^-24 (minimax by Remez' exchange, coefficients
/// rounded to fp32; measured over 10^5 points). Gives exactly 0 for scale x <= -127 (so for -inf), NaN for NaN, 1 for 0.
template <bool Scaled>
class Exponential {
  public:
    explicit Exponential(float scale)
        : scale_(hn::Set(Floats(), scale)), lowest_(hn::Set(Floats(), HWY_MAX(-127.0F / scale, std::numeric_limits<float>::lowest()))) {}

    HWY_INLINE Vector operator()(Vector x) const {
        const Floats d;
        const hn::RebindToUnsigned<Floats> bits;
        const Vector shifter = hn::Set(d, 12582912.0F + 127.0F);  // 1.5 x 2^23: its unit is 1; 127 biases the exponent
        const Vector bounded = at_least_lowest(x);
        const Vector biased = Scaled ? hn::MulAdd(bounded, scale_, shifter) : hn::Add(bounded, shifter);
        const Vector whole = hn::Sub(biased, shifter);
        const Vector r = Scaled ? hn::MulSub(bounded, scale_, whole) : hn::Sub(bounded, whole);
        Vector power = hn::Set(d, 1.5345812425948679e-04F);
        power = hn::MulAdd(power, r, hn::Set(d, 1.3399930903688073e-03F));
        power = hn::MulAdd(power, r, hn::Set(d, 9.6184890717267990e-03F));
        power = hn::MulAdd(power, r, hn::Set(d, 5.5503286421298981e-02F));
        power = hn::MulAdd(power, r, hn::Set(d, 2.4022646248340607e-01F));
        power = hn::MulAdd(power, r, hn::Set(d, 6.9314718246459961e-01F));
        power = hn::MulAdd(power, r, hn::Set(d, 1.0F));
        const Vector two_to_whole = hn::BitCast(d, hn::ShiftLeft<23>(hn::BitCast(bits, biased)));
        return hn::Mul(power, two_to_whole);
    }

    Vector scale() const { return scale_; }

  private:
    /// max(x, lowest_) that keeps NaN: x86 gives the second operand when either is NaN.
    HWY_INLINE Vector at_least_lowest(Vector x) const {
#if HWY_TARGET == HWY_SCALAR
        return hn::IfThenElse(hn::Lt(x, lowest_), lowest_, x);
#else
        return hn::Max(lowest_, x);
#endif
    }

    Vector scale_;
    Vector lowest_;
};

}  // namespace plumb::kernels::attention::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
