// SPDX-License-Identifier: Apache-2.0
// What a run leaves in artifacts/ beside its metrics, as CSV files: every pseudo-label (ledger.csv), every round of every split
// (rounds.csv), every split (splits.csv), confusion and reliability of what is returned (confusion.csv, reliability.csv); and for figures,
// over all splits: curves.csv, pool.csv, classes.csv, confused.csv; of images also wrong.csv (contact_sheet.h).
#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "families/cotrain/rounds.h"

namespace plumb::families::cotrain {

/// A word in a CSV cell.
std::string cell(const std::string& name);

std::string ledger_csv(const TwoViews& data, const std::vector<SplitRun*>& splits);
std::string rounds_csv(const TwoViews& data, const std::vector<SplitRun*>& splits);
std::string splits_csv(const std::vector<SplitRun*>& splits);
std::string confusion_csv(const TwoViews& data, const std::vector<SplitRun*>& splits);
/// The same, a row for every truth and prediction, with its per cent of the truth's samples.
std::string confused_csv(const TwoViews& data, const std::vector<SplitRun*>& splits);
std::string reliability_csv(const std::vector<SplitRun*>& splits);
/// By round, a split that ended earlier with its last one: accuracy of each view and joint; drift and disagreement; labelled samples and
/// precision of the pseudo-labels by class, the latter over all splits together with Wilson's interval.
std::string curves_csv(const std::vector<SplitRun*>& splits);
std::string pool_csv(const std::vector<SplitRun*>& splits);
std::string classes_csv(const TwoViews& data, const std::vector<SplitRun*>& splits);
/// Of images: which files a sample is.
std::string samples_csv(const TwoViews& data);
/// All of them, and the contact sheet.
void write_tables(const std::filesystem::path& artifacts, const TwoViews& data, const std::vector<SplitRun*>& splits);

}  // namespace plumb::families::cotrain
