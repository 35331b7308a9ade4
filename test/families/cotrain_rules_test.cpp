// SPDX-License-Identifier: Apache-2.0
// Selection, collisions and probabilities of the family cotrain.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <random>

#include "base/error.h"
#include "base/file.h"
#include "families/cotrain/collision.h"
#include "families/cotrain/probability.h"
#include "nlohmann/json.hpp"

namespace plumb::families::cotrain {
namespace {

using ::testing::ElementsAre;

std::vector<Pick> picks(const std::vector<std::int32_t>& samples, const std::vector<std::int32_t>& labels) {
    std::vector<Pick> made;
    for (std::size_t i = 0; i < samples.size(); ++i) made.push_back({static_cast<std::int64_t>(i), samples[i], labels[i]});
    return made;
}

std::vector<std::int32_t> samples_of(const std::vector<Pick>& picks) {
    std::vector<std::int32_t> made;
    for (const Pick& pick : picks) made.push_back(pick.sample);
    return made;
}

std::vector<std::int32_t> labels_of(const std::vector<Pick>& picks) {
    std::vector<std::int32_t> made;
    for (const Pick& pick : picks) made.push_back(pick.label);
    return made;
}

/// Cells 10 to 13 of the notebook: view 0 picked samples 2, 0, 1, all as class 2.
struct Cell {
    std::vector<std::int32_t> samples1, labels1;
    std::vector<std::int32_t> kept, disputed, notebook_kept;
};
const Cell cells[] = {
    {{5, 3, 4}, {1, 0, 1}, {2, 0, 1}, {}, {2, 0, 1}},
    {{1, 2, 0}, {1, 2, 0}, {2}, {0, 1}, {}},
    {{2, 0, 1}, {1, 2, 2}, {0, 1}, {2}, {0, 1}},
    {{2, 0, 1}, {0, 0, 0}, {}, {0, 1, 2}, {}},
};

TEST(CotrainCollision, DropsTheDisputedAndNothingElse) {
    const std::vector<Pick> picks0 = picks({2, 0, 1}, {2, 2, 2});
    for (const Cell& cell : cells) {
        const Uncollided made = remove_collisions(picks0, picks(cell.samples1, cell.labels1));
        EXPECT_EQ(samples_of(made.picks0), cell.kept);
        std::vector<std::int32_t> disputed;
        for (const Collision& collision : made.collisions) {
            disputed.push_back(collision.sample);
            EXPECT_EQ(collision.pick0.label, 2);
            EXPECT_NE(collision.pick1.label, 2);
        }
        EXPECT_EQ(disputed, cell.disputed);
    }
}

TEST(CotrainCollision, NotebookRuleGivesWhatItsCellsPrint) {
    const std::vector<Pick> picks0 = picks({2, 0, 1}, {2, 2, 2});
    for (const Cell& cell : cells) {
        const Uncollided made = remove_collisions_like_notebook(picks0, picks(cell.samples1, cell.labels1));
        EXPECT_EQ(samples_of(made.picks0), cell.notebook_kept);
    }
}

TEST(CotrainCollision, ListsMayDifferInLength) {
    const Uncollided made = remove_collisions(picks({7, 3, 9}, {0, 1, 2}), picks({3}, {0}));
    EXPECT_THAT(samples_of(made.picks0), ElementsAre(7, 9));
    EXPECT_TRUE(made.picks1.empty());
    EXPECT_THROW(remove_collisions_like_notebook(picks({7, 3}, {0, 1}), picks({3}, {0})), base::Error);
}

TEST(CotrainCollision, GoldenCasesInBothForms) {
    const std::filesystem::path file =
        std::filesystem::path(PLUMB_SOURCE_DIR) / ".." / "shared" / "data" / "cotraining" / "golden" / "collision_cases.json";
    if (!std::filesystem::exists(file)) GTEST_SKIP() << "no ../shared/data/cotraining/golden/collision_cases.json beside this checkout";
    const nlohmann::json cases = nlohmann::json::parse(base::read_file(file));
    ASSERT_FALSE(cases.empty());
    const auto list = [](const nlohmann::json& from, const char* name) { return from.at(name).get<std::vector<std::int32_t>>(); };
    for (const nlohmann::json& each : cases) {
        const std::vector<Pick> picks0 = picks(list(each, "idx0"), list(each, "lbl0")),
                                picks1 = picks(list(each, "idx1"), list(each, "lbl1"));
        const auto expect = [&](const Uncollided& made, const nlohmann::json& expected) {
            EXPECT_EQ(samples_of(made.picks0), list(expected, "idx0"));
            EXPECT_EQ(labels_of(made.picks0), list(expected, "lbl0"));
            EXPECT_EQ(samples_of(made.picks1), list(expected, "idx1"));
            EXPECT_EQ(labels_of(made.picks1), list(expected, "lbl1"));
        };
        const Uncollided repaired = remove_collisions(picks0, picks1), notebook = remove_collisions_like_notebook(picks0, picks1);
        expect(repaired, each.at("expected"));
        expect(notebook, each.at("unrepaired"));
        std::vector<std::vector<std::int32_t>> collisions;
        std::vector<std::int32_t> disputed;
        for (const Collision& collision : repaired.collisions)
            collisions.push_back({collision.sample, collision.pick0.label, collision.pick1.label});
        for (const Collision& collision : notebook.collisions) disputed.push_back(collision.sample);
        EXPECT_EQ(collisions, each.at("expected").at("collisions").get<std::vector<std::vector<std::int32_t>>>());
        EXPECT_EQ(disputed, list(each.at("unrepaired"), "idx_colls"));
    }
}

/// Six samples, three classes; sample 40 and 10 tie.
Opinion opinion() {
    Matrix scores(6, 3);
    scores << 5, 0, 0, /**/ 0, 3, 0, /**/ 0, 2, 0, /**/ 5, 0, 0, /**/ 0, 0, 1, /**/ 4, 0, 0;
    return make_opinion({40, 11, 12, 10, 14, 15}, scores, false);
}

TEST(CotrainSelection, TopkAsksForConfidenceAloneAndBreaksTiesByTheLowerSample) {
    EXPECT_THAT(samples_of(select(opinion(), {Selection::topk, 3, {}, 0}, std::vector<bool>(6, true))), ElementsAre(10, 40, 15));
}

TEST(CotrainSelection, QuotaTakesTheSureOnesOfEveryClassAndNoMore) {
    const std::vector<Pick> made = select(opinion(), {Selection::quota, 0, {1, 1, 5}, 0}, std::vector<bool>(6, true));
    EXPECT_THAT(samples_of(made), ElementsAre(10, 11, 14));
    EXPECT_THAT(labels_of(made), ElementsAre(0, 1, 2));
}

TEST(CotrainSelection, FloorAndEligibilityHoldForEveryRule) {
    for (const Selection rule : {Selection::topk, Selection::quota, Selection::threshold, Selection::pool}) {
        std::vector<bool> eligible(6, true);
        eligible[3] = false;
        const std::vector<Pick> made = select(opinion(), {rule, 6, {6, 6, 6}, 0.9}, eligible);
        EXPECT_THAT(samples_of(made), ElementsAre(40, 15, 11)) << "rule " << static_cast<int>(rule);
    }
}

TEST(CotrainSelection, PoolTakesTheLikeliestOfAClassEvenWhereAnotherIsLikelier) {
    const std::vector<Pick> made = select(opinion(), {Selection::pool, 0, {1, 0, 2}, 0}, std::vector<bool>(6, true));
    EXPECT_THAT(samples_of(made), ElementsAre(10, 14, 12));
    EXPECT_THAT(labels_of(made), ElementsAre(0, 2, 2));
}

TEST(CotrainSelection, LogOddsTellApartWhatRoundsToOne) {
    Matrix scores(2, 2);
    scores << 200, 0, /**/ 300, 0;
    const Opinion made = make_opinion({0, 1}, scores, false);
    EXPECT_EQ(made.confidence(0, 0), made.confidence(1, 0));
    EXPECT_THAT(samples_of(select(made, {Selection::topk, 1, {}, 0}, {true, true})), ElementsAre(1));
}

TEST(CotrainSelection, ProportionsSumUpAndFollowTheLargestRemainder) {
    EXPECT_THAT(proportional(10, {1, 1, 1}), ElementsAre(4, 3, 3));
    EXPECT_THAT(proportional(8, {9, 3}), ElementsAre(6, 2));
    EXPECT_THAT(proportional(0, {5, 5}), ElementsAre(0, 0));
}

TEST(CotrainProbability, TemperatureFindsTheScaleThatScoresWereSpoiltBy) {
    const unsigned seed = std::random_device{}();
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    std::normal_distribution<double> normal;
    constexpr int samples = 20'000;
    Matrix scores(samples, 4);
    std::vector<std::int32_t> labels;
    for (int row = 0; row < samples; ++row) {
        for (int c = 0; c < 4; ++c) scores(row, c) = 2 * normal(random);
        const Matrix p = softmax(scores.row(row), 1);
        labels.push_back(std::discrete_distribution<std::int32_t>(p.data(), p.data() + 4)(random));
    }
    // Labels are drawn from the scores themselves: scores five times too large need the temperature 5.
    EXPECT_NEAR(fit_temperature(scores * 5, labels), 5, 0.5);
    EXPECT_NEAR(fit_temperature(scores, labels), 1, 0.1);
    Reliability spoilt, mended;
    spoilt.add(softmax(scores * 5, 1), labels);
    mended.add(softmax(scores * 5, 5), labels);
    EXPECT_GT(spoilt.error(), 0.1);
    EXPECT_LT(mended.error(), 0.03);
}

TEST(CotrainProbability, JointRulesFollowTheirDefinition) {
    Matrix a(1, 2), b(1, 2);
    a << std::log(0.8), std::log(0.2);
    b << std::log(0.4), std::log(0.6);
    EXPECT_NEAR(joint_probabilities(a, b, Joint::product, 0.5)(0, 0), 0.32 / 0.44, 1e-12);
    EXPECT_NEAR(joint_probabilities(a, b, Joint::mean, 0.5)(0, 0), 0.6, 1e-12);
    EXPECT_NEAR(joint_probabilities(a, b, Joint::weighted, 0.25)(0, 0), 0.5, 1e-12);
}

TEST(CotrainProbability, CalibrationErrorIsTheGapOfConfidenceAndAccuracy) {
    Matrix sure(4, 2);
    sure << 0.95, 0.05, /**/ 0.95, 0.05, /**/ 0.95, 0.05, /**/ 0.95, 0.05;
    Reliability made;
    made.add(sure, std::vector<std::int32_t>{0, 0, 1, 1});
    EXPECT_NEAR(made.error(), 0.45, 1e-12);
}

}  // namespace
}  // namespace plumb::families::cotrain
