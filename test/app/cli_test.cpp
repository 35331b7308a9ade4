// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "app/program.h"
#include "nlohmann/json.hpp"

namespace plumb {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

/// A study small enough to run many times; it needs no LibTorch.
constexpr const char* tiny_study = R"(
format = 1
title = "Is the fused kernel faster than the plain form?"
summary = "Two implementations at two lengths."
[[experiment]]
name = "tiny"
family = "attention"
seed = 3
interleave = ["impl"]
figures = ["time", "throughput"]
[experiment.stop]
max_seconds = "0.02 s"
warmup = "0.001 s"
[experiment.axes]
impl = ["plain", "fused"]
stage = "heads"
heads = 2
tries = 2
[[experiment.zip]]
keys = ["queries", "keys"]
values = "16..32*2"
[[answer]]
kind = "ratio"
text = "fused over plain"
experiment = "tiny"
metric = "time"
of = { impl = "fused", queries = 32, keys = 32 }
over = { impl = "plain", queries = 32, keys = 32 }
)";

class CommandLine : public ::testing::Test {
  protected:
    CommandLine() { std::ofstream(place.path() / "tiny.toml") << tiny_study; }
    test::Outcome ran() {
        test::Outcome outcome = place.shell("plumb run tiny.toml");
        EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
        return outcome;
    }
    test::Workplace place;
};

TEST_F(CommandLine, BareProgramPrintsATourOfTenLines) {
    const auto outcome = place.shell("plumb");
    EXPECT_EQ(outcome.exit_code, 0);
    EXPECT_LE(std::count(outcome.out.begin(), outcome.out.end(), '\n'), 10);
    EXPECT_THAT(outcome.out, AllOf(HasSubstr("plumb run demo"), HasSubstr("plumb report demo")));
}

TEST_F(CommandLine, ListsFamiliesStudiesAndWhatAFamilyTakes) {
    EXPECT_THAT(place.shell("plumb list").out, AllOf(HasSubstr("attention"), HasSubstr("demo")));
    EXPECT_THAT(place.shell("plumb list attention").out, AllOf(HasSubstr("impl"), HasSubstr("sdpa"), HasSubstr("share_of_peak")));
    EXPECT_THAT(place.shell("plumb list devices").out, HasSubstr("cpu"));
    EXPECT_THAT(place.shell("plumb list kernels").out, HasSubstr("attention fused"));
    EXPECT_THAT(place.shell("plumb list codecs").out, AllOf(HasSubstr("memcpy"), HasSubstr("zstd"), HasSubstr("level")));
    const auto wrong = place.shell("plumb list attentoin");
    EXPECT_EQ(wrong.exit_code, 2);
    EXPECT_THAT(wrong.err, HasSubstr("did you mean 'attention'"));
}

TEST_F(CommandLine, NamesTheNearestWordForATypingMistake) {
    const auto verb = place.shell("plumb comapre demo");
    EXPECT_EQ(verb.exit_code, 2);
    EXPECT_THAT(verb.err, HasSubstr("compare"));
    const auto study = place.shell("plumb run dmeo");
    EXPECT_EQ(study.exit_code, 2);
    EXPECT_THAT(study.err, HasSubstr("demo"));
    const auto key = place.shell("plumb run tiny.toml heds=4");
    EXPECT_EQ(key.exit_code, 2);
    EXPECT_THAT(key.err, HasSubstr("heads"));
    const auto value = place.shell("plumb run tiny.toml impl=fusd");
    EXPECT_EQ(value.exit_code, 2);
    EXPECT_THAT(value.err, HasSubstr("fused"));
    const auto flag = place.shell("plumb run tiny.toml --repaets 2");
    EXPECT_EQ(flag.exit_code, 2);
    EXPECT_THAT(flag.err, HasSubstr("--help"));
}

TEST_F(CommandLine, PlansWithoutRunningAndEstimatesAfterARun) {
    const auto before = place.shell("plumb plan tiny.toml");
    EXPECT_EQ(before.exit_code, 0) << before.err;
    EXPECT_THAT(before.err, HasSubstr("4 to run, no estimate for 4"));
    EXPECT_FALSE(std::filesystem::exists(place.path() / "runs"));
    ran();
    EXPECT_THAT(place.shell("plumb plan tiny.toml").err, HasSubstr("4 done"));
    EXPECT_THAT(place.shell("plumb plan tiny.toml --seed 4").out, HasSubstr("similar points"));
}

