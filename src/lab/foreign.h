// SPDX-License-Identifier: Apache-2.0
// Results that were measured elsewhere, as runs of a study: the same tables, figures and pages as plumb's own, marked as what they are.
// Their only check is mistrusted, because plumb never saw the output.
#pragma once
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "lab/family.h"
#include "lab/record.h"
#include "lab/store.h"

namespace plumb::lab {

struct ForeignRow {
    Settings settings;  ///< those that are known; the family's defaults for the rest
    std::string machine;
    std::vector<MetricValue> metrics;
    Status status = Status::done;
    std::string reason;                            ///< why it is not done
    std::string source;                            ///< "results.csv line 12"
    std::vector<std::string> notes;                ///< what a reader should know of the numbers
    std::map<std::string, std::string> artifacts;  ///< name -> content of files that stand beside the run, such as curves.csv
};

struct ForeignStudy {
    std::string study = "imported";
    std::string experiment = "imported";
    std::string family;
    std::vector<std::string> argv;
    std::function<void(std::vector<MetricValue>&)> derive;  ///< adds what follows from the metrics, after a join; may be empty
};

struct ForeignSummary {
    std::size_t added = 0;
    std::size_t joined =
        0;  ///< met an earlier import of the same point: the metrics of both are in the new run, its own where both have one
};

/// Seals one run a row and adds the points to the study's declaration: to the experiment of that name where it is there, else as a new one.
/// Throws usage for settings that the family does not take, naming the row's source, and for a point that was measured here.
ForeignSummary store_foreign(const Store& store, const Families& families, const ForeignStudy& target, const std::vector<ForeignRow>& rows);

}  // namespace plumb::lab
