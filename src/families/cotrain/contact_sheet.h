// SPDX-License-Identifier: Apache-2.0
// The surest wrong pseudo-labels of a run on images, with both views' pictures: what the models mistook for what. wrong.csv and the PNG
// files that it names become the figure "wrong" (report/picture_sheet.h).
#pragma once
#include <filesystem>
#include <vector>

#include "families/cotrain/rounds.h"

namespace plumb::families::cotrain {

struct WrongLabel {
    LedgerRow row;           ///< the surest time
    std::size_t splits = 0;  ///< in which the sample got this label
};

/// Pseudo-labels that were learnt and are known to be wrong, each sample and label once: by falling probability, then by falling margin,
/// then by rising sample. At most `most`.
std::vector<WrongLabel> surest_wrong_labels(const TwoViews& data, const std::vector<SplitRun*>& splits, std::size_t most);

/// Writes nothing where the views are no images or no truth is known.
void write_contact_sheet(const std::filesystem::path& artifacts, const TwoViews& data, const std::vector<SplitRun*>& splits);

}  // namespace plumb::families::cotrain
