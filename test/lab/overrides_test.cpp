// SPDX-License-Identifier: Apache-2.0
// Claims about key=value words: the grammar of values, and what an override does to a study.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/text.h"
#include "lab/study.h"
#include "lab/study_families.h"

namespace plumb::lab {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using testing::error_of;
using ::testing::HasSubstr;

std::vector<Value> expand(const std::string& key, const std::string& text) {
    static const Schema schema(testing::attention_parameters());
    return expand_values(schema, key, text);
}

std::string expanded(const std::string& key, const std::string& text) {
    std::vector<std::string> words;
    for (const Value& value : expand(key, text)) words.push_back(format(value));
    return base::join(words, " ");
}

std::string refusal(const std::string& key, const std::string& text) {
    return error_of([&] { expand(key, text); });
}

TEST(ExpandValues, ReadsListsAndQuotes) {
    EXPECT_EQ(expanded("impl", "loop, fused"), "loop fused");
    EXPECT_EQ(expanded("keys", "1,2,1"), "1 2 1");
    EXPECT_EQ(expand("label", "'a,b',\"c d\",''"), (std::vector<Value>{"a,b", "c d", ""}));
    EXPECT_EQ(expand("label", "f(a,b),g"), (std::vector<Value>{"f(a,b)", "g"}));
    EXPECT_EQ(expanded("keys", "\"7\""), "7");
    EXPECT_EQ(expanded("exact", "true,false"), "true false");
}

TEST(ExpandValues, ReadsSteppedRanges) {
    EXPECT_EQ(expanded("keys", "1..9"), "1 2 3 4 5 6 7 8 9");
    EXPECT_EQ(expanded("keys", "1..9+2"), "1 3 5 7 9");
    EXPECT_EQ(expanded("keys", "1..8+3"), "1 4 7");
    EXPECT_EQ(expanded("keys", "5..5"), "5");
    EXPECT_EQ(expanded("workspace", "4KiB..16KiB+4KiB"), "4096 8192 12288 16384");
    EXPECT_EQ(expanded("scale", "-1..1"), "-1 0 1");
    EXPECT_EQ(expanded("scale", "1e+1..3e+1+1e+1"), "10 20 30");
}

TEST(ExpandValues, ReadsGeometricRanges) {
    EXPECT_EQ(expanded("keys", "32..512*2"), "32 64 128 256 512");
    EXPECT_EQ(expanded("keys", "32..500*2"), "32 64 128 256");
    EXPECT_EQ(expanded("keys", "1..10*1.5"), "1 2 3 5 8");  // 1, 1.5, 2.25, 3.375, 5.06, 7.59 rounded, 2 once
    EXPECT_EQ(expand("workspace", "4KiB..16MiB*4").size(), 7u);
    EXPECT_EQ(expand("workspace", "4KiB..16MiB*4").back(), Value(16 << 20));
    EXPECT_EQ(expanded("pause", "1ms..100ms*10"), "0.001 0.01 0.1");
    EXPECT_EQ(expanded("scale", "0.001..1000*10"), "0.001 0.01 0.1 1 10 100 1000");
}

TEST(ExpandValues, GivesTheRealsThatAPersonWouldType) {
    EXPECT_EQ(expand("scale", "0.1..0.5+0.1"), expand("scale", "0.1,0.2,0.3,0.4,0.5"));
}

TEST(ExpandValues, MixesRangesIntoLists) {
    EXPECT_EQ(expanded("keys", "1..3,8,16..64*2"), "1 2 3 8 16 32 64");
}

TEST(ExpandValues, NeverReadsTextAsARange) {
    EXPECT_EQ(expand("label", "../data,a..b*2"), (std::vector<Value>{"../data", "a..b*2"}));
    EXPECT_THAT(refusal("impl", "loop..fused"), HasSubstr("impl = loop..fused: unknown value"));
}

TEST(ExpandValues, RefusesRangesThatAreNone) {
    EXPECT_THAT(refusal("keys", "9..1"), HasSubstr("keys = 9..1: the range is empty"));
    EXPECT_THAT(refusal("keys", "1..9+0"), HasSubstr("the step must be an integer above 0"));
    EXPECT_THAT(refusal("keys", "1..9+-2"), HasSubstr("the step must be an integer above 0"));
    EXPECT_THAT(refusal("scale", "0..1+nan"), HasSubstr("the step must be a number above 0"));
    EXPECT_THAT(refusal("keys", "1..9*1"), HasSubstr("the factor must be a number above 1"));
    EXPECT_THAT(refusal("keys", "1..9*0.5"), HasSubstr("the factor must be a number above 1"));
    EXPECT_THAT(refusal("keys", "1..9*inf"), HasSubstr("the factor must be a number above 1"));
    EXPECT_THAT(refusal("keys", "0..9*2"), HasSubstr("must begin above 0"));
    EXPECT_THAT(refusal("keys", "1..2..3"), HasSubstr("one '..'"));
    EXPECT_THAT(refusal("keys", "1.."), HasSubstr("both ends"));
    EXPECT_THAT(refusal("keys", "..5"), HasSubstr("both ends"));
    EXPECT_THAT(refusal("keys", "a..b"), HasSubstr("keys = a: not an integer"));
    EXPECT_THAT(refusal("keys", "1..99999"), HasSubstr("out of bounds"));
    EXPECT_THAT(refusal("workspace", "4KiB..16KiB"), AllOf(HasSubstr("needs a step or a factor"), HasSubstr("4KiB..16MiB*4")));
    EXPECT_THAT(refusal("pause", "1..2+soon"), AllOf(HasSubstr("pause = 1..2+soon"), HasSubstr("not a duration")));
}

TEST(ExpandValues, RefusesMoreThanAnyoneMeans) {
    EXPECT_THAT(refusal("workspace", "1..200000+1"), HasSubstr("more than 100000 values"));
    EXPECT_THAT(refusal("scale", "0..1e300"), HasSubstr("more than 100000 values"));
    EXPECT_THAT(refusal("scale", "1..1e300*1.0000001"), HasSubstr("more than 100000 values"));
    EXPECT_THAT(refusal("keys", "0..60000,0..60000"), HasSubstr("more than 100000 values"));
    EXPECT_EQ(expand("keys", "0..65536").size(), 65537u);
}

TEST(ExpandValues, RefusesEmptyItemsAndOpenBrackets) {
    EXPECT_THAT(refusal("keys", ""), AllOf(HasSubstr("keys = ''"), HasSubstr("a value is missing")));
    EXPECT_THAT(refusal("keys", "1,,2"), HasSubstr("a value is missing"));
    EXPECT_THAT(refusal("label", "a(b"), AllOf(HasSubstr("label"), HasSubstr("a(b")));
    EXPECT_THAT(refusal("kesy", "1"), HasSubstr("did you mean 'keys'?"));
}

/// Attention with axes stage, (queries, keys) zipped, head_dim; and compression with codec.
Study example() {
    Study study;
    study.name = "example";
    study.file = "studies/example.toml";
    Experiment attention;
    attention.name = "ladder";
    attention.family = "attention";
    attention.axes = {{{"stage"}, {{"queries"}, {"heads"}}, "example.toml:5", {}},
                      {{"queries", "keys"}, {{32, 32}, {64, 64}}, "example.toml:6", {}},
                      {{"head_dim"}, {{64}}, "example.toml:7", {}}};
    Experiment compression;
    compression.name = "sizes";
    compression.family = "compression";
    compression.axes = {{{"codec"}, {{"lz4"}, {"zstd"}}, "example.toml:12", {}}};
    study.experiments = {attention, compression};
    study.answers = {{Answer::Kind::checks, "all", "", "", {}, {}}, {Answer::Kind::checks, "ladder", "ladder", "", {}, {}}};
    return study;
}

Study overridden(const std::vector<std::string>& assignments) {
    Study study = example();
    Overrides overrides;
    overrides.assignments = assignments;
    apply(overrides, study, testing::families());
    return study;
}

std::string refused(const std::vector<std::string>& assignments) {
    return error_of([&] { overridden(assignments); });
}

std::string axes_of(const Study& study, std::size_t experiment = 0) {
    std::vector<std::string> words;
    for (const Axis& axis : study.experiments[experiment].axes) {
        std::vector<std::string> rows;
        for (const std::vector<Value>& row : axis.values) {
            std::vector<std::string> parts;
            for (const Value& value : row) parts.push_back(format(value));
            rows.push_back(base::join(parts, "/"));
        }
        words.push_back(base::join(axis.keys, "/") + "=" + base::join(rows, ","));
    }
    return base::join(words, " ");
}

TEST(Apply, ReplacesAnAxisInItsPlace) {
    const Study study = overridden({"stage=batch"});
    EXPECT_EQ(axes_of(study), "stage=batch queries/keys=32/32,64/64 head_dim=64");
    EXPECT_EQ(study.experiments[0].axis_of("stage")->origin, "command line");
    EXPECT_EQ(study.experiments[0].origin_of("stage"), "command line");
    EXPECT_EQ(study.experiments[0].axis_of("stage")->typed, "batch");
}

TEST(Apply, AppendsWhatWasNoAxis) {
    EXPECT_EQ(axes_of(overridden({"exact=true,false"})), "stage=queries,heads queries/keys=32/32,64/64 head_dim=64 exact=true,false");
}

TEST(Apply, LeavesOtherFamiliesAlone) {
    const Study study = overridden({"head_dim=16..64*2"});
    EXPECT_EQ(axes_of(study, 0), "stage=queries,heads queries/keys=32/32,64/64 head_dim=16,32,64");
    EXPECT_EQ(axes_of(study, 1), "codec=lz4,zstd");
}

TEST(Apply, TakesAZipOfTuplesAndOfOneRange) {
    EXPECT_EQ(axes_of(overridden({"(stage,head_dim)=(heads,32),(batch,64)"})), "stage/head_dim=heads/32,batch/64 queries/keys=32/32,64/64");
    EXPECT_EQ(axes_of(overridden({"(queries,keys)=8..32*2"})), "stage=queries,heads queries/keys=8/8,16/16,32/32 head_dim=64");
    EXPECT_EQ(axes_of(overridden({"(head_dim,label)=(1,'a,b'),(2,\"c)\")"})),
              "stage=queries,heads queries/keys=32/32,64/64 head_dim/label=1/a,b,2/c)");
}

TEST(Apply, ASingleValueLeavesAZip) {
    EXPECT_EQ(axes_of(overridden({"keys=128"})), "stage=queries,heads queries=32,64 keys=128 head_dim=64");
    EXPECT_EQ(axes_of(overridden({"keys=128", "queries=8"})), "stage=queries,heads queries=8 keys=128 head_dim=64");
}

TEST(Apply, SeveralValuesForPartOfAZipAreExplained) {
    EXPECT_THAT(refused({"keys=1,2"}), AllOf(HasSubstr("queries, keys"), HasSubstr("example.toml:6"), HasSubstr("(queries,keys)=")));
    EXPECT_THAT(refused({"(keys,head_dim)=(1,2),(3,4)"}), HasSubstr("vary together"));
}

TEST(Apply, RefusesMalformedWords) {
    EXPECT_THAT(refused({"fused"}), AllOf(HasSubstr("'fused' is not key=value"), HasSubstr("key=a,b")));
    EXPECT_THAT(refused({"=3"}), HasSubstr("no key before '='"));
    EXPECT_THAT(refused({"(keys,)=3"}), HasSubstr("no key before '='"));
    EXPECT_THAT(refused({"(keys,keys)=3"}), HasSubstr("names keys twice"));
    EXPECT_THAT(refused({"keys=1", "keys=2"}), AllOf(HasSubstr("'keys' is given twice"), HasSubstr("keys=a,b")));
    EXPECT_THAT(refused({"(queries,keys)=(1,2,3)"}), HasSubstr("3 values for 2 keys"));
    EXPECT_THAT(refused({"(queries,keys)=(1,2),3"}), HasSubstr("each item must be a tuple"));
    EXPECT_THAT(refused({"(queries,keys)=(1,2"}), HasSubstr("without its partner"));
    EXPECT_THAT(refused({"()=1"}), HasSubstr("no parameter '()'"));
}

TEST(Apply, RefusesWhatNoExperimentKnows) {
    EXPECT_THAT(refused({"hed_dim=3"}),
                AllOf(HasSubstr("no parameter 'hed_dim'"), HasSubstr("did you mean 'head_dim'?"), HasSubstr("codec")));
    EXPECT_THAT(refused({"(head_dim,codec)=(3,lz4)"}), HasSubstr("has all of the parameters head_dim, codec"));
}

TEST(Apply, SaysWhichExperimentAValueDoesNotFit) {
    // Both families have `impl`, with different choices.
    EXPECT_THAT(refused({"impl=loop"}), AllOf(HasSubstr("experiment 'sizes': impl = loop"), HasSubstr("--experiment")));
}

TEST(Apply, ChangesNothingWhenItFails) {
    Study study = example();
    Overrides overrides;
    overrides.assignments = {"head_dim=32", "kesy=3"};
    EXPECT_NE(error_of([&] { apply(overrides, study, testing::families()); }), "");
    EXPECT_EQ(axes_of(study), axes_of(example()));
}

TEST(Apply, AddsExcludesWhereTheirKeysAreKnown) {
    Study study = example();
    Overrides overrides;
    overrides.excludes = {"head_dim=64  queries=32,64", "codec=lz4 chunk=4KiB..16KiB*2"};
    apply(overrides, study, testing::families());
    ASSERT_EQ(study.experiments[0].excludes.size(), 1u);
    ASSERT_EQ(study.experiments[1].excludes.size(), 1u);
    const auto& match = study.experiments[1].excludes[0].match;
    ASSERT_EQ(match.size(), 2u);
    EXPECT_EQ(match[0], (std::pair<std::string, std::vector<Value>>("codec", {"lz4"})));
    EXPECT_EQ(match[1], (std::pair<std::string, std::vector<Value>>("chunk", {4096, 8192, 16384})));
    EXPECT_EQ(study.experiments[1].excludes[0].origin, "command line");
    for (const std::string bad : {"", "  ", "lz4", "codex=lz4", "codec=lz5", "(codec,chunk)=(lz4,1)", "codec=", "codec='lz4"}) {
        overrides.excludes = {bad};
        EXPECT_NE(error_of([&] { apply(overrides, study, testing::families()); }), "") << bad;
    }
}

TEST(Apply, KeepsOnlyTheExperimentsAskedFor) {
    Study study = example();
    Overrides overrides;
    overrides.experiments = {"sizes"};
    apply(overrides, study, testing::families());
    ASSERT_EQ(study.experiments.size(), 1u);
    EXPECT_EQ(study.experiments[0].name, "sizes");
    ASSERT_EQ(study.answers.size(), 1u);
    EXPECT_EQ(study.answers[0].text, "all");
    overrides.experiments = {"ladde"};
    study = example();
    EXPECT_THAT(error_of([&] { apply(overrides, study, testing::families()); }), HasSubstr("did you mean 'ladder'?"));
}

TEST(Apply, SetsWhatHasFlags) {
    Study study = example();
    Overrides overrides;
    overrides.seed = 9;
    overrides.repeats = 3;
    overrides.timeout_seconds = 60;
    overrides.max_seconds = 0.5;
    overrides.half_width = 0.05;
    overrides.memory_limit = 1 << 20;
    overrides.isolate = true;
    apply(overrides, study, testing::families());
    for (const Experiment& experiment : study.experiments) {
        EXPECT_EQ(experiment.seed, 9u);
        EXPECT_EQ(experiment.repeats, 3);
        EXPECT_EQ(experiment.timeout_seconds, 60);
        EXPECT_EQ(experiment.stop.max_seconds, 0.5);
        EXPECT_EQ(experiment.stop.half_width, 0.05);
        EXPECT_EQ(experiment.memory_limit, 1 << 20);
        EXPECT_TRUE(experiment.isolate);
        for (const char* key : {"seed", "repeats", "timeout", "stop.max_seconds", "stop.half_width", "memory_limit", "isolate"}) {
            EXPECT_EQ(experiment.origin_of(key), "command line") << key;
        }
        EXPECT_EQ(experiment.origin_of("stop.min_samples"), "default");
    }
}

TEST(Apply, RefusesFlagsThatCannotBe) {
    std::vector<Overrides> all(6);
    all[0].repeats = 0;
    all[1].timeout_seconds = -1;
    all[2].max_seconds = 0;
    all[3].half_width = 1;
    all[4].memory_limit = -1;
    all[5].seed = UINT64_MAX;
    for (const Overrides& overrides : all) {
        Study study = example();
        EXPECT_THAT(error_of([&] { apply(overrides, study, testing::families()); }), HasSubstr("must be"));
    }
}

}  // namespace
}  // namespace plumb::lab
