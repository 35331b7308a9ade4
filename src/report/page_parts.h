// SPDX-License-Identifier: Apache-2.0
// Parts of the page: its style and script, and the sections of one study.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "lab/view.h"
#include "report/figure_data.h"
#include "report/palette.h"

namespace plumb::report {

std::string_view page_style();
/// Swatches of table cells, one rule a look in use.
std::string look_style(const Palette& palette);
std::string_view page_script();

struct StudySection {
    const lab::Store& store;
    const lab::StudyView& view;
    const Palette& palette;
    std::string prefix;  ///< of all ids: studies of one page must not clash
    bool alone = true;   ///< its title is the page's title
};

struct SectionLink {
    std::string id;
    std::string text;
};

/// <nav> with the links; empty when there are too few to need one.
std::string navigation_html(const std::vector<SectionLink>& links, std::string_view label);

/// The study from its title to its data, under a heading with id "<prefix>study".
std::string study_html(const StudySection& study);

}  // namespace plumb::report
