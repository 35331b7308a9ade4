// SPDX-License-Identifier: Apache-2.0
#include "families/cotrain/components.h"

#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>

namespace plumb::families::cotrain {

Components principal_components(const Features& features, std::span<const Sample> visible, std::int64_t components) {
    const Features dense = as_dense(features);
    Components made;
    made.mean = Eigen::RowVectorXd::Zero(dense.columns);
    for (const Sample row : visible) made.mean += dense.dense.row(row);
    made.mean /= static_cast<double>(visible.size());
    Matrix centred(static_cast<Eigen::Index>(visible.size()), dense.columns);
    for (std::size_t i = 0; i < visible.size(); ++i) centred.row(static_cast<Eigen::Index>(i)) = dense.dense.row(visible[i]) - made.mean;
    const Eigen::MatrixXd covariance = centred.transpose() * centred / static_cast<double>(visible.size());
    const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solved(covariance);
    const Eigen::Index kept = std::min<Eigen::Index>({components, dense.columns, static_cast<Eigen::Index>(visible.size()) - 1});
    made.directions.resize(dense.columns, kept);
    made.variances.resize(kept);
    for (Eigen::Index i = 0; i < kept; ++i) {
        const Eigen::Index from = dense.columns - 1 - i;  // Eigen sorts by rising value
        made.variances(i) = solved.eigenvalues()(from);
        Eigen::Index largest = 0;
        solved.eigenvectors().col(from).cwiseAbs().maxCoeff(&largest);
        const double sign = solved.eigenvectors()(largest, from) < 0 ? -1 : 1;
        made.directions.col(i) = sign * solved.eigenvectors().col(from);
    }
    return made;
}

Features projected(const Features& features, const Components& components) {
    Features made;
    made.name = features.name;
    made.columns = components.directions.cols();
    made.dense = (as_dense(features).dense.rowwise() - components.mean) * components.directions;
    return made;
}

double deviation(const Components& components, const Features& features, std::span<const Sample> visible) {
    const Features dense = as_dense(features);
    const Matrix& v = components.directions;
    double worst = 0;
    for (Eigen::Index i = 0; i < v.cols(); ++i) {
        std::vector<double> product(static_cast<std::size_t>(v.rows()));
        for (const Sample row : visible) {
            double along = 0;
            for (Eigen::Index c = 0; c < v.rows(); ++c) along += (dense.dense(row, c) - components.mean(c)) * v(c, i);
            for (Eigen::Index c = 0; c < v.rows(); ++c)
                product[static_cast<std::size_t>(c)] += along * (dense.dense(row, c) - components.mean(c));
        }
        for (Eigen::Index c = 0; c < v.rows(); ++c) {
            const double off =
                product[static_cast<std::size_t>(c)] / static_cast<double>(visible.size()) - components.variances(i) * v(c, i);
            worst = std::max(worst, std::abs(off) / components.variances(0));
        }
        for (Eigen::Index j = 0; j <= i; ++j) {
            double dot = 0;
            for (Eigen::Index c = 0; c < v.rows(); ++c) dot += v(c, i) * v(c, j);
            worst = std::max(worst, std::abs(dot - (i == j ? 1 : 0)));
        }
    }
    return worst;
}

}  // namespace plumb::families::cotrain
