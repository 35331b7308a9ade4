// SPDX-License-Identifier: Apache-2.0
// Claims about study files: what they say is what is planned, and every slip is told with its place.
#include "lab/study.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <random>

#include "base/text.h"
#include "lab/study_families.h"

namespace plumb::lab {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using testing::error_of;
using ::testing::HasSubstr;
using ::testing::StartsWith;
namespace fs = std::filesystem;

class StudyFile : public ::testing::Test {
  protected:
    void SetUp() override {
        folder_ = fs::temp_directory_path() / ("plumb_study_test_" + std::to_string(std::random_device()()));
        fs::create_directories(folder_);
    }
    void TearDown() override { fs::remove_all(folder_); }

    Study read(const std::string& text, const std::string& name = "ladder.toml") {
        std::ofstream(folder_ / name, std::ios::binary) << text;
        return read_study(folder_ / name, testing::families());
    }

    /// The error with the folder cut away: "ladder.toml:3:1: message | hint".
    std::string refusal(const std::string& text) {
        std::string error = error_of([&] { read(text); });
        const std::string prefix = folder_.generic_string() + "/";
        if (error.starts_with(prefix)) error.erase(0, prefix.size());
        return error;
    }

    /// Refusal of `lines` inside an otherwise right experiment; they begin at line 5.
    std::string refusal_within(const std::string& lines) {
        return refusal("format = 1\n[[experiment]]\nname = \"e\"\nfamily = \"attention\"\n" + lines);
    }

    fs::path folder_;
};

constexpr const char* whole = R"(format = 1
title = "How much faster?"
summary = "A ladder."
[[experiment]]
name = "ladder"
family = "attention"
seed = 7
repeats = 2
interleave = ["impl"]
figures = ["speedup"]
timeout = "10 min"
memory_limit = "2 GiB"
isolate = true
[experiment.stop]
half_width = 0.02
max_seconds = "500 ms"
min_seconds = 0
min_samples = 5
max_samples = 50
warmup = 0.1
warmup_calls = 2
[experiment.axes]
stage = ["queries", "heads"]
impl = ["loop", "fused"]
head_dim = 128
exact = true
workspace = "4KiB..64KiB*4"
label = "a,b..c"
[[experiment.zip]]
keys = ["queries", "keys"]
values = "32..128*2"
[[experiment.exclude]]
impl = "loop"
keys = ["64", 128]
[[experiment]]
name = "sizes"
family = "compression"
[[answer]]
kind = "ratio"
text = "fused over loop"
experiment = "ladder"
metric = "time"
of = { impl = "fused", keys = "32" }
over = { impl = "loop", keys = 32 }
[[answer]]
kind = "checks"
text = "verified"
[[answer]]
kind = "value"
text = "ratio of zstd"
metric = "ratio"
of = { codec = "zstd" }
)";

TEST_F(StudyFile, SaysWhatItSays) {
    const Study study = read(whole);
    EXPECT_EQ(study.name, "ladder");
    EXPECT_EQ(study.title, "How much faster?");
    EXPECT_EQ(study.summary, "A ladder.");
    EXPECT_EQ(study.file, folder_ / "ladder.toml");
    ASSERT_EQ(study.experiments.size(), 2u);
    const Experiment& ladder = study.experiments[0];
    EXPECT_EQ(ladder.name, "ladder");
    EXPECT_EQ(ladder.family, "attention");
    EXPECT_EQ(ladder.seed, 7u);
    EXPECT_EQ(ladder.repeats, 2);
    EXPECT_THAT(ladder.interleave, ElementsAre("impl"));
    EXPECT_THAT(ladder.figures, ElementsAre("speedup"));
    EXPECT_EQ(ladder.timeout_seconds, 600);
    EXPECT_EQ(ladder.memory_limit, std::int64_t{2} << 30);
    EXPECT_TRUE(ladder.isolate);
    EXPECT_EQ(ladder.stop.half_width, 0.02);
    EXPECT_EQ(ladder.stop.max_seconds, 0.5);
    EXPECT_EQ(ladder.stop.min_seconds, 0);
    EXPECT_EQ(ladder.stop.min_samples, 5);
    EXPECT_EQ(ladder.stop.max_samples, 50);
    EXPECT_EQ(ladder.stop.warmup_seconds, 0.1);
    EXPECT_EQ(ladder.stop.warmup_calls, 2);
    EXPECT_EQ(study.experiments[1].family, "compression");
    EXPECT_TRUE(study.experiments[1].axes.empty());
}

