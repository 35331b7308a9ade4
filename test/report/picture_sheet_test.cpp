// SPDX-License-Identifier: Apache-2.0
#include "report/picture_sheet.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "base/base64.h"
#include "base/error.h"
#include "base/file.h"
#include "report/export.h"
#include "report/made_up_study.h"
#include "report/page.h"

namespace plumb::report {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::MadeUpStudy;
using ::testing::Not;
using ::testing::Pair;

const std::string png = "\x89PNG\r\n\x1a\n and pixels";

/// The made-up study with a figure "seen" of pictures in its first experiment; nobody left any yet.
struct StudyWithPictures : MadeUpStudy {
    StudyWithPictures() {
        lab::Figure figure;
        figure.name = figure.table = "seen";
        figure.title = "What was seen";
        figure.mark = lab::Mark::pictures;
        view.experiments[0].figures.push_back(figure);
    }
    std::vector<const lab::ViewRow*> done() const {
        std::vector<const lab::ViewRow*> rows = view.rows_of(0);
        std::erase_if(rows, [](const lab::ViewRow* row) { return row->status() != "done"; });
        return rows;
    }
    fs::path artifacts(std::size_t run) const { return store.run_folder(*done().at(run)->record) / "artifacts"; }
    void leave(std::size_t run, const std::string& csv) const {
        fs::create_directories(artifacts(run) / "seen");
        base::write_file(artifacts(run) / "seen/a.png", png);
        base::write_file(artifacts(run) / "seen/b.png", png + "2");
        base::write_file(artifacts(run) / "seen.csv", csv);
    }
    std::vector<PictureSheet> sheets(std::size_t most = 24) const {
        return picture_sheets(store, view, 0, view.experiments[0].figures.back(), most);
    }
    std::string page_html() const { return page(store, std::vector<lab::StudyView>{view}, {"plumb report demo", "draw()"}); }
};

const std::string two_cards =
    "picture left,picture right,title,sure,round\n"
    "seen/a.png,seen/b.png,\"glass, in truth metal\",99.98 %,3\n"
    "seen/b.png,,metal,,7\n";

TEST(PictureSheet, HasACardForEveryRowWithItsPicturesTitleAndLines) {
    const StudyWithPictures study;
    study.leave(1, two_cards);
    const std::vector<PictureSheet> sheets = study.sheets();
    ASSERT_EQ(sheets.size(), 1u) << "one run left pictures";
    EXPECT_EQ(sheets[0].run, study.done()[1]->record->run);
    ASSERT_EQ(sheets[0].cards.size(), 2u);
    const PictureCard& first = sheets[0].cards[0];
    ASSERT_EQ(first.pictures.size(), 2u);
    EXPECT_EQ(first.pictures[0].what, "left");
    EXPECT_EQ(first.pictures[0].png, png);
    EXPECT_EQ(first.pictures[1].png, png + "2");
    EXPECT_EQ(first.title, "glass, in truth metal");
    EXPECT_THAT(first.lines, ElementsAre(Pair("sure", "99.98 %"), Pair("round", "3")));
    EXPECT_EQ(sheets[0].cards[1].pictures.size(), 1u);
    EXPECT_THAT(sheets[0].cards[1].lines, ElementsAre(Pair("round", "7"))) << "an empty cell is no line";
}

TEST(PictureSheet, SharesWhatAPageHoldsAmongTheRuns) {
    const StudyWithPictures study;
    std::string many = "picture left,title\n";
    for (int i = 0; i < 40; ++i) many += "seen/a.png,t\n";
    for (const std::size_t run : {0u, 1u}) study.leave(run, many);
    for (const auto& [most, each] : {std::pair{24u, 12u}, {2u, 3u}, {200u, 40u}}) {
        const std::vector<PictureSheet> sheets = study.sheets(most);
        ASSERT_EQ(sheets.size(), 2u);
        for (const PictureSheet& sheet : sheets) {
            EXPECT_EQ(sheet.cards.size(), each);
            EXPECT_EQ(sheet.all, 40u);
        }
    }
    EXPECT_THAT(picture_sheets_html(study.sheets()), HasSubstr("the first 12 of 40"));
}

TEST(PictureSheet, CarriesNothingButPngFilesOfTheArtifacts) {
    const StudyWithPictures study;
    base::write_file(study.folder.path() / "secret.png", png + "secret");
    study.leave(0, "picture left,title\n../../../secret.png,t\nseen.csv,t\nseen,t\n" + (study.folder.path() / "secret.png").string() +
                       ",t\nseen/none.png,t\nseen/link.png,t\n");
    fs::create_symlink(study.folder.path() / "secret.png", study.artifacts(0) / "seen/link.png");
    const std::vector<PictureSheet> sheets = study.sheets();
    ASSERT_EQ(sheets[0].cards.size(), 6u);
    for (const PictureCard& card : sheets[0].cards) EXPECT_TRUE(card.pictures.empty()) << &card - &sheets[0].cards[0];
}

TEST(PictureSheet, StandsInThePageAsDataWithWordsForThoseWhoDoNotSee) {
    const StudyWithPictures study;
    EXPECT_THAT(study.page_html(), Not(HasSubstr("What was seen"))) << "no run left pictures";
    study.leave(0, two_cards);
    const std::string html = study.page_html();
    EXPECT_THAT(html, HasSubstr("What was seen</h3>"));
    EXPECT_THAT(html, HasSubstr("<img alt=\"left: glass, in truth metal\" src=\"data:image/png;base64," + base::base64(png) + "\">"));
    EXPECT_THAT(html, HasSubstr("<b>glass, in truth metal</b>"));
    EXPECT_THAT(html, Not(HasSubstr("seen/a.png")));
}

TEST(PictureSheet, OfARunWithoutAnyRowSaysNone) {
    const StudyWithPictures study;
    study.leave(0, "picture left,title\n");
    EXPECT_THAT(study.page_html(), HasSubstr(" · none · run "));
}

TEST(PictureSheet, EscapesWhatARunWrote) {
    const StudyWithPictures study;
    study.leave(0, "picture <b>,title,<i>\nseen/a.png,\"\"\"><script>\",<script>\n");
    const std::string html = picture_sheets_html(study.sheets());
    EXPECT_THAT(html, Not(HasSubstr("<script>")));
    EXPECT_THAT(html, Not(HasSubstr("\"\">")));
}

TEST(PictureSheet, IsNoFigureThatAFileCouldHold) {
    const StudyWithPictures study;
    try {
        export_figure(study.store, study.view, figure_named(study.view, "seen"), FileFormat::svg, study.folder.path() / "seen.svg");
        FAIL() << "exported";
    } catch (const base::Error& error) {
        EXPECT_THAT(error.hint(), HasSubstr("plumb report demo"));
    }
}

}  // namespace
}  // namespace plumb::report