TEST_F(CommandLine, RunsOnceAndResumes) {
    EXPECT_THAT(ran().err, HasSubstr("4 run now, 0 were there"));
    EXPECT_THAT(ran().err, HasSubstr("0 run now, 4 were there"));
    const auto more = place.shell("plumb run tiny.toml heads=2,3");
    EXPECT_THAT(more.err, HasSubstr("4 run now, 4 were there")) << "points that are done are not run again by a larger sweep";
}

TEST_F(CommandLine, IsolatedRunsGiveTheSamePoints) {
    const auto outcome = place.shell("plumb run tiny.toml --isolate --timeout 60s");
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    EXPECT_THAT(ran().err, HasSubstr("0 run now, 4 were there"));
}

TEST_F(CommandLine, ResultsGoToStandardOutputAndTheRestToStandardError) {
    EXPECT_THAT(ran().out, IsEmpty());
    const auto shown = place.shell("plumb show tiny");
    EXPECT_THAT(shown.err, IsEmpty());
    EXPECT_THAT(shown.out, AllOf(HasSubstr("fused"), HasSubstr("done")));
    EXPECT_THAT(place.shell("plumb -q run tiny.toml --rerun all").err, IsEmpty());
}

TEST_F(CommandLine, ShowsJsonOfTheDocumentedForm) {
    ran();
    const auto document = nlohmann::json::parse(place.shell("plumb show tiny --json").out);
    EXPECT_EQ(document.at("schema"), 1);
    EXPECT_EQ(document.at("study"), "tiny");
    ASSERT_EQ(document.at("rows").size(), 4u);
    for (const auto& row : document.at("rows")) {
        EXPECT_EQ(row.at("family"), "attention");
        EXPECT_EQ(row.at("status"), "done");
        EXPECT_TRUE(row.at("point").contains("impl"));
        EXPECT_EQ(row.at("checks").at(0).at("status"), "passed");
        EXPECT_THAT(row.at("checks").at(0).at("repro").get<std::string>(), StartsWith("plumb run family:attention"));
        EXPECT_GE(row.at("metrics").at(0).at("samples").get<int>(), 3);
        EXPECT_LE(row.at("metrics").at(0).at("low").get<double>(), row.at("metrics").at(0).at("value").get<double>());
    }
    EXPECT_THAT(place.shell("plumb show tiny --csv").out, HasSubstr("time_s"));
    EXPECT_THAT(place.shell("plumb show tiny --markdown").out, HasSubstr("| "));
    EXPECT_EQ(place.shell("plumb show tiny --json --csv").exit_code, 2);
}

TEST_F(CommandLine, TheReproLineOfACheckRunsThatPointAgain) {
    ran();
    const auto document = nlohmann::json::parse(place.shell("plumb show tiny --json").out);
    const auto again = place.shell(document.at("rows").at(0).at("checks").at(0).at("repro").get<std::string>() + " --max-time 0.02s");
    EXPECT_EQ(again.exit_code, 0) << again.err;
    EXPECT_THAT(again.err, HasSubstr("1 points: 1 done"));
}

TEST_F(CommandLine, ShowsWhereEachValueOfARunCameFrom) {
    ran();
    const auto document = nlohmann::json::parse(place.shell("plumb show tiny --json").out);
    const std::string run = document.at("rows").at(0).at("run");
    const auto config = place.shell("plumb show " + run + " --config");
    EXPECT_THAT(config.out, AllOf(HasSubstr("tiny.toml:"), HasSubstr("default"), HasSubstr("heads = 2")));
    EXPECT_THAT(place.shell("plumb show " + run + " --checks").out, HasSubstr("accuracy rule"));
    EXPECT_THAT(place.shell("plumb show " + run).out, HasSubstr("seed"));
}

TEST_F(CommandLine, ComparesByAKeyAndSaysWhenTheNoiseFloorIsMissing) {
    ran();
    const auto outcome = place.shell("plumb compare tiny --by impl");
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    EXPECT_THAT(outcome.out, AllOf(HasSubstr("unclear"), HasSubstr("doctor")));
    EXPECT_EQ(place.shell("plumb compare tiny --by impl --fail-on unclear").exit_code, 1);
    EXPECT_EQ(place.shell("plumb compare tiny").exit_code, 2);
    EXPECT_EQ(place.shell("plumb compare tiny --by imlp").exit_code, 2);
}

