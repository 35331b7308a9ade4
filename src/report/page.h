// SPDX-License-Identifier: Apache-2.0
// One self-contained HTML file for one or more studies: answers, what to doubt, figures with their tables, checks, origin, data.
// It loads nothing from anywhere, reads without scripts, prints, and follows light and dark. The order of a study's sections:
// page_study.cpp.
#pragma once
#include <optional>
#include <span>
#include <string>

#include "lab/view.h"

namespace plumb::report {

struct PageOptions {
    std::string command;                        ///< the line that makes this page again: "plumb report demo"
    std::optional<std::string_view> draw_with;  ///< another script than vega_bundle(); empty text: none, figures then say how to get one
};

/// Text from the store is escaped: no name, reason or title can become markup.
std::string page(const lab::Store& store, std::span<const lab::StudyView> views, const PageOptions& options);

}  // namespace plumb::report
