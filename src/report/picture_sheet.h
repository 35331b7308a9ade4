// SPDX-License-Identifier: Apache-2.0
// Cards with pictures, of a figure with Mark::pictures: what a run left as artifacts/<table>.csv, a row a card, and PNG files beside it. A
// column whose name begins with "picture" names a file, from the artifacts on ("picture left" is shown as "left"); the column "title" is
// the card's headline; of the others a card has a line for every cell that is not empty. On the page pictures stand as data, so that it
// stays one file.
#pragma once
#include <string>
#include <vector>

#include "lab/view.h"

namespace plumb::report {

struct PictureCard {
    struct Picture {
        std::string what;  ///< "left"
        std::string png;   ///< content of the file
    };
    std::vector<Picture> pictures;
    std::string title;
    std::vector<std::pair<std::string, std::string>> lines;  ///< name, value
};

/// Of one run.
struct PictureSheet {
    std::string point;  ///< settings that vary
    std::string run;
    std::size_t all = 0;  ///< cards that the run left
    std::vector<PictureCard> cards;
};

/// Of every run that left the table: at most `most` cards together, the first of each run, as many of each, and at least three. A picture
/// that is no PNG file, or lies elsewhere than in the artifacts, is left out.
std::vector<PictureSheet> picture_sheets(const lab::Store& store, const lab::StudyView& view, std::size_t experiment,
                                         const lab::Figure& figure, std::size_t most = 24);

/// Lists of cards; empty where there is no sheet.
std::string picture_sheets_html(const std::vector<PictureSheet>& sheets);

}  // namespace plumb::report