TEST_F(CommandLine, ComparesTwoStoresPointByPoint) {
    ran();
    place.shell("cp -r runs other && plumb --runs other run tiny.toml --rerun all");
    const auto outcome = place.shell("plumb compare runs:tiny other:tiny --csv");
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    EXPECT_EQ(std::count(outcome.out.begin(), outcome.out.end(), '\n'), 5) << outcome.out;
}

TEST_F(CommandLine, WritesAPageAndASpecification) {
    ran();
    const auto outcome = place.shell("plumb report tiny -o pages/tiny.html");
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    EXPECT_THAT(outcome.out, HasSubstr("pages/tiny.html"));
    EXPECT_THAT(place.read("pages/tiny.html"), AllOf(StartsWith("<!doctype html>"), HasSubstr("Is the fused kernel faster")));
    EXPECT_EQ(place.shell("plumb figure tiny time -o time.json").exit_code, 0);
    EXPECT_TRUE(nlohmann::json::parse(place.read("time.json")).contains("$schema"));
    EXPECT_THAT(place.shell("plumb figure tiny tiem -o x.json").err, HasSubstr("time"));
    EXPECT_EQ(place.shell("plumb figure tiny time -o x.gif").exit_code, 2);
}

TEST_F(CommandLine, ExportsCsvJsonLinesAndEventFiles) {
    ran();
    EXPECT_THAT(place.shell("plumb export tiny").out, HasSubstr("time_s"));
    const auto lines = place.shell("plumb export tiny --to jsonl").out;
    EXPECT_TRUE(nlohmann::json::parse(lines.substr(0, lines.find('\n'))).is_object());
    EXPECT_EQ(place.shell("plumb export tiny --to tensorboard -o events").exit_code, 0);
    EXPECT_EQ(place.shell("test $(find events -name 'events.out.tfevents.*' | wc -l) -eq 4").exit_code, 0);
    EXPECT_EQ(place.shell("plumb export tiny --to tensorboard").exit_code, 2);
}

TEST_F(CommandLine, AStudyWithoutResultsIsMissingDataWithTheCommandThatMakesThem) {
    for (const char* line : {"plumb show tiny", "plumb report tiny", "plumb compare tiny --by impl", "plumb export tiny"}) {
        const auto outcome = place.shell(line);
        EXPECT_EQ(outcome.exit_code, 4) << line;
        EXPECT_THAT(outcome.err, HasSubstr("plumb run")) << line;
    }
}

TEST_F(CommandLine, AnUnsupportedPointIsARowWithItsReasonAndExitCode3) {
    const auto outcome = place.shell("PLUMB_ISA=scalar plumb run tiny.toml impl=fused isa=amx,scalar");
    const auto document = nlohmann::json::parse(place.shell("plumb show tiny --json").out);
    int unsupported = 0;
    for (const auto& row : document.at("rows")) {
        if (row.at("status") != "unsupported") continue;
        ++unsupported;
        EXPECT_THAT(row.at("reason").get<std::string>(), HasSubstr("amx"));
    }
    EXPECT_EQ(outcome.exit_code, unsupported > 0 ? 3 : 0);
}

TEST_F(CommandLine, DoctorTellsWhatIsThereAndWhatIsMissing) {
    const auto outcome = place.shell("plumb doctor --noise skip");
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    EXPECT_THAT(outcome.out, AllOf(HasSubstr("machine"), HasSubstr("noise floor"), HasSubstr("never measured"), HasSubstr("isa in use")));
}

TEST_F(CommandLine, ImportsATableFromElsewhereAndJoinsDevices) {
    std::ofstream(place.path() / "results.csv") << "Standard,File,chunks,decompression_throughput_GBps,compression_throughput_GBps,ratio\n"
                                                << "zstd,500mb_xml,2048,0.4522,0.1020,6.5364\n";
    const auto incomplete = place.shell("plumb import results.csv");
    EXPECT_EQ(incomplete.exit_code, 2);
    EXPECT_THAT(incomplete.err, AllOf(HasSubstr("--device"), HasSubstr("--total")));
    for (const std::string device : {"A100", "'RTX 3050 Ti'"}) {
        const auto outcome = place.shell("plumb import results.csv --total 524288000 --device " + device);
        EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
        EXPECT_THAT(outcome.err, HasSubstr("1 new points"));
    }
    const auto shown = place.shell("plumb show imported --csv");
    EXPECT_THAT(shown.out, AllOf(HasSubstr("A100"), HasSubstr("RTX 3050 Ti"), HasSubstr("mistrusted")));
    EXPECT_EQ(place.shell("plumb report imported -o page.html").exit_code, 0);
    EXPECT_EQ(place.shell("plumb import nsys results.csv --total 524288000").exit_code, 2) << "a table is no export";
    EXPECT_EQ(place.shell("plumb import nsys nowhere --total 524288000").exit_code, 4);
}

