// SPDX-License-Identifier: Apache-2.0
// The layer by its definition, number by number: the reference in fp64 and, in fp32 with every product and sum rounded, the yardstick of
// the accuracy rule.
#pragma once
#include <vector>

#include "kernels/lstm/lstm.h"

namespace plumb::kernels::lstm {

template <class Real>
struct PlainResult {
    std::vector<Real> h_BTH, h_last_BH, c_last_BH;
    std::vector<Real> drows_RI, dw_ih_GI, dw_hh_GH, db_G, dh0_BH, dc0_BH;
};

/// Both passes; Real is float or double. `layer.threads` is ignored.
template <class Real>
PlainResult<Real> plain(const Layer& layer, const Upstream& upstream);

}  // namespace plumb::kernels::lstm
