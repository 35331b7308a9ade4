// SPDX-License-Identifier: Apache-2.0
#include "report/export.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "base/error.h"
#include "base/file.h"
#include "report/drawing.h"
#include "report/made_up_study.h"
#include "report/program.h"

namespace plumb::report {
namespace {

using test::TemporaryFolder;
using ::testing::HasSubstr;
using testing::MadeUpStudy;

template <typename Action>
base::Error error_of(const Action& action) {
    try {
        action();
    } catch (const base::Error& error) {
        return error;
    }
    ADD_FAILURE() << "nothing was thrown";
    return {base::ErrorKind::internal, ""};
}

/// Sets an environment variable for the time of a test.
class Setting {
  public:
    Setting(const char* name, const std::string& value) : name_(name), old_(std::getenv(name) == nullptr ? "" : std::getenv(name)) {
        ::setenv(name, value.c_str(), 1);
    }
    ~Setting() {
        if (old_.empty()) {
            ::unsetenv(name_);
        } else {
            ::setenv(name_, old_.c_str(), 1);
        }
    }

  private:
    const char* name_;
    std::string old_;
};

TEST(ExportFigure, WritesTheSpecificationAsJson) {
    const MadeUpStudy study;
    const TemporaryFolder folder;
    const std::filesystem::path file = folder.path() / "speedup.json";
    export_figure(study.store, study.view, figure_named(study.view, "speedup"), format_of(file), file);
    const nlohmann::json spec = nlohmann::json::parse(base::read_file(file));
    EXPECT_EQ(spec.at("title").at("text"), "Speed-up over the loop");
    EXPECT_THAT(spec.at("title").at("subtitle").dump(), HasSubstr("plumb run demo --experiment ladder"));
    EXPECT_THAT(spec.at("title").at("subtitle").dump(), HasSubstr(testing::code));
    EXPECT_EQ(spec.at("config").at("background"), "#ffffff");
}

TEST(ExportFigure, SaysHowToGetPython) {
    const MadeUpStudy study;
    const TemporaryFolder folder;
    const Setting python("PLUMB_PYTHON", (folder.path() / "no-python").string());
    const base::Error error = error_of(
        [&] { export_figure(study.store, study.view, figure_named(study.view, "speedup"), FileFormat::svg, folder.path() / "x.svg"); });
    EXPECT_EQ(error.kind(), base::ErrorKind::missing);
    EXPECT_FALSE(error.hint().empty());
    EXPECT_FALSE(std::filesystem::exists(folder.path() / "x.svg"));
}

TEST(FigureNamed, FindsByNameAndByExperiment) {
    const MadeUpStudy study;
    EXPECT_EQ(figure_named(study.view, "throughput").experiment, 1u);
    EXPECT_EQ(figure_named(study.view, "ladder/dataflow").figure->name, "dataflow");
}

TEST(FigureNamed, SuggestsTheNearestName) {
    const MadeUpStudy study;
    const base::Error error = error_of([&] { figure_named(study.view, "througput"); });
    EXPECT_EQ(error.kind(), base::ErrorKind::usage);
    EXPECT_THAT(error.hint(), HasSubstr("throughput"));
}

TEST(FigureNamed, AsksWhichWhenTwoExperimentsHaveIt) {
    MadeUpStudy study;
    study.view.experiments[0].figures.push_back(study.figure(1, "time"));
    const base::Error error = error_of([&] { figure_named(study.view, "time"); });
    EXPECT_THAT(error.hint(), HasSubstr("ladder/time"));
    EXPECT_THAT(error.hint(), HasSubstr("sweep/time"));
}

TEST(FileFormat, IsReadFromTheExtension) {
    EXPECT_EQ(format_of("a/b.svg"), FileFormat::svg);
    EXPECT_EQ(format_of("b.x.pdf"), FileFormat::pdf);
    EXPECT_EQ(error_of([] { format_of("picture.jpeg"); }).kind(), base::ErrorKind::usage);
    EXPECT_EQ(error_of([] { format_of("picture"); }).kind(), base::ErrorKind::usage);
}

TEST(Program, PassesInputThroughWithoutAShell) {
    const std::string input(1 << 20, 'x');
    const auto result = run_program({"cat"}, input);
    ASSERT_TRUE(result);
    EXPECT_EQ(result->exit_code, 0);
    EXPECT_EQ(result->output, input);
    const auto echoed = run_program({"printf", "%s", "$(id); `id` \"' > x"}, "");
    ASSERT_TRUE(echoed);
    EXPECT_EQ(echoed->output, "$(id); `id` \"' > x");
}

TEST(Program, SurvivesAChildThatDoesNotRead) {
    const auto result = run_program({"false"}, std::string(1 << 20, 'x'));
    ASSERT_TRUE(result);
    EXPECT_EQ(result->exit_code, 1);
    EXPECT_FALSE(run_program({"no-such-program-at-all"}, "").has_value());
}

TEST(Drawing, InlinesShapesAndTextsOnly) {
    const std::string svg =
        "<?xml version=\"1.0\"?><!DOCTYPE svg><!-- made by a > b --><svg width=\"10pt\" viewBox=\"0 0 1 1\" onload=\"alert(1)\">\n"
        "<g id=\"graph0\"><title>secret</title><a xlink:href=\"javascript:alert(1)\"><polygon fill=\"#cfe3f5\" stroke=\"black\" "
        "points=\"0,0\"/></a>\n"
        "<image xlink:href=\"http://example.com/x.png\"/><script>alert(1)</script><style>*{}</style><text fill=\"black\">A &amp; B</text>"
        "<path d=\"M0\" fill=\"none\"/></g></svg>";
    const std::string clean = inline_svg(svg, "label \"<x>\"");
    EXPECT_THAT(clean, HasSubstr("<text fill=\"currentColor\">A &amp; B</text>"));
    EXPECT_THAT(clean, HasSubstr("<polygon fill=\"#cfe3f5\" stroke=\"currentColor\" points=\"0,0\" fill-opacity=\"0.2\"/>"));
    EXPECT_THAT(clean, HasSubstr("<path d=\"M0\" fill=\"none\"/>"));
    EXPECT_THAT(clean, HasSubstr("aria-label=\"label &quot;&lt;x&gt;&quot;\""));
    for (const char* gone :
         {"script", "style", "image", "title", "secret", "href", "onload", "alert", "DOCTYPE", "graph0", "<a", "made by"}) {
        EXPECT_EQ(clean.find(gone), std::string::npos) << gone;
    }
}

TEST(Drawing, SurvivesBrokenInput) {
    for (const char* text : {"", "<", "<svg", "<svg a=", "<svg a=\"", "<!--", "</", "<>", "text", "<svg><title>", "< / >"}) {
        EXPECT_NO_THROW(inline_svg(text, "x")) << text;
    }
}

TEST(Drawing, IsMadeByDotOrSaysThatItIsMissing) {
    if (!run_program({"dot", "-V"}, "")) {
        const base::Error error = error_of([] { render_drawing("digraph { a -> b }", "svg"); });
        EXPECT_EQ(error.kind(), base::ErrorKind::missing);
        EXPECT_THAT(error.hint(), HasSubstr("deps/setup"));
        return;
    }
    const std::string svg = inline_svg(render_drawing("digraph { a [label=\"queries\"]; a -> b }", "svg"), "x");
    EXPECT_TRUE(svg.starts_with("<svg"));
    EXPECT_THAT(svg, HasSubstr("queries"));
    EXPECT_EQ(error_of([] { render_drawing("digraph { a -> ", "svg"); }).kind(), base::ErrorKind::usage);
}

}  // namespace
}  // namespace plumb::report
