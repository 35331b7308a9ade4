// SPDX-License-Identifier: Apache-2.0
#include "families/cotrain/components.h"

#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>

namespace plumb::families::cotrain {

namespace {

Eigen::RowVectorXd block_scale(const Matrix& centred, const std::vector<std::int64_t>& blocks) {
    Eigen::RowVectorXd scale = Eigen::RowVectorXd::Ones(centred.cols());
    Eigen::Index begin = 0;
    for (const std::int64_t columns : blocks) {
        const double variance = centred.middleCols(begin, columns).squaredNorm() / static_cast<double>(centred.rows());
        if (variance > 0) scale.segment(begin, columns).setConstant(1 / std::sqrt(variance));
        begin += columns;
    }
    return scale;
}

}  // namespace

Components principal_components(const Features& features, std::span<const Sample> visible, std::int64_t components) {
    const Features dense = as_dense(features);
    Components made;
    made.mean = Eigen::RowVectorXd::Zero(dense.columns);
    for (const Sample row : visible) made.mean += dense.dense.row(row);
    made.mean /= static_cast<double>(visible.size());
    Matrix centred(static_cast<Eigen::Index>(visible.size()), dense.columns);
    for (std::size_t i = 0; i < visible.size(); ++i) centred.row(static_cast<Eigen::Index>(i)) = dense.dense.row(visible[i]) - made.mean;
    made.scale = block_scale(centred, features.blocks);
    centred = (centred.array().rowwise() * made.scale.array()).matrix().eval();
    // The products of rows have the same eigenvalues as those of columns: the smaller matrix is solved.
    const bool by_rows = centred.rows() < centred.cols();
    const double count = static_cast<double>(visible.size());
    Eigen::MatrixXd products;
    if (by_rows)
        products = centred * centred.transpose();
    else
        products = centred.transpose() * centred;
    const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solved(products / count);
    // Below it a direction taken from rows would lose half of its digits.
    const double least = 1e-7 * solved.eigenvalues()(products.rows() - 1);
    const Eigen::Index kept = std::min<Eigen::Index>(components, (solved.eigenvalues().array() > least).count());
    made.directions.resize(dense.columns, kept);
    made.variances.resize(kept);
    for (Eigen::Index i = 0; i < kept; ++i) {
        const Eigen::Index from = products.rows() - 1 - i;  // Eigen sorts by rising value
        made.variances(i) = solved.eigenvalues()(from);
        Vector direction = solved.eigenvectors().col(from);
        if (by_rows) direction = (centred.transpose() * direction).normalized().eval();
        Eigen::Index largest = 0;
        direction.cwiseAbs().maxCoeff(&largest);
        made.directions.col(i) = direction(largest) < 0 ? (-direction).eval() : direction;
    }
    return made;
}

Features projected(const Features& features, const Components& components) {
    Features made;
    made.name = features.name;
    made.columns = components.directions.cols();
    const Matrix centred = as_dense(features).dense.rowwise() - components.mean;
    made.dense = (centred.array().rowwise() * components.scale.array()).matrix() * components.directions;
    return made;
}

double deviation(const Components& components, const Features& features, std::span<const Sample> visible) {
    const Features dense = as_dense(features);
    const Matrix& v = components.directions;
    const auto scaled = [&](Sample row, Eigen::Index c) { return (dense.dense(row, c) - components.mean(c)) * components.scale(c); };
    double worst = 0;
    for (Eigen::Index i = 0; i < v.cols(); ++i) {
        std::vector<double> product(static_cast<std::size_t>(v.rows()));
        for (const Sample row : visible) {
            double along = 0;
            for (Eigen::Index c = 0; c < v.rows(); ++c) along += scaled(row, c) * v(c, i);
            for (Eigen::Index c = 0; c < v.rows(); ++c) product[static_cast<std::size_t>(c)] += along * scaled(row, c);
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
