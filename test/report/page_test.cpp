// SPDX-License-Identifier: Apache-2.0
#include "report/page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>
#include <set>

#include "report/html.h"
#include "report/made_up_study.h"
#include "report/packed_json.h"
#include "report/study_tables.h"

namespace plumb::report {
namespace {

using ::testing::HasSubstr;
using testing::MadeUpStudy;
using ::testing::Not;

const std::string drawing_script = "window.vegaEmbed=undefined;";

std::string page_of(const MadeUpStudy& study, std::vector<lab::StudyView> views) {
    return page(study.store, views, {"plumb report demo", drawing_script});
}

std::string page_of(const MadeUpStudy& study) {
    return page_of(study, {study.view});
}

std::vector<std::string> all_matches(const std::string& text, const std::string& pattern) {
    const std::regex expression(pattern);
    std::vector<std::string> found;
    for (std::sregex_iterator match(text.begin(), text.end(), expression), end; match != end; ++match) {
        found.push_back((*match)[1]);
    }
    return found;
}

nlohmann::json embedded(const std::string& html, const std::string& id) {
    const std::string open = "<script type=\"application/json\" id=\"" + id + "\">";
    const std::size_t start = html.find(open);
    EXPECT_NE(start, std::string::npos) << id;
    const std::size_t content = start + open.size();
    return unpacked(nlohmann::json::parse(html.substr(content, html.find("</script>", content) - content)));
}

TEST(Page, AnswersTheQuestionBeforeTheFigures) {
    MadeUpStudy study;
    study.measure_noise(0.021, 0.045);
    const std::string html = page_of(study);
    const std::size_t title = html.find("<h1 id=\"study\">How much faster is attention");
    const std::size_t answer = html.find("210×");
    const std::size_t doubt = html.find("What to doubt");
    const std::size_t figure = html.find("<figure>");
    ASSERT_NE(title, std::string::npos);
    EXPECT_LT(title, answer);
    EXPECT_LT(answer, doubt);
    EXPECT_LT(doubt, figure);
    EXPECT_THAT(html, HasSubstr("70 points, 65 done and verified, 1 done but mistrusted, 1 failed, 1 not run, 1 timed out, 1 unsupported"));
    EXPECT_THAT(html, HasSubstr("verdict <span class=\"word good\">faster</span>"));
}

TEST(Page, NamesCommandCodeMachineAndData) {
    const MadeUpStudy study;
    const std::string html = page_of(study);
    EXPECT_THAT(html, HasSubstr("<code>plumb run demo --experiment sweep</code>"));
    EXPECT_THAT(html, HasSubstr("0.1.0 (7c1e90f)"));
    EXPECT_THAT(html, HasSubstr("GCC 12.2.0, LibTorch 2.15.0"));
    EXPECT_THAT(html, HasSubstr("generated, seed 7"));
    EXPECT_THAT(html, HasSubstr("22 Nov 2026"));
    EXPECT_EQ(html.find(study.store.root().string()), std::string::npos) << "where the store was is nobody's business";
}

TEST(Page, FetchesNothing) {
    const MadeUpStudy study;
    const std::string html = page_of(study);
    EXPECT_THAT(html, HasSubstr("default-src 'none'"));
    for (const std::string& address : all_matches(html, "(?:src|href)=[\"']?([^\"' >]+)")) {
        EXPECT_TRUE(address.starts_with('#') || address.starts_with("data:")) << address;
    }
    EXPECT_EQ(html.find("@import"), std::string::npos);
    EXPECT_EQ(html.find("url("), std::string::npos);
}

TEST(Page, EmbedsEveryResultAndEveryDrawnNumber) {
    const MadeUpStudy study;
    const std::string html = page_of(study);
    EXPECT_EQ(embedded(html, "data"), show_json(study.view));
    EXPECT_EQ(embedded(html, "sweep-throughput-spec").at("data").at("values").size(), 54u);
}

TEST(Page, HasATableUnderEveryFigureWithoutScripts) {
    const MadeUpStudy study;
    std::string html = page_of(study);
    for (std::size_t begin; (begin = html.find("<script")) != std::string::npos;) {
        const std::size_t end = html.find("</script>", begin);
        ASSERT_NE(end, std::string::npos);
        html.erase(begin, end + 9 - begin);
    }
    EXPECT_THAT(html, HasSubstr("<noscript>"));
    for (const char* table : {"ladder-speedup-table", "sweep-throughput-table", "sweep-time-table", "checks-table"}) {
        EXPECT_THAT(html, HasSubstr("<table id=\"" + std::string(table) + "\">"));
    }
    EXPECT_THAT(html, HasSubstr("unsupported</span> value_dim 20 is not a multiple of 8"));
    EXPECT_THAT(html, HasSubstr("timeout</span> no end after 5 s"));
    EXPECT_EQ(html.find("<button"), std::string::npos) << "controls are the script's business";
}

TEST(Page, EscapesHostileTextWhereverItComesFrom) {
    MadeUpStudy study;
    const std::string hostile = "</script><img src=x onerror=alert(1)>\"'&";
    lab::StudyView& view = study.view;
    view.title = view.summary = view.command = "T" + hostile;
    view.damaged = {"D" + hostile};
    view.answers.front().text = "A" + hostile;
    for (lab::ViewExperiment& experiment : view.experiments) {
        experiment.name += hostile;
        experiment.command += hostile;
        for (lab::Figure& figure : experiment.figures) {
            figure.title += hostile;
            figure.caption += hostile;
            figure.y_title = "Y" + hostile;
            figure.reference_title = "R" + hostile;
        }
    }
    for (lab::ViewRow& row : view.rows) {
        if (row.record) {
            row.record->code_version = "V" + hostile;
            row.record->host["compiler"] = "C" + hostile;
            row.record->host["cpu"] = "U" + hostile;
            row.record->reason += row.record->reason.empty() ? "" : hostile;
            for (lab::Check& check : row.record->checks) {
                check.note = check.repro = check.name = check.reference = "K" + hostile;
            }
        }
        for (lab::Setting& setting : row.point.settings) {
            if (setting.name == "mask") {
                setting.value = "M" + hostile;
            }
        }
    }
    const std::string html = page(study.store, std::vector<lab::StudyView>{view}, {"plumb " + hostile, drawing_script});
    EXPECT_EQ(html.find("<img"), std::string::npos);
    EXPECT_THAT(html, HasSubstr("&lt;img src=x onerror=alert(1)&gt;"));
    // Scripts: one element each for data, figures, drawing and behaviour; nothing closes one early.
    EXPECT_EQ(all_matches(html, "(<script)").size(), all_matches(html, "(</script>)").size());
    EXPECT_EQ(embedded(html, "data"), show_json(view)) << "escaping must not change the data";
}

TEST(Page, UsesEveryIdOnce) {
    const MadeUpStudy study;
    const std::string html = page_of(study, {study.view, study.view});
    std::set<std::string> ids;
    for (const std::string& id : all_matches(html, " id=\"?([^\" >]+)")) {
        EXPECT_TRUE(ids.insert(id).second) << id;
    }
}

TEST(Page, OfSeveralStudiesKeepsThemApart) {
    const MadeUpStudy study;
    lab::StudyView other = study.view;
    other.name = "second";
    other.title = "And the other question?";
    const std::string html = page_of(study, {study.view, other});
    EXPECT_EQ(all_matches(html, "(<h1[ >])").size(), 1u);
    EXPECT_EQ(all_matches(html, "(<article )").size(), 2u);
    EXPECT_THAT(html, HasSubstr("<a href=\"#s2-study\">And the other question?</a>"));
}

TEST(Page, StaysUnderAMegabyteWithFiveHundredPoints) {
    const MadeUpStudy study;
    const std::string html = page_of(study, {testing::large_view(study.store, 500)});
    EXPECT_LT(html.size(), 1'000'000u);
}

TEST(Page, OfSeveralExperimentsOfAFamilyHasOneTableOverAll) {
    MadeUpStudy study;
    const std::string id = "<table id=\"overview-table\">";
    EXPECT_THAT(page_of(study), Not(HasSubstr(id))) << "70 rows are no overview";
    std::erase_if(study.view.rows, [](const lab::ViewRow& row) {
        return row.experiment == 1 && row.point.settings.at(4).value == lab::Value(std::int64_t{64}) &&
               lab::format(row.point.settings.at(1).value) != "fused";
    });
    const std::string html = page_of(study);
    const std::size_t begin = html.find(id);
    ASSERT_NE(begin, std::string::npos);
    const std::string table = html.substr(begin, html.find("</table>", begin) - begin);
    EXPECT_EQ(all_matches(table, "(<tr>)").size(), study.view.rows.size() + 1);
    EXPECT_THAT(table, HasSubstr("sweep"));
    EXPECT_THAT(table, HasSubstr("stage=batch impl=fused"));
    study.view.experiments[1].family = "fault";
    EXPECT_THAT(page_of(study), Not(HasSubstr(id))) << "other families measure other things";
}

TEST(Page, SaysWhatIsMissingWhenFiguresCannotBeDrawn) {
    const MadeUpStudy study;
    const std::string html = page(study.store, std::vector<lab::StudyView>{study.view}, {"plumb report demo", ""});
    EXPECT_THAT(html, HasSubstr("Figures are not drawn"));
    EXPECT_THAT(html, HasSubstr("deps/setup"));
    EXPECT_THAT(html, HasSubstr("<table id=\"ladder-speedup-table\">"));
    EXPECT_THAT(page_of(study), Not(HasSubstr("Figures are not drawn")));
}

TEST(Page, OfAStudyThatHasNotRunShowsItsPlan) {
    MadeUpStudy study;
    for (lab::ViewRow& row : study.view.rows) {
        row.record.reset();
    }
    const std::string html = page_of(study);
    EXPECT_THAT(html, HasSubstr("70 points have not been run"));
    EXPECT_THAT(html, HasSubstr("No point of this figure has a number yet"));
}

TEST(PackedJson, ComesBackUnchanged) {
    const nlohmann::json documents[] = {nullptr,
                                        1.5,
                                        "#1",
                                        "$x",
                                        "",
                                        nlohmann::json::array(),
                                        nlohmann::json::object(),
                                        {{"a", {1, "long text", nullptr}}, {"b", {{"c", "long text"}, {"d", {true, -1, "#"}}}}},
                                        show_json(MadeUpStudy().view)};
    for (const nlohmann::json& document : documents) {
        EXPECT_EQ(unpacked(nlohmann::json::parse(packed(document).dump())), document);
    }
}

TEST(PackedJson, HalvesRowsOfObjects) {
    const MadeUpStudy study;
    const nlohmann::json document = show_json(testing::large_view(study.store, 200));
    EXPECT_LT(packed(document).dump().size(), document.dump().size() / 2);
}

TEST(Html, LeavesNoMarkupInJson) {
    const nlohmann::json hostile{{"</script>", "<!--<script>"}};
    const std::string text = json_for_html(hostile);
    EXPECT_EQ(text.find('<'), std::string::npos);
    EXPECT_EQ(nlohmann::json::parse(text), hostile);
    EXPECT_NO_THROW(json_for_html("\xff\xfe"));
}

}  // namespace
}  // namespace plumb::report
