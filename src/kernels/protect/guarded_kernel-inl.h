// SPDX-License-Identifier: Apache-2.0
// The table of functions of one instruction set, with or without injection. Included once per instruction set.
#if defined(PLUMB_PROTECT_GUARDED_KERNEL_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef PLUMB_PROTECT_GUARDED_KERNEL_INL_H_
#undef PLUMB_PROTECT_GUARDED_KERNEL_INL_H_
#else
#define PLUMB_PROTECT_GUARDED_KERNEL_INL_H_
#endif

#include "kernels/protect/guarded-few-inl.h"
#include "kernels/protect/guarded-finish-inl.h"

HWY_BEFORE_NAMESPACE();
namespace plumb::kernels::protect::HWY_NAMESPACE {

template <class Faults>
inline constexpr GuardedKernel table = {.encode_keys = encode_keys,
                                        .encode_values = encode_values,
                                        .accumulate = accumulate<Faults>,
                                        .accumulate_few = accumulate_few<Faults>,
                                        .merge = merge,
                                        .finish = finish<Faults>,
                                        .packed_value = packed_value,
                                        .sum_row = sum_in_memory};

}  // namespace plumb::kernels::protect::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