TEST_F(StudyFile, KeepsTheOrderOfAxes) {
    const Study study = read(whole);
    std::vector<std::string> order;
    for (const Axis& axis : study.experiments[0].axes) order.push_back(base::join(axis.keys, "+"));
    EXPECT_THAT(order, ElementsAre("stage", "impl", "head_dim", "exact", "workspace", "label", "queries+keys"));
}

TEST_F(StudyFile, ReadsValuesListsRangesAndZips) {
    const Study study = read(whole);
    const std::vector<Axis>& axes = study.experiments[0].axes;
    using Rows = std::vector<std::vector<Value>>;
    EXPECT_EQ(axes[0].values, (Rows{{"queries"}, {"heads"}}));
    EXPECT_EQ(axes[2].values, (Rows{{128}}));
    EXPECT_EQ(axes[3].values, (Rows{{true}}));
    EXPECT_EQ(axes[4].values, (Rows{{4096}, {16384}, {65536}}));
    EXPECT_EQ(axes[5].values, (Rows{{"a,b..c"}}));  // text is never split or read as a range
    EXPECT_EQ(axes[6].values, (Rows{{32, 32}, {64, 64}, {128, 128}}));
    const Study zipped = read(
        "format = 1\n[[experiment]]\nname = \"e\"\nfamily = \"compression\"\n[[experiment.zip]]\nkeys = [\"codec\", \"chunk\"]\n"
        "values = [[\"lz4\", \"4KiB\"], [\"zstd\", 65536]]\n");
    EXPECT_EQ(zipped.experiments[0].axes[0].values, (Rows{{"lz4", 4096}, {"zstd", 65536}}));
}

TEST_F(StudyFile, ReadsExcludes) {
    const Study study = read(whole);
    const std::vector<Exclude>& excludes = study.experiments[0].excludes;
    ASSERT_EQ(excludes.size(), 1u);
    ASSERT_EQ(excludes[0].match.size(), 2u);
    EXPECT_EQ(excludes[0].match[0], (std::pair<std::string, std::vector<Value>>("impl", {"loop"})));
    EXPECT_EQ(excludes[0].match[1], (std::pair<std::string, std::vector<Value>>("keys", {64, 128})));
}

TEST_F(StudyFile, ReadsAnswers) {
    const Study study = read(whole);
    ASSERT_EQ(study.answers.size(), 3u);
    EXPECT_EQ(study.answers[0].kind, Answer::Kind::ratio);
    EXPECT_EQ(study.answers[0].experiment, "ladder");
    EXPECT_EQ(study.answers[0].of, (Settings{{"impl", "fused"}, {"keys", 32}}));
    EXPECT_EQ(study.answers[0].over, (Settings{{"impl", "loop"}, {"keys", 32}}));
    EXPECT_EQ(study.answers[1].kind, Answer::Kind::checks);
    EXPECT_EQ(study.answers[2].of, (Settings{{"codec", "zstd"}}));
}

TEST_F(StudyFile, TheBestIsTakenFromAllPointsUnlessSomeAreNamed) {
    const std::string text =
        "format = 1\n[[experiment]]\nname = \"e\"\nfamily = \"attention\"\n[[answer]]\ntext = \"t\"\nkind = \"best\"\n";
    const Study study = read(text + "metric = \"time\"\n");
    EXPECT_EQ(study.answers[0].kind, Answer::Kind::best);
    EXPECT_TRUE(study.answers[0].of.empty());
    EXPECT_EQ(read(text + "metric = \"time\"\nof = { impl = \"loop\" }\n").answers[0].of, (Settings{{"impl", "loop"}}));
    EXPECT_THAT(refusal(text + "metric = \"time\"\nof = {}\nover = {}\n"), HasSubstr("'over' does not belong to an answer of kind best"));
    EXPECT_THAT(refusal(text), HasSubstr("has no 'metric'"));
}

TEST_F(StudyFile, RemembersWhereEachValueStands) {
    const Study study = read(whole);
    const std::string file = (folder_ / "ladder.toml").generic_string();
    const Experiment& ladder = study.experiments[0];
    EXPECT_EQ(ladder.origin, file + ":4");
    EXPECT_EQ(ladder.origin_of("seed"), file + ":7");
    EXPECT_EQ(ladder.origin_of("stop.max_seconds"), file + ":16");
    EXPECT_EQ(ladder.origin_of("stage"), file + ":23");
    EXPECT_EQ(ladder.axis_of("keys")->origin, file + ":29");
    EXPECT_EQ(ladder.excludes[0].origin, file + ":32");
    EXPECT_EQ(ladder.origin_of("scale"), "default");
    EXPECT_EQ(study.experiments[1].origin_of("seed"), "default");
    EXPECT_EQ(ladder.axis_of("scale"), nullptr);
}

