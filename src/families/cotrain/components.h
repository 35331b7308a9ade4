// SPDX-License-Identifier: Apache-2.0
// Principal components: the directions in which samples differ most. Found on labels and pool, whose features are known; test and
// validation stay unseen.
#pragma once
#include "families/cotrain/features.h"

namespace plumb::families::cotrain {

struct Components {
    Eigen::RowVectorXd mean;
    Matrix directions;  ///< columns x components, orthonormal, by falling variance; the largest entry of each is positive
    Vector variances;
};
/// At most as many as there are columns, or samples less one.
Components principal_components(const Features& features, std::span<const Sample> visible, std::int64_t components);
/// Every sample by its components. Dense.
Features projected(const Features& features, const Components& components);

/// Largest entry of |C v - variance v| and |v . w - (v = w)| over all directions, with C the covariance of the visible rows, by plain sums;
/// relative to the largest variance, and to 1.
double deviation(const Components& components, const Features& features, std::span<const Sample> visible);

}  // namespace plumb::families::cotrain
