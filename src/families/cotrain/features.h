// SPDX-License-Identifier: Apache-2.0
// One view of a data set: a row of numbers a sample, dense or as term counts, and its label.
// A CSV file has a header row and the label in the last column; a term-count file has a line a sample, label then term:count, terms from 0.
// A label may be any word; an empty one (CSV) or "?" (counts) means that nobody knows it, and such a sample is only ever in the pool.
// To add a format: a reader in features.cpp and its ending in load_view().
#pragma once
#define EIGEN_DONT_PARALLELIZE  // threads work on splits, each on one thread: sums keep their order
#include <Eigen/Core>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace plumb::families::cotrain {

using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Vector = Eigen::VectorXd;
/// A sample: its row in every view.
using Sample = std::int32_t;
constexpr std::int32_t unknown_label = -1;

/// Non-zero entries row by row: those of row i are [start[i], start[i + 1]).
struct SparseRows {
    std::vector<std::size_t> start = {0};
    std::vector<std::int32_t> column;
    std::vector<double> value;
};

/// Crops of images where they lie, side x side x 3 bytes each.
struct Pixels {
    std::int64_t side = 0;
    std::span<const std::uint8_t> bytes;
    std::shared_ptr<const void> owner;
};

/// What a view's samples look like to the learner, for people.
struct Pictures {
    Pixels crops;
    std::vector<std::size_t> crop;  ///< of every sample; empty: no images
    /// side x side x 3 bytes.
    std::span<const std::uint8_t> of(Sample sample) const {
        const std::size_t bytes = static_cast<std::size_t>(crops.side * crops.side) * 3;
        return crops.bytes.subspan(crop[static_cast<std::size_t>(sample)] * bytes, bytes);
    }
};

/// A view in the form that its learner reads: dense, or non-zero entries. With pixels its one column says which crop a row is.
struct Features {
    std::string name;  ///< as the user named the file
    std::int64_t columns = 0;
    bool is_dense = true;
    Matrix dense;
    SparseRows sparse;
    std::vector<std::int64_t> blocks;  ///< columns of each block of like numbers; empty: all columns are one
    Pixels pixels = {};

    std::int64_t rows() const { return is_dense ? dense.rows() : static_cast<std::int64_t>(sparse.start.size()) - 1; }
};

struct LabelledView {
    Features features;
    std::vector<std::string> labels;  ///< as in the file, a row each
    // Of images alone:
    std::vector<std::uint64_t> hashes;  ///< perceptual (near_copies.h)
    std::vector<std::string> samples;   ///< name of the file
    Pictures pictures;
};

/// Reads "mfeat/fou" (a file of a data set) or a path ending in .csv or .txt, packed as .zst or not. Throws missing, or usage naming file
/// and line.
LabelledView load_view(const std::string& file);
/// Digest of the file's content, for the identity of a point.
std::map<std::string, std::string> digest_view(const std::string& file);

Features as_dense(Features features);
Features as_sparse(Features features);
/// 1 where the value is above 0, 0 elsewhere.
Features as_presence(Features features);
/// Every column to mean 0 and deviation 1 over `visible` rows; constant columns become 0. Dense.
Features standardised(const Features& features, std::span<const Sample> visible);
/// Half-way to that: every column to mean 0 and the square root of its deviation, all by one factor that makes the mean square 1. Of
/// principal components: the weak ones stay weaker than the strong ones, but less so.
Features evened(const Features& features, std::span<const Sample> visible);

/// Two aligned views and the labels that both agree on.
struct TwoViews {
    Features view[2];
    std::vector<std::string> classes;  ///< in order of their number, or of the alphabet
    std::vector<std::int32_t> truth;   ///< class of every sample, unknown_label where nobody knows it
    std::vector<std::int32_t> group;   ///< samples of one group never stand on both sides of a split; empty: no groups
    // Of images alone:
    std::vector<std::uint64_t> hash[2];
    std::vector<std::string> names[2];
    Pictures pictures[2];
    std::vector<std::string> left_out;  ///< images that cannot be read, and why
    std::int64_t samples() const { return static_cast<std::int64_t>(truth.size()); }
};

/// Renames labels: "cardboard=box:glass=clear"; others stay. Throws usage for a label that no sample has.
void rename_labels(LabelledView& view, const std::string& class_map);

/// Keeps the samples of `classes` ("all", or words with colons between). Throws usage where the views are not aligned or a class is not
/// there.
TwoViews join_views(LabelledView first, LabelledView second, const std::string& classes, const std::vector<std::string>& groups);

}  // namespace plumb::families::cotrain