TEST_F(StudyFile, NeedsItsFormat) {
    EXPECT_THAT(refusal(""), AllOf(StartsWith("ladder.toml:1:1:"), HasSubstr("no 'format'"), HasSubstr("format = 1")));
    EXPECT_THAT(refusal("format = 2\n"),
                AllOf(StartsWith("ladder.toml:1:10:"), HasSubstr("format 2 is not known"), HasSubstr("format = 1")));
    EXPECT_THAT(refusal("format = \"1\"\n"), HasSubstr("'format' must be an integer, not string"));
    EXPECT_THAT(refusal("format = 1\n"), HasSubstr("no 'experiment'"));
    EXPECT_THAT(refusal("format = 1\nexperiment = []\n"), HasSubstr("at least one experiment"));
}

TEST_F(StudyFile, TellsWhereItIsNotToml) {
    EXPECT_THAT(refusal("format = 1\ntitle = \"open\n"), StartsWith("ladder.toml:2:"));
    EXPECT_THAT(refusal("format = 1\nformat = 1\n"), StartsWith("ladder.toml:2:"));
    EXPECT_THAT(refusal(std::string("format = 1\n\xff\n")), AllOf(StartsWith("ladder.toml:"), HasSubstr("utf-8")));
    EXPECT_NE(refusal(std::string(3, '\0')), "");
}

TEST_F(StudyFile, RefusesUnknownKeysWithTheNearest) {
    EXPECT_THAT(refusal("format = 1\ntitel = \"x\"\n"),
                AllOf(StartsWith("ladder.toml:2:1: unknown key 'titel'"), HasSubstr("did you mean 'title'?")));
    EXPECT_THAT(refusal_within("sead = 3\n"), AllOf(StartsWith("ladder.toml:5:1: unknown key 'sead'"), HasSubstr("'seed'")));
    EXPECT_THAT(refusal_within("[experiment.stop]\nhalf_with = 0.1\n"), AllOf(StartsWith("ladder.toml:6:1:"), HasSubstr("'half_width'")));
    EXPECT_THAT(refusal_within("[experiment.axis]\nkeys = 1\n"), HasSubstr("did you mean 'axes'?"));
    EXPECT_THAT(refusal_within("[[experiment.zip]]\nkey = [\"keys\"]\n"), HasSubstr("did you mean 'keys'?"));
    EXPECT_THAT(refusal_within("[[answer]]\nkind = \"checks\"\ntext = \"t\"\nmetrik = \"time\"\n"), HasSubstr("did you mean 'metric'?"));
}

TEST_F(StudyFile, RefusesUnknownNamesWithTheNearest) {
    EXPECT_THAT(
        refusal("format = 1\n[[experiment]]\nname = \"e\"\nfamily = \"atention\"\n"),
        AllOf(StartsWith("ladder.toml:4:10: no family 'atention'"), HasSubstr("did you mean 'attention'?"), HasSubstr("compression")));
    EXPECT_THAT(refusal_within("figures = [\"speedups\"]\n"), AllOf(StartsWith("ladder.toml:5:"), HasSubstr("did you mean 'speedup'?")));
    EXPECT_THAT(refusal_within("interleave = [\"imple\"]\n"), AllOf(StartsWith("ladder.toml:5:"), HasSubstr("did you mean 'impl'?")));
    EXPECT_THAT(refusal_within("[experiment.axes]\nkesy = 3\n"),
                AllOf(StartsWith("ladder.toml:6:1: no parameter 'kesy'"), HasSubstr("did you mean 'keys'?")));
    EXPECT_THAT(refusal_within("[experiment.axes]\nimpl = \"fusde\"\n"),
                AllOf(StartsWith("ladder.toml:6:8: impl = fusde"), HasSubstr("loop, einsum, fused")));
    EXPECT_THAT(refusal_within("[experiment.axes]\nimpl = [\n\"loop\",\n\"fusde\"]\n"), StartsWith("ladder.toml:8:1: impl = fusde"));
    EXPECT_THAT(refusal_within("[[experiment.exclude]]\nimp = \"loop\"\n"),
                AllOf(StartsWith("ladder.toml:6:1:"), HasSubstr("did you mean 'impl'?")));
    const std::string answer = "[[answer]]\ntext = \"t\"\nkind = \"value\"\n";
    EXPECT_THAT(refusal_within(answer + "metric = \"tim\"\nof = {}\n"),
                AllOf(StartsWith("ladder.toml:8:"), HasSubstr("did you mean 'time'?")));
    EXPECT_THAT(refusal_within(answer + "metric = \"time\"\nof = { imp = \"loop\" }\n"),
                AllOf(StartsWith("ladder.toml:9:8:"), HasSubstr("'impl'")));
    EXPECT_THAT(refusal_within(answer + "metric = \"time\"\nof = { impl = \"lop\" }\n"),
                AllOf(StartsWith("ladder.toml:9:15:"), HasSubstr("'loop'")));
    EXPECT_THAT(refusal_within(answer + "experiment = \"f\"\nmetric = \"time\"\nof = {}\n"), HasSubstr("no experiment 'f'"));
    EXPECT_THAT(refusal_within("[[answer]]\ntext = \"t\"\nkind = \"ration\"\n"),
                AllOf(StartsWith("ladder.toml:7:8:"), HasSubstr("did you mean 'ratio'?")));
}

