// SPDX-License-Identifier: Apache-2.0
// A study as it stands in the store: every planned point with the run that counts for it. Tables, comparisons, figures and pages read this
// and nothing else.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "lab/figure.h"
#include "lab/store.h"

namespace plumb::lab {

struct ViewRow {
    std::size_t experiment = 0;
    Point point;
    std::optional<Record> record;  ///< empty: not run yet

    std::string status() const;  ///< "done", "failed", ..., "not run"
    std::string reason() const;
};

struct ViewExperiment {
    std::string name;
    std::string family;
    std::vector<std::string> varying;  ///< parameters with more than one value, in schema order: the columns of its table
    std::vector<Parameter> parameters;
    std::vector<Metric> metrics;
    std::vector<Figure> figures;  ///< those the study wants
    std::string command;          ///< the line that runs just this experiment
};

struct StudyView {
    std::string name;
    std::string title;
    std::string summary;
    std::vector<Answer> answers;
    std::vector<ViewExperiment> experiments;
    std::vector<ViewRow> rows;
    std::string command;  ///< "plumb run attention"
    std::vector<std::string> damaged;

    std::vector<const ViewRow*> rows_of(std::size_t experiment) const;
};

/// Throws missing when the store has no such study.
StudyView load_view(const Store& store, const std::string& study);

}  // namespace plumb::lab
