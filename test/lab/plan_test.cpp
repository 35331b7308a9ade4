// SPDX-License-Identifier: Apache-2.0
// Claims about plans: which points, in which order, in which groups, and what they will cost.
#include "lab/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <random>
#include <set>

#include "lab/study_families.h"

namespace plumb::lab {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using testing::error_of;
using ::testing::HasSubstr;

Experiment experiment_of(const std::string& family, std::vector<Axis> axes) {
    Experiment experiment;
    experiment.name = family;
    experiment.family = family;
    experiment.axes = std::move(axes);
    return experiment;
}

Axis axis(const std::string& key, const std::vector<Value>& values) {
    Axis result{{key}, {}, "test", {}};
    for (const Value& value : values) result.values.push_back({value});
    return result;
}

Study study_of(std::vector<Experiment> experiments) {
    Study study;
    study.name = "example";
    study.experiments = std::move(experiments);
    return study;
}

Plan plan_of(const std::vector<Experiment>& experiments) {
    return make_plan(study_of(experiments), testing::families());
}

std::vector<std::string> texts(const Plan& plan, const std::vector<std::string>& names) {
    std::vector<std::string> result;
    for (const PlannedPoint& planned : plan.points) result.push_back(testing::text_of(planned.point.settings, names));
    return result;
}

std::vector<std::size_t> groups(const Plan& plan) {
    std::vector<std::size_t> result;
    for (const PlannedPoint& planned : plan.points) result.push_back(planned.group);
    return result;
}

/// Counts keys by pairs or by ones: `pairs` becomes `keys`.
class PairedFamily final : public testing::DeclaredFamily {
  public:
    PairedFamily()
        : DeclaredFamily(
              "paired", 1,
              {testing::parameter("keys", Type::integer, std::int64_t{2}), testing::parameter("pairs", Type::integer, std::int64_t{0})}, {},
              {}) {}
    Settings resolve(Settings settings) const override {
        const auto pairs = std::get<std::int64_t>(*find(settings, "pairs"));
        if (pairs < 0) throw base::Error(base::ErrorKind::missing, "no such pairs");
        if (pairs > 0) settings = {{"keys", 2 * pairs}, {"pairs", std::int64_t{0}}};
        return settings;
    }
};

TEST(Plan, SettingsThatMeanTheSameAreOnePoint) {
    const Families families = {std::make_shared<PairedFamily>()};
    const Plan plan = make_plan(study_of({experiment_of("paired", {axis("keys", {std::int64_t{4}, std::int64_t{6}}),
                                                                   axis("pairs", {std::int64_t{0}, std::int64_t{2}, std::int64_t{-1}})})}),
                                families);
    std::vector<std::string> points = texts(plan, {"keys", "pairs"});
    EXPECT_EQ(points.size(), 4u) << "4 keys and 2 pairs are the same; what cannot be resolved stays as given";
    EXPECT_EQ(std::set<std::string>(points.begin(), points.end()).size(), points.size());
}

TEST(Plan, OfNoAxesIsTheDefaultPoint) {
    const Plan plan = plan_of({experiment_of("attention", {})});
    ASSERT_EQ(plan.points.size(), 1u);
    const Point& point = plan.points[0].point;
    EXPECT_EQ(point.family, "attention");
    EXPECT_EQ(point.family_version, 1);
    EXPECT_EQ(point.settings, Schema(testing::attention_parameters()).complete({}));
    EXPECT_EQ(plan.group_count, 1u);
}

TEST(Plan, VariesTheFirstAxisSlowest) {
    const Plan plan = plan_of({experiment_of("attention", {axis("stage", {"heads", "batch"}), axis("keys", {8, 16, 32})})});
    EXPECT_THAT(texts(plan, {"stage", "keys"}), ElementsAre("stage=heads keys=8", "stage=heads keys=16", "stage=heads keys=32",
                                                            "stage=batch keys=8", "stage=batch keys=16", "stage=batch keys=32"));
    EXPECT_THAT(groups(plan), ElementsAre(0, 1, 2, 3, 4, 5));
}

TEST(Plan, VariesZippedKeysTogether) {
    const Plan plan =
        plan_of({experiment_of("attention", {{{"queries", "keys"}, {{1, 2}, {3, 4}}, "test", {}}, axis("impl", {"loop", "fused"})})});
    EXPECT_THAT(texts(plan, {"queries", "keys", "impl"}), ElementsAre("queries=1 keys=2 impl=loop", "queries=1 keys=2 impl=fused",
                                                                      "queries=3 keys=4 impl=loop", "queries=3 keys=4 impl=fused"));
}

TEST(Plan, DropsWhatAllKeysOfAnExcludeMatch) {
    Experiment experiment = experiment_of("attention", {axis("impl", {"loop", "fused"}), axis("keys", {8, 16, 32})});
    experiment.excludes = {{{{"impl", {"loop"}}, {"keys", {16, 32}}}, "test", {}}, {{{"head_dim", {128}}}, "test", {}}};
    EXPECT_THAT(texts(plan_of({experiment}), {"impl", "keys"}),
                ElementsAre("impl=loop keys=8", "impl=fused keys=8", "impl=fused keys=16", "impl=fused keys=32"));
}

TEST(Plan, AnExcludeSeesDefaultsToo) {
    Experiment experiment = experiment_of("attention", {axis("impl", {"loop", "fused"})});
    experiment.excludes = {{{{"impl", {"loop"}}, {"keys", {32}}}, "test", {}}};
    EXPECT_THAT(texts(plan_of({experiment}), {"impl"}), ElementsAre("impl=fused"));
}

TEST(Plan, RefusesToBeEmpty) {
    Experiment experiment = experiment_of("attention", {axis("impl", {"loop", "fused"})});
    experiment.name = "ladder";
    experiment.excludes = {{{{"keys", {32}}}, "test", {}}};
    EXPECT_THAT(error_of([&] { plan_of({experiment}); }),
                AllOf(HasSubstr("experiment 'ladder' has no point left"), HasSubstr("all 2 combinations")));
}

TEST(Plan, RunsEqualPointsOfAnExperimentOnce) {
    const Plan plan = plan_of({experiment_of("attention", {axis("keys", {8, 16, 8}), axis("impl", {"loop", "loop"})})});
    EXPECT_THAT(texts(plan, {"keys"}), ElementsAre("keys=8", "keys=16"));
}

TEST(Plan, NamesTheExperimentOfAPointThatTwoShare) {
    const Plan plan = plan_of({experiment_of("attention", {axis("keys", {8, 16})}), experiment_of("attention", {axis("keys", {16})})});
    ASSERT_EQ(plan.points.size(), 3u);
    EXPECT_EQ(plan.points[1].point.hash(), plan.points[2].point.hash());
    EXPECT_EQ(plan.points[1].experiment, 0u);
    EXPECT_EQ(plan.points[2].experiment, 1u);
    EXPECT_NE(plan.points[1].group, plan.points[2].group);
}

TEST(Plan, GivesEveryRepeatItsOwnPointAndGroup) {
    Experiment experiment = experiment_of("attention", {axis("impl", {"loop", "fused"})});
    experiment.interleave = {"impl"};
    experiment.repeats = 3;
    experiment.seed = 11;
    const Plan plan = plan_of({experiment});
    ASSERT_EQ(plan.points.size(), 6u);
    std::set<std::string> hashes;
    for (const PlannedPoint& planned : plan.points) {
        hashes.insert(planned.point.hash());
        EXPECT_EQ(planned.point.seed, 11u);
        EXPECT_EQ(static_cast<std::size_t>(planned.point.repeat), planned.group);
    }
    EXPECT_EQ(hashes.size(), 6u);
    EXPECT_EQ(plan.group_count, 3u);
}

TEST(Plan, BringsInterleavedPointsTogether) {
    Experiment experiment = experiment_of("attention", {axis("impl", {"loop", "fused"}), axis("keys", {8, 16})});
    experiment.interleave = {"impl"};
    const Plan plan = plan_of({experiment});
    EXPECT_THAT(texts(plan, {"keys", "impl"}),
                ElementsAre("keys=8 impl=loop", "keys=8 impl=fused", "keys=16 impl=loop", "keys=16 impl=fused"));
    EXPECT_THAT(groups(plan), ElementsAre(0, 0, 1, 1));
    EXPECT_EQ(plan.group_count, 2u);
}

TEST(Plan, GroupsDifferOnlyInInterleavedKeys) {
    Experiment experiment =
        experiment_of("attention", {axis("impl", {"loop", "einsum", "fused"}), axis("keys", {8, 16}), axis("exact", {true, false})});
    experiment.interleave = {"impl", "exact"};
    experiment.excludes = {{{{"impl", {"loop"}}, {"keys", {8}}}, "test", {}}};
    const Plan plan = plan_of({experiment});
    EXPECT_EQ(plan.points.size(), 10u);
    EXPECT_EQ(plan.group_count, 2u);
    for (const PlannedPoint& a : plan.points) {
        for (const PlannedPoint& b : plan.points) {
            const bool same_others = testing::text_of(a.point.settings, {"keys"}) == testing::text_of(b.point.settings, {"keys"});
            EXPECT_EQ(a.group == b.group, same_others);
        }
    }
}

TEST(Plan, DigestsInputsAndKeepsTheReasonWhereItCannot) {
    const Plan plan = plan_of({experiment_of("compression", {axis("file", {"dickens", "absent", "broken"})})});
    ASSERT_EQ(plan.points.size(), 3u);
    EXPECT_EQ(plan.points[0].point.inputs.at("file"), "digest of dickens");
    EXPECT_EQ(plan.points[0].problem, "");
    EXPECT_EQ(plan.points[1].problem, "no file absent");
    EXPECT_EQ(plan.points[1].problem_hint, "plumb data path");
    EXPECT_TRUE(plan.points[1].point.inputs.empty());
    EXPECT_EQ(plan.points[2].problem, "disk on fire");
}

TEST(Plan, RefusesWhatWouldNeverEnd) {
    std::vector<Value> thousand;
    for (int i = 0; i < 2000; ++i) thousand.push_back(i);
    EXPECT_THAT(error_of([&] {
                    plan_of({experiment_of("attention", {axis("keys", thousand), axis("queries", thousand)})});
                }),
                HasSubstr("more than 1000000 combinations"));
}

class Estimates : public ::testing::Test {
  protected:
    Estimates()
        : root_(std::filesystem::temp_directory_path() / ("plumb_plan_test_" + std::to_string(std::random_device()()))), store_(root_) {}
    void TearDown() override { std::filesystem::remove_all(root_); }

