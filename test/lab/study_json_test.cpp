// SPDX-License-Identifier: Apache-2.0
// Claims about study.json, the merging of declarations, and a study written back as people would type it.
#include "lab/study_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>

#include "lab/study_families.h"
#include "lab/values.h"

namespace plumb::lab {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using testing::families;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
namespace fs = std::filesystem;

Experiment experiment_of(const std::string& name, const std::string& family, const std::vector<std::string>& assignments) {
    Study study = study_of_family(family_named(families(), family));
    Overrides overrides;
    overrides.assignments = assignments;
    apply(overrides, study, families());
    study.experiments[0].name = name;
    // As if they had been read from a file.
    for (Axis& axis : study.experiments[0].axes) axis.origin = "studies/s.toml:9", axis.typed.clear();
    study.experiments[0].origins.clear();
    return study.experiments[0];
}

Study study_of(std::vector<Experiment> experiments) {
    Study study;
    study.name = "s";
    study.title = "A question?";
    study.summary = "Told.";
    study.file = "studies/s.toml";
    for (const Experiment& experiment : experiments)
        study.answers.push_back({Answer::Kind::checks, "of " + experiment.name, experiment.name, "", {}, {}});
    study.experiments = std::move(experiments);
    return study;
}

json declaration_of(const Study& study, const Families& known = families()) {
    return declare(study, make_plan(study, known), known);
}

std::set<std::string> all_hashes(const json& declaration) {
    std::set<std::string> hashes;
    for (const json& experiment : declaration.at("experiments")) {
        for (const json& point : experiment.at("points")) hashes.insert(point.at("hash"));
    }
    return hashes;
}

/// "ladder: 8 16" for each experiment, with the values of one parameter.
std::vector<std::string> contents(const json& declaration, const std::string& key) {
    std::vector<std::string> result;
    for (const json& experiment : declaration.at("experiments")) {
        std::string text = experiment.at("name").get<std::string>() + ":";
        for (const json& point : experiment.at("points")) {
            const Settings settings = point_from_json(point).settings;
            const Value* value = find(settings, key);
            text += " " + (value == nullptr ? std::string("?") : format(*value));
        }
        result.push_back(text);
    }
    return result;
}

std::vector<std::string> answers(const json& declaration) {
    std::vector<std::string> result;
    for (const json& answer : declaration.at("answers")) result.push_back(answer.at("text"));
    return result;
}

TEST(Declare, HoldsWhatIsNeededToRenderWithoutTheCode) {
    Study study = study_of({experiment_of("ladder", "attention", {"keys=8,16", "impl=loop,fused"})});
    study.experiments[0].figures = {"lengths"};
    study.experiments[0].set_origin("seed", "studies/s.toml:4");
    const json declared = json::parse(declaration_of(study).dump());
    EXPECT_EQ(declared.at("schema"), 1);
    EXPECT_EQ(declared.at("name"), "s");
    EXPECT_EQ(declared.at("title"), "A question?");
    EXPECT_EQ(declared.at("summary"), "Told.");
    EXPECT_EQ(declared.at("command"), "plumb run s");
    EXPECT_THAT(answers(declared), ElementsAre("of ladder"));
    const json& ladder = declared.at("experiments").at(0);
    EXPECT_EQ(ladder.at("family"), "attention");
    EXPECT_EQ(ladder.at("family_version"), 1);
    EXPECT_EQ(ladder.at("family_summary"), "the attention family of a test");
    EXPECT_EQ(ladder.at("interleave"), json::array({"impl"}));
    EXPECT_EQ(ladder.at("stop").at("max_samples"), StopRule{}.max_samples);
    EXPECT_EQ(ladder.at("command"), "plumb run s --experiment ladder");
    EXPECT_EQ(ladder.at("origins"), json::array({json::array({"seed", "studies/s.toml:4"})}));
    ASSERT_EQ(ladder.at("parameters").size(), testing::attention_parameters().size());
    EXPECT_EQ(parameter_from_json(ladder.at("parameters").at(1)).name, "impl");
    EXPECT_EQ(metric_from_json(ladder.at("metrics").at(0)).name, "time");
    ASSERT_EQ(ladder.at("figures").size(), 1u);
    EXPECT_EQ(figure_from_json(ladder.at("figures").at(0)).name, "lengths");
    const Plan plan = make_plan(study, families());
    ASSERT_EQ(ladder.at("points").size(), plan.points.size());
    for (std::size_t i = 0; i < plan.points.size(); ++i)
        EXPECT_EQ(point_from_json(ladder.at("points").at(i)).hash(), plan.points[i].point.hash());
}

TEST(Declare, DrawsAllFiguresWhereNoneIsNamed) {
    const json declared = declaration_of(study_of({experiment_of("ladder", "attention", {})}));
    EXPECT_EQ(declared.at("experiments").at(0).at("figures").size(), 2u);
}

TEST(Merge, OfTheSameStudyChangesNothing) {
    const json declared = declaration_of(study_of({experiment_of("a", "attention", {"keys=8,16"}), experiment_of("b", "compression", {})}));
    EXPECT_EQ(merge_declarations(declared, declared, all_hashes(declared)), declared);
    EXPECT_EQ(merge_declarations(declared, declared, {}), declared);
}

TEST(Merge, KeepsOldPointsThatHaveRuns) {
    const json old = declaration_of(study_of({experiment_of("a", "attention", {"keys=8,16,32"})}));
    const json fresh = declaration_of(study_of({experiment_of("a", "attention", {"keys=64,16"})}));
    EXPECT_THAT(contents(merge_declarations(old, fresh, all_hashes(old)), "keys"), ElementsAre("a: 64 16 8 32"));
    const std::string hash_of_32 = old.at("experiments").at(0).at("points").at(2).at("hash");
    EXPECT_THAT(contents(merge_declarations(old, fresh, {hash_of_32}), "keys"), ElementsAre("a: 64 16 32"));
    EXPECT_EQ(merge_declarations(old, fresh, {}), fresh);
}

TEST(Merge, DropsOldPointsOfAnotherVersionOrOtherParameters) {
    const json old = declaration_of(study_of({experiment_of("a", "attention", {"keys=8"})}));
    const Study now = study_of({experiment_of("a", "attention", {"keys=16"})});
    EXPECT_THAT(contents(merge_declarations(old, declaration_of(now, {testing::attention_family(2)}), all_hashes(old)), "keys"),
                ElementsAre("a: 16"));
    json fewer = old;
    fewer["experiments"][0]["parameters"].erase(3);
    EXPECT_THAT(contents(merge_declarations(fewer, declaration_of(now), all_hashes(old)), "keys"), ElementsAre("a: 16"));
}

TEST(Merge, DropsOldPointsWhoseInputsChanged) {
    const json fresh = declaration_of(study_of({experiment_of("a", "compression", {})}));
    json old = fresh;
    json& point = old["experiments"][0]["points"][0];
    point["inputs"]["file"] = "digest of an older dickens";
    const std::set<std::string> known = {point_from_json(point).hash()};
    EXPECT_EQ(merge_declarations(old, fresh, known), fresh);
}

TEST(Merge, DropsExperimentsWhoseNameNowMeansAnotherFamily) {
    const json old = declaration_of(study_of({experiment_of("a", "attention", {"keys=8"})}));
    const json fresh = declaration_of(study_of({experiment_of("a", "compression", {})}));
    EXPECT_EQ(merge_declarations(old, fresh, all_hashes(old)), fresh);
}

TEST(Merge, KeepsExperimentsThatWereNotRunThisTime) {
    const Experiment a = experiment_of("a", "attention", {"keys=8"}), b = experiment_of("b", "attention", {"keys=16"}),
                     c = experiment_of("c", "attention", {"keys=32"});
    const json old = declaration_of(study_of({a, b, c}));
    const json merged = merge_declarations(old, declaration_of(study_of({b})), all_hashes(old));
    EXPECT_THAT(contents(merged, "keys"), ElementsAre("a: 8", "b: 16", "c: 32"));
    EXPECT_THAT(answers(merged), ElementsAre("of a", "of b", "of c"));
    EXPECT_EQ(merged, old);
    const std::set<std::string> only_c = {old.at("experiments").at(2).at("points").at(0).at("hash")};
    const json without_a = merge_declarations(old, declaration_of(study_of({b})), only_c);
    EXPECT_THAT(contents(without_a, "keys"), ElementsAre("b: 16", "c: 32"));
    EXPECT_THAT(answers(without_a), ElementsAre("of b", "of c"));
}

TEST(Merge, IgnoresWhatItCannotRead) {
    const json fresh = declaration_of(study_of({experiment_of("a", "attention", {"keys=8"})}));
    std::vector<json> damaged = {json(),         json(3),         json::array(),
                                 json::object(), {{"schema", 1}}, {{"schema", 99}, {"experiments", json::array()}}};
    for (const char* key : {"experiments", "answers", "schema"}) {
        json broken = fresh;
        broken[key] = "?";
        damaged.push_back(broken);
    }
    for (const char* key : {"points", "parameters", "family", "name", "family_version"}) {
        json broken = fresh;
        broken["experiments"][0][key] = json::array({3});
        damaged.push_back(broken);
    }
    for (const json& old : damaged) EXPECT_EQ(merge_declarations(old, fresh, all_hashes(fresh)), fresh) << old;
}

Study applied(Study study, const Overrides& overrides) {
    apply(overrides, study, families());
    return study;
}

TEST(RunCommand, RepeatsWhatTheCommandLineChanged) {
    Overrides overrides;
    overrides.assignments = {"keys=32..128*2", "(stage,head_dim)=(heads,32),(batch,64)"};
    overrides.excludes = {"keys=32 head_dim=64"};
    overrides.seed = 7;
    overrides.repeats = 7;
    overrides.max_seconds = 0.5;
    overrides.isolate = true;
    const Study study = applied(study_of({experiment_of("a", "attention", {}), experiment_of("b", "attention", {})}), overrides);
    const std::string words = " 'keys=32..128*2' '(stage,head_dim)=(heads,32),(batch,64)'";
    const std::string flags = " --exclude 'keys=32 head_dim=64' --seed 7 --repeats 7 --max-time 0.5s --isolate";
    EXPECT_EQ(run_command(study, nullptr), "plumb run s" + words + flags);
    EXPECT_EQ(run_command(study, &study.experiments[1]), "plumb run s" + words + " --experiment b" + flags);
}

TEST(RunCommand, NamesFamiliesAndPathsSoThatTheyAreFound) {
    Overrides overrides;
    overrides.assignments = {"impl=loop"};
    const Study family = applied(study_of_family(*testing::attention_family()), overrides);
    EXPECT_EQ(run_command(family, nullptr), "plumb run family:attention impl=loop");
    EXPECT_EQ(run_command(family, &family.experiments[0]), "plumb run family:attention impl=loop");
    Study elsewhere = study_of({experiment_of("a", "attention", {})});
    elsewhere.file = "my work/s.toml";
    EXPECT_EQ(run_command(elsewhere, nullptr), "plumb run 'my work/s.toml'");
}

TEST(RunCommand, WritesAZipThatLostAKeyAsItIs) {
    Overrides first, second;
    first.assignments = {"(stage,head_dim,label)=(heads,32,'a,b'),(batch,64,c)"};
    second.assignments = {"head_dim=16"};
    const Study study = applied(applied(study_of({experiment_of("a", "attention", {})}), first), second);
    EXPECT_EQ(run_command(study, nullptr), "plumb run s '(stage,label)=(heads,\"a,b\"),(batch,c)' head_dim=16");
}

class ConfigToml : public ::testing::Test {
  protected:
    void SetUp() override {
        folder_ = fs::temp_directory_path() / ("plumb_config_test_" + std::to_string(std::random_device()()));
        fs::create_directories(folder_);
    }
    void TearDown() override { fs::remove_all(folder_); }

