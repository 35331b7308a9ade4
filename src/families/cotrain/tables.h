// SPDX-License-Identifier: Apache-2.0
// What a run leaves in artifacts/ beside its metrics, as CSV files: every pseudo-label (ledger.csv), every round of every split
// (rounds.csv), every split (splits.csv), confusion and reliability of what is returned (confusion.csv, reliability.csv).
#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "families/cotrain/rounds.h"

namespace plumb::families::cotrain {

std::string ledger_csv(const TwoViews& data, const std::vector<SplitRun*>& splits);
std::string rounds_csv(const TwoViews& data, const std::vector<SplitRun*>& splits);
std::string splits_csv(const std::vector<SplitRun*>& splits);
std::string confusion_csv(const TwoViews& data, const std::vector<SplitRun*>& splits);
std::string reliability_csv(const std::vector<SplitRun*>& splits);
/// All of them.
void write_tables(const std::filesystem::path& artifacts, const TwoViews& data, const std::vector<SplitRun*>& splits);

}  // namespace plumb::families::cotrain