TEST_F(StudyFile, RefusesWrongTypesAndValues) {
    const std::vector<std::pair<std::string, std::string>> cases = {
        {"seed = -1\n", "'seed' must be at least 0"},
        {"seed = 1.5\n", "'seed' must be an integer"},
        {"seed = \"1\"\n", "'seed' must be an integer"},
        {"repeats = 0\n", "'repeats' must be from 1"},
        {"interleave = \"impl\"\n", "'interleave' must be a list of texts"},
        {"interleave = [1]\n", "'interleave' must hold texts"},
        {"timeout = \"soon\"\n", "'soon' is not a duration"},
        {"timeout = 0\n", "'timeout' must be above 0"},
        {"timeout = inf\n", "'timeout' must be finite"},
        {"memory_limit = 1.5\n", "'memory_limit' must be an integer"},
        {"memory_limit = \"2 gigs\"\n", "not a number of bytes"},
        {"isolate = 1\n", "'isolate' must be true or false"},
        {"stop = 3\n", "'stop' must be a table"},
        {"stop = { half_width = nan }\n", "'half_width' must be finite"},
        {"stop = { half_width = 0.0 }\n", "'half_width' must be a share"},
        {"stop = { min_samples = 9, max_samples = 8 }\n", "min_samples (9) is not above max_samples (8)"},
        {"axes = { keys = [] }\n", "keys has an empty list"},
        {"axes = { keys = [[1]] }\n", "keys cannot have a value of type array"},
        {"axes = { keys = 2024-01-01 }\n", "keys cannot have a value of type date"},
        {"axes = { keys = \"9..1\" }\n", "keys = 9..1: the range is empty"},
        {"axes = { workspace = \"1..999999+1\" }\n", "more than 100000 values"},
        {"axes = { keys = 1.5 }\n", "keys = 1.5: not an integer"},
        {"axes = { scale = nan }\n", "scale = nan: not a finite number"},
        {"axes = { exact = \"yes\" }\n", "exact = yes: not true or false"},
        {"zip = [{ keys = [\"keys\", \"queries\"], values = [[1, 2], [3]] }]\n", "each row of a zip must be a list of 2 values"},
        {"zip = [{ keys = [\"keys\", \"queries\"], values = [[1, 2], 3] }]\n", "each row of a zip must be a list of 2 values"},
        {"zip = [{ keys = [\"keys\"], values = [[\"1..2\"]] }]\n", "keys needs one value here, not 2"},
        {"zip = [{ keys = [], values = 1 }]\n", "a zip needs keys"},
        {"zip = [{ keys = [\"keys\"] }]\n", "has no 'values'"},
        {"exclude = [{}]\n", "would drop every point"},
        {"exclude = {}\n", "'exclude' must be a list of tables"},
        {"name2 = 1\n", "unknown key 'name2'"},
    };
    for (const auto& [lines, expected] : cases)
        EXPECT_THAT(refusal_within(lines), AllOf(StartsWith("ladder.toml:5:"), HasSubstr(expected))) << lines;
}

TEST_F(StudyFile, RefusesAKeyInTwoPlaces) {
    EXPECT_THAT(refusal_within("[experiment.axes]\nkeys = 1\n[[experiment.zip]]\nkeys = [\"queries\", \"keys\"]\nvalues = \"1..3\"\n"),
                AllOf(StartsWith("ladder.toml:7:"), HasSubstr("'keys' already has values"), HasSubstr("ladder.toml:6")));
    EXPECT_THAT(refusal_within("[[experiment.zip]]\nkeys = [\"keys\", \"keys\"]\nvalues = \"1..3\"\n"),
                HasSubstr("'keys' already has values"));
}