    Study reread(const std::string& text) {
        std::ofstream(folder_ / "config.toml", std::ios::binary) << text;
        return read_study(folder_ / "config.toml", families());
    }

    fs::path folder_;
};

TEST_F(ConfigToml, IsAStudyThatMeasuresTheSamePointAgain) {
    Study study = study_of({experiment_of("ladder", "attention",
                                          {"keys=8,16", "impl=loop,fused", "scale=0.1,3,1e-300", "exact=true", "workspace=65537,62500000",
                                           "pause=20us,0.3", "label='a \"b\" \\ #c',''"})});
    study.title = "Quotes \"and\" \\ and\nlines";
    study.experiments[0].seed = 12345;
    study.experiments[0].repeats = 2;
    study.experiments[0].timeout_seconds = 90;
    study.experiments[0].memory_limit = 1 << 30;
    study.experiments[0].stop.half_width = 0.02;
    study.experiments[0].stop.max_seconds = 0.25;
    const Schema schema(testing::attention_parameters());
    const Plan plan = make_plan(study, families());
    ASSERT_EQ(plan.points.size(), 192u);
    for (std::size_t i = 0; i < plan.points.size(); i += 7) {
        const Point& point = plan.points[i].point;
        const std::string text = config_toml(study, study.experiments[0], point, schema);
        const Study again = reread(text);
        EXPECT_EQ(again.title, study.title);
        EXPECT_EQ(again.experiments[0].timeout_seconds, 90);
        EXPECT_EQ(again.experiments[0].memory_limit, 1 << 30);
        EXPECT_EQ(again.experiments[0].stop.half_width, 0.02);
        EXPECT_EQ(again.experiments[0].stop.max_seconds, 0.25);
        EXPECT_EQ(make_plan(again, families()).points.back().point.hash(), point.hash()) << text;
    }
}

TEST_F(ConfigToml, TellsWhereEachValueCameFrom) {
    Study study = study_of({experiment_of("ladder", "compression", {"codec=zstd"})});
    study.experiments[0].set_origin("seed", "studies/s.toml:4");
    Overrides overrides;
    overrides.assignments = {"chunk=4KiB"};
    study = applied(study, overrides);
    const Plan plan = make_plan(study, families());
    const std::string text = config_toml(study, study.experiments[0], plan.points[0].point, testing::compression_family()->schema());
    EXPECT_THAT(text, HasSubstr("\nseed = 1  # studies/s.toml:4\n"));
    EXPECT_THAT(text, HasSubstr("\ncodec = \"zstd\"  # studies/s.toml:9\n"));
    EXPECT_THAT(text, HasSubstr("\nchunk = \"4KiB\"  # command line\n"));
    EXPECT_THAT(text, HasSubstr("\nlevel = 1  # default\n"));
    EXPECT_THAT(text, HasSubstr("\nmax_samples = 5000  # default\n"));
    EXPECT_THAT(text, HasSubstr("\n# input \"file\" has digest digest of dickens\n"));
    EXPECT_EQ(make_plan(reread(text), families()).points[0].point.hash(), plan.points[0].point.hash());
}

TEST(AsTyped, IsReadBackByExpandValues) {
    const Schema schema(testing::attention_parameters());
    for (const std::string text : {"plain", "", "a,b", "(a", "it's", "say \"x\"", " blank ", "1..9", "[x]"}) {
        EXPECT_EQ(expand_values(schema, "label", as_typed(text, Type::text)), std::vector<Value>{text}) << text;
    }
}

}  // namespace
}  // namespace plumb::lab
