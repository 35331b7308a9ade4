// SPDX-License-Identifier: Apache-2.0
// A study in at most ten lines of plain text: what `make demo` prints at its end.
#pragma once
#include <string>

#include "lab/view.h"

namespace plumb::report {

/// Question, counts, answers with intervals, what to doubt, and where the page is (left out when `page` is empty).
std::string summary(const lab::Store& store, const lab::StudyView& view, const std::string& page);

}  // namespace plumb::report
