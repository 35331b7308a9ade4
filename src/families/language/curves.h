// SPDX-License-Identifier: Apache-2.0
// artifacts/curves.csv of a training: a row an evaluation and series, the floors as series of their own, so that every figure shows them.
// Columns: step, epoch (a fraction while an epoch is under way), seconds (of training alone), series, perplexity, and with every bit nats,
// printed_nats (scores.h) and time, what this evaluation of the series took; of train, the steps since the evaluation before.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace plumb::families::language {

std::string curves_header();

struct CurvePoint {
    std::string series;
    double nats = 0;  ///< mean -ln p
    double printed_nats = 0;
    double time = 0;  ///< s
};
/// Lines, each with a line feed.
std::string curve_rows(std::int64_t step, double epoch, double seconds, const std::vector<CurvePoint>& points);
/// artifacts/evaluations.csv of a training's curves: a row an evaluation with step, epoch and seconds, and of each part of the corpus
/// PART_perplexity and PART_nats: what figures draw of several runs at once.
std::string evaluations_table(const std::string& curves);

/// How far a training had come: where validation was best, and how far behind train it was in the end.
struct Fit {
    double best_train_nats = 0;  ///< of train at the evaluation whose validation was best
    double overfitting = 0;      ///< nats of validation less those of train, at the last evaluation
};
/// Needs at least one evaluation.
Fit fit_of(const std::string& curves);

/// The points of one series, in the order of the file.
std::vector<CurvePoint> read_series(const std::string& curves, const std::string& series);

}  // namespace plumb::families::language