TEST_F(StudyFile, RefusesTwoExperimentsOfOneName) {
    EXPECT_THAT(refusal_within("[[experiment]]\nname = \"e\"\nfamily = \"compression\"\n"),
                AllOf(StartsWith("ladder.toml:6:8:"), HasSubstr("named 'e'")));
    EXPECT_THAT(refusal("format = 1\n[[experiment]]\nname = \"../e\"\nfamily = \"attention\"\n"), HasSubstr("cannot name an experiment"));
    EXPECT_THAT(refusal("format = 1\n[[experiment]]\nfamily = \"attention\"\n"), HasSubstr("[[experiment]] has no 'name'"));
    EXPECT_THAT(refusal("format = 1\n[experiment]\nname = \"e\"\nfamily = \"attention\"\n"), HasSubstr("[[experiment]]"));
}

TEST_F(StudyFile, RefusesAnswersThatLackOrContradict) {
    const auto answer = [&](const std::string& lines) { return refusal_within("[[answer]]\ntext = \"t\"\n" + lines); };
    EXPECT_THAT(answer(""), HasSubstr("has no 'kind'"));
    EXPECT_THAT(answer("kind = \"value\"\n"), HasSubstr("has no 'metric'"));
    EXPECT_THAT(answer("kind = \"value\"\nmetric = \"time\"\n"), HasSubstr("has no 'of'"));
    EXPECT_THAT(answer("kind = \"ratio\"\nmetric = \"time\"\nof = {}\n"), HasSubstr("has no 'over'"));
    EXPECT_THAT(answer("kind = \"value\"\nmetric = \"time\"\nof = {}\nover = {}\n"), HasSubstr("'over' does not belong"));
    EXPECT_THAT(answer("kind = \"checks\"\nof = {}\n"), HasSubstr("'of' does not belong"));
    EXPECT_THAT(answer("kind = \"value\"\nmetric = \"time\"\nof = { keys = \"1..2\" }\n"), HasSubstr("keys needs one value here, not 2"));
}

TEST_F(StudyFile, MustExistAndHaveAUsableName) {
    EXPECT_THAT(error_of([&] { read_study(folder_ / "nothing.toml", testing::families()); }), HasSubstr("no study file"));
    EXPECT_THAT(error_of([&] { read_study(folder_, testing::families()); }), HasSubstr("no study file"));
    EXPECT_THAT(error_of([&] { read("format = 1\n", ".hidden.toml"); }), HasSubstr("cannot name a study"));
    EXPECT_THAT(error_of([&] { read("format = 1\n", "a b.toml"); }), HasSubstr("cannot name a study"));
}

TEST_F(StudyFile, NeverCrashesOnDamage) {
    const unsigned seed = 20261122;
    std::mt19937 random(seed);
    RecordProperty("seed", static_cast<int>(seed));
    int refused = 0;
    for (int round = 0; round < 400; ++round) {
        std::string text = whole;
        for (auto edits = 1 + random() % 3; edits > 0; --edits) {
            const std::size_t at = random() % text.size();
            if (random() % 2 == 0)
                text.erase(at, 1 + random() % 8);
            else
                text.insert(at, 1, static_cast<char>(random() % 256));
        }
        // Any outcome but an Error of kind usage would end the test.
        const std::string error = error_of([&] { read(text); });
        EXPECT_THAT(error, Not(StartsWith("wrong kind"))) << text;
        if (!error.empty()) ++refused;
    }
    EXPECT_GT(refused, 200) << "seed " << seed;
}

TEST(StudyOfFamily, IsOneExperimentOfDefaults) {
    const Study study = study_of_family(*testing::attention_family());
    EXPECT_EQ(study.name, "family-attention");
    EXPECT_TRUE(study.file.empty());
    ASSERT_EQ(study.experiments.size(), 1u);
    EXPECT_EQ(study.experiments[0].family, "attention");
    EXPECT_TRUE(study.experiments[0].axes.empty());
    EXPECT_THAT(study.experiments[0].interleave, ElementsAre("impl"));  // its figure "speedup" relates to impl=loop
}

TEST(FamilyNamed, SuggestsTheNearest) {
    EXPECT_EQ(family_named(testing::families(), "compression").name(), "compression");
    EXPECT_THAT(error_of([] { family_named(testing::families(), "compresion"); }), HasSubstr("did you mean 'compression'?"));
}

}  // namespace
}  // namespace plumb::lab