TEST_F(CommandLine, ImportsTheLogFoldersOfTheNotebook) {
    const std::filesystem::path run = place.path() / "logs" / "1";
    std::filesystem::create_directories(run);
    std::ofstream(run / "args.json") << R"({"batch_size": 16, "model": "lstm", "embeddings": "e.npz", "layers": 1, "optimizer": "adam",)"
                                     << R"( "lr": 0.001, "momentum": 0.9, "weight_decay": 0.0005, "exp_id": "1", "device": "cuda"})";
    for (const char* split : {"train", "valid", "test"}) {
        for (const char* what : {"loss", "ppl", "time"}) std::ofstream(run / (std::string(split) + "_" + what + ".txt")) << "5.25";
    }
    EXPECT_EQ(place.shell("plumb import logs logs --study students").exit_code, 0);
    const auto shown = place.shell("plumb show students --csv");
    EXPECT_THAT(shown.out, AllOf(HasSubstr("5.25"), HasSubstr("mistrusted")));
    EXPECT_EQ(place.shell("plumb import logs nowhere").exit_code, 4);
    EXPECT_EQ(place.shell("plumb import logs").exit_code, 2);
    EXPECT_EQ(place.shell("plumb export students --to notebook -o out").exit_code, 4) << "nothing here was trained by plumb";
}

TEST_F(CommandLine, CompressesAFileOfTheUsers) {
    std::ofstream(place.path() / "mine.txt") << std::string(5000, 'a') << std::string(5000, 'b');
    const auto outcome = place.shell("plumb run family:compression file=mine.txt codec=zstd,lz4 chunk=4000 --max-time 0.05s");
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    EXPECT_THAT(place.shell("plumb show family-compression --checks").out, HasSubstr("all 3 chunks"));
    std::ofstream(place.path() / "mine.txt") << "other content";
    const auto changed = place.shell("plumb run family:compression file=mine.txt codec=zstd,lz4 chunk=4000 --max-time 0.05s");
    EXPECT_THAT(changed.err, HasSubstr("2 run now")) << "another content is another point";
    EXPECT_EQ(place.shell("plumb run family:compression file=absent").exit_code, 4);
    EXPECT_EQ(place.shell("plumb run family:compression codec=zstf").exit_code, 2);
    EXPECT_EQ(place.shell("plumb run family:compression file=mine.txt codec=lz4 level=0 --max-time 0.05s").exit_code, 3);
}

TEST_F(CommandLine, VerifiesItsDataSets) {
    const auto outcome = place.shell("plumb data verify");
    EXPECT_EQ(outcome.exit_code, 0) << outcome.out;
    EXPECT_THAT(outcome.out, HasSubstr("passed"));
    EXPECT_EQ(place.shell("plumb data list nonesuch").exit_code, 2);
}

TEST_F(CommandLine, ColourIsOffInAPipeAndCanBeForced) {
    ran();
    EXPECT_EQ(place.shell("plumb show tiny").out.find('\033'), std::string::npos);
    EXPECT_NE(place.shell("plumb --color always show tiny").out.find('\033'), std::string::npos);
    EXPECT_EQ(place.shell("FORCE_COLOR=1 plumb --color never show tiny").out.find('\033'), std::string::npos);
    EXPECT_NE(place.shell("FORCE_COLOR=1 plumb show tiny").out.find('\033'), std::string::npos);
}

TEST_F(CommandLine, AnInterruptedRunExitsWith130AndGoesOn) {
    // Interrupted once a point is at work, however slow the machine is: its folder under .work says so.
    const auto outcome = place.shell(
        "plumb run tiny.toml --max-time 300s --half-width 0.0000001 & "
        "until ls runs/tiny/.work/* > /dev/null 2>&1 || ! kill -0 $!; do sleep 0.05; done; "
        "kill -INT $!; wait $!; test $? -eq 130 && plumb run tiny.toml");
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    EXPECT_THAT(outcome.err, AllOf(HasSubstr("the same command goes on"), HasSubstr("4 done and verified")));
}

}  // namespace
}  // namespace plumb