    /// A finished run of attention with these settings that took `seconds`.
    void finished(const Settings& settings, double seconds, Status status = Status::done, const std::string& study = "earlier") {
        Record record;
        record.point = point(settings);
        record.study = study;
        record.status = status;
        if (status != Status::done) record.reason = "a reason";
        record.seconds = seconds;
        store_.write_study_declaration(study, {{"schema", 1}});
        store_.seal(store_.open_work(study, record.point), record, "");
    }

    static Point point(const Settings& settings) {
        return {"attention", 1, Schema(testing::attention_parameters()).complete(settings), {}, 1, 0};
    }

    Estimate estimated(const Settings& settings) {
        Plan plan;
        plan.points.push_back({point(settings), 0, 0, "", ""});
        return estimate(plan, store_, testing::families()).at(0);
    }

    std::filesystem::path root_;
    Store store_;
};

TEST_F(Estimates, KnowNothingOfAnEmptyStore) {
    EXPECT_EQ(estimated({}).basis, Estimate::Basis::none);
}

TEST_F(Estimates, TakeTheTimeOfTheSamePointFromAnyStudy) {
    finished({{"keys", 64}}, 3);
    finished({{"keys", 65}}, 300);
    const Estimate estimate = estimated({{"keys", 64}});
    EXPECT_EQ(estimate.basis, Estimate::Basis::same_point);
    EXPECT_EQ(estimate.seconds, 3);
    EXPECT_GT(estimate.bytes, 0);
}

TEST_F(Estimates, LearnOnlyFromWhatWasFinished) {
    finished({{"keys", 64}}, 3, Status::failed);
    finished({{"keys", 65}}, 3, Status::timeout);
    EXPECT_EQ(estimated({{"keys", 64}}).basis, Estimate::Basis::none);
}

TEST_F(Estimates, FollowTheNearestPointsOnALogarithmicAxis) {
    finished({{"keys", 16}}, 1);
    finished({{"keys", 4096}}, 100);
    const Estimate near_small = estimated({{"keys", 32}}), middle = estimated({{"keys", 256}}), near_large = estimated({{"keys", 2048}});
    EXPECT_EQ(middle.basis, Estimate::Basis::similar_points);
    EXPECT_NEAR(middle.seconds, 10, 0.1);  // as far from 16 as from 4096, so the geometric mean
    EXPECT_LT(near_small.seconds, 2);
    EXPECT_GT(near_large.seconds, 50);
}

TEST_F(Estimates, PreferTheSameImplementation) {
    finished({{"impl", "loop"}, {"keys", 64}}, 100);
    finished({{"impl", "fused"}, {"keys", 32}}, 1);
    const Estimate estimate = estimated({{"impl", "fused"}, {"keys", 64}});
    EXPECT_EQ(estimate.basis, Estimate::Basis::similar_points);
    EXPECT_LT(estimate.seconds, 3);
}

TEST_F(Estimates, UseThreePointsAndNoMore) {
    finished({{"keys", 60}}, 1);
    finished({{"keys", 62}}, 1);
    finished({{"keys", 66}}, 1);
    finished({{"keys", 128}}, 1e6);
    EXPECT_NEAR(estimated({{"keys", 64}}).seconds, 1, 1e-9);
}

TEST_F(Estimates, AnswerForEveryPointInOrder) {
    finished({{"keys", 64}}, 3);
    Plan plan;
    for (const int keys : {8, 64}) plan.points.push_back({point({{"keys", keys}}), 0, 0, "", ""});
    plan.points.push_back({plan.points[0].point, 0, 0, "", ""});
    plan.points[2].point.family = "compression";
    plan.points[2].point.settings = {};
    const std::vector<Estimate> estimates = estimate(plan, store_, testing::families());
    ASSERT_EQ(estimates.size(), 3u);
    EXPECT_EQ(estimates[0].basis, Estimate::Basis::similar_points);
    EXPECT_EQ(estimates[1].basis, Estimate::Basis::same_point);
    EXPECT_EQ(estimates[2].basis, Estimate::Basis::none);
}

}  // namespace
}  // namespace plumb::lab
