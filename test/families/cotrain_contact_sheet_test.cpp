// SPDX-License-Identifier: Apache-2.0
#include "families/cotrain/contact_sheet.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <memory>
#include <set>

#include "base/file.h"
#include "base/text.h"
#include "families/cotrain/declarations.h"
#include "families/cotrain/request.h"
#include "families/cotrain/tables.h"
#include "families/cotrain_fixture.h"
#include "kernels/image/decode.h"
#include "kernels/image/resize.h"

namespace plumb::families::cotrain {
namespace {

namespace fs = std::filesystem;
using kernels::image::Image;
using testing::HasSubstr;

/// Cells of a CSV without quotes in it, by column.
std::vector<std::map<std::string, std::string>> rows_of(const std::string& csv) {
    std::vector<std::map<std::string, std::string>> rows;
    const std::vector<std::string> lines = base::split(csv, '\n'), names = base::split(lines.front(), ',');
    for (std::size_t i = 1; i + 1 < lines.size(); ++i) {
        const std::vector<std::string> cells = base::split(lines[i], ',');
        std::map<std::string, std::string>& row = rows.emplace_back();
        for (std::size_t c = 0; c < names.size(); ++c) row[names[c]] = cells.at(c);
    }
    return rows;
}

/// Co-training to its end on every split.
struct Finished {
    Finished(const lab::Settings& settings, std::int64_t splits) : request(read_request(resolve(schema().complete(settings)))) {
        for (std::int64_t index = 0; index < splits; ++index) {
            runs.push_back(std::make_unique<SplitRun>(*request.data, request.options, 1, index));
            while (!runs.back()->finished()) runs.back()->advance();
            pointers.push_back(runs.back().get());
        }
    }
    const TwoViews& data() const { return *request.data; }
    Request request;
    std::vector<std::unique_ptr<SplitRun>> runs;
    std::vector<SplitRun*> pointers;
};

class CotrainContactSheet : public testing::Test {
  protected:
    static void SetUpTestSuite() {
        ::setenv("PLUMB_CACHE", "", 1);
        finished = std::make_unique<Finished>(lab::Settings{{"view0", std::string("trashnet/photos")},
                                                            {"view1", std::string("trashnet/photos")},
                                                            {"halves", std::string("left:right")},
                                                            {"validation", std::int64_t{0}},
                                                            {"rounds", std::int64_t{3}}},
                                              2);
        ::unsetenv("PLUMB_CACHE");
    }
    static void TearDownTestSuite() { finished.reset(); }
    static std::unique_ptr<Finished> finished;
    std::vector<WrongLabel> surest = surest_wrong_labels(finished->data(), finished->pointers, 24);
};
std::unique_ptr<Finished> CotrainContactSheet::finished;

TEST_F(CotrainContactSheet, HasTheSurestOfAllThatWasLearntAndIsWrong) {
    const std::vector<WrongLabel> few = surest_wrong_labels(finished->data(), finished->pointers, 8);
    ASSERT_EQ(few.size(), 8u);
    std::set<std::pair<Sample, std::int32_t>> listed;
    for (const WrongLabel& wrong : few) EXPECT_TRUE(listed.emplace(wrong.row.sample, wrong.row.label).second) << "once each";
    std::size_t mistakes = 0;
    for (const auto& row : rows_of(ledger_csv(finished->data(), finished->pointers))) {
        const std::vector<std::string>& classes = finished->data().classes;
        const auto label = static_cast<std::int32_t>(std::ranges::find(classes, row.at("label")) - classes.begin());
        const bool on_sheet = listed.contains({std::stoi(row.at("sample")), label});
        EXPECT_FALSE(on_sheet && row.at("right") == "yes");
        if (row.at("right") == "yes" || row.at("fate") != "kept") continue;
        ++mistakes;
        EXPECT_TRUE(on_sheet || std::stof(row.at("probability")) <= few.back().row.probability) << row.at("sample");
    }
    EXPECT_GT(mistakes, 8u) << "else nothing was left out";
}

TEST_F(CotrainContactSheet, CountsTheSplitsThatMadeTheSameMistake) {
    for (const WrongLabel& wrong : surest) {
        std::size_t splits = 0;
        for (const SplitRun* run : finished->pointers) {
            splits += std::ranges::any_of(run->state().ledger, [&](const LedgerRow& row) {
                return row.sample == wrong.row.sample && row.label == wrong.row.label && row.fate == "kept";
            });
        }
        EXPECT_EQ(wrong.splits, splits);
    }
}

TEST_F(CotrainContactSheet, ShowsWhatTheModelsSawAndWhatTheFolderSays) {
    const test::TemporaryFolder folder;
    const TwoViews& data = finished->data();
    write_contact_sheet(folder.path(), data, finished->pointers);
    const std::vector<std::string> lines = base::split(base::read_file(folder.path() / "wrong.csv"), '\n');
    ASSERT_GT(surest.size(), 0u);
    ASSERT_EQ(lines.size(), surest.size() + 2) << "a header, and a line end at the end";
    for (std::size_t i = 0; i < surest.size(); ++i) {
        const Sample sample = surest[i].row.sample;
        const std::string truth = data.names[0][sample].substr(0, data.names[0][sample].find('/'));
        EXPECT_THAT(lines[i + 1], HasSubstr("\"" + data.classes[surest[i].row.label] + ", in truth " + truth + "\""));
        for (const int view : {0, 1}) {
            const std::string name = base::split(lines[i + 1], ',')[static_cast<std::size_t>(view)];
            const std::string png = base::read_file(folder.path() / name);
            const Image seen = kernels::image::decode({reinterpret_cast<const std::uint8_t*>(png.data()), png.size()}, name);
            const auto crop = data.pictures[view].of(sample);
            EXPECT_EQ(seen, kernels::image::resized(Image{{128, 128}, {crop.begin(), crop.end()}}, {96, 96}));
        }
    }
}

TEST_F(CotrainContactSheet, OfFeaturesOrWithoutTruthIsNone) {
    const test::TemporaryFolder folder;
    const test::TwoViewFiles files(2, 2);
    const Finished features(files.settings({}), 1);
    write_contact_sheet(folder.path(), features.data(), features.pointers);
    TwoViews unknown = finished->data();
    for (const Sample sample : finished->pointers.front()->split().pool) unknown.truth[sample] = unknown_label;
    write_contact_sheet(folder.path(), unknown, {finished->pointers.front()});
    EXPECT_TRUE(fs::is_empty(folder.path()));
}

}  // namespace
}  // namespace plumb::families::cotrain
