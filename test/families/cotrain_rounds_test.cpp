// SPDX-License-Identifier: Apache-2.0
// Rounds of the family cotrain: laws that every selection and exchange keeps, and going on from any round.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <span>

#include "base/error.h"
#include "families/cotrain/declarations.h"
#include "families/cotrain/proofs.h"
#include "families/cotrain/state_file.h"
#include "families/cotrain_fixture.h"
#include "lab/check.h"

namespace plumb::families::cotrain {
namespace {

Request request_of(const test::TwoViewFiles& files, const lab::Settings& changed) {
    return read_request(resolve(schema().complete(files.settings(changed))));
}

std::unique_ptr<SplitRun> finish(const Request& request, std::optional<SplitState> state = {}, std::uint64_t seed = 7) {
    auto run = std::make_unique<SplitRun>(*request.data, request.options, seed, 0, std::move(state));
    while (!run->finished()) run->advance();
    return run;
}

struct Form {
    const char* selection;
    const char* exchange;
    const char* training;
    const char* learner = "logistic";
    const char* rule = "repaired";
};

lab::Settings settings_of(const Form& form) {
    return {{"selection", std::string(form.selection)},
            {"exchange", std::string(form.exchange)},
            {"training", std::string(form.training)},
            {"learner", std::string(form.learner)},
            {"rule", std::string(form.rule)},
            {"floor", form.selection == std::string("threshold") ? 0.8 : 0.0},
            {"pool", std::int64_t{40}},
            {"joint", std::string(form.exchange == std::string("weighted") ? "weighted" : "product")}};
}

class CotrainForms : public ::testing::TestWithParam<Form> {
  protected:
    test::TwoViewFiles files{2, 2.5};
    Request request = request_of(files, settings_of(GetParam()));
};

TEST_P(CotrainForms, GoesOnFromAnyRoundWithTheSameBits) {
    const std::string straight = to_json(finish(request)->state()).dump();
    SplitRun run(*request.data, request.options, 7, 0);
    for (int round = 0; !run.finished(); ++round) {
        run.advance();
        const SplitState kept = state_from_json(nlohmann::json::parse(to_json(run.state()).dump()));
        EXPECT_EQ(to_json(finish(request, kept)->state()).dump(), straight) << "after round " << round;
    }
}

TEST_P(CotrainForms, LedgerExplainsEverySet) {
    const auto run = finish(request);
    for (const lab::Check& check : checks_after(request, {run.get()}))
        EXPECT_EQ(check.status, lab::CheckStatus::passed) << check.name << ": " << check.note;
    EXPECT_GT(run->state().ledger.size(), 20u);
    EXPECT_EQ(run->state().proven, run->state().reports.back().round + 1);
}

TEST_P(CotrainForms, AnAlteredLedgerIsSeen) {
    const auto run = finish(request);
    SplitState altered = run->state();
    const auto kept = std::ranges::find(altered.ledger, "kept", &LedgerRow::fate);
    ASSERT_NE(kept, altered.ledger.end());
    kept->label = (kept->label + 1) % 3;
    SplitRun other(*request.data, request.options, 7, 0, altered);
    const std::vector<lab::Check> checks = checks_after(request, {&other});
    EXPECT_TRUE(std::ranges::any_of(checks, [](const lab::Check& check) { return check.status == lab::CheckStatus::failed; }));
}

INSTANTIATE_TEST_SUITE_P(All, CotrainForms,
                         ::testing::Values(Form{"quota", "swap", "scratch"}, Form{"quota", "shared", "scratch", "gaussian_nb"},
                                           Form{"quota", "agree", "scratch"}, Form{"quota", "weighted", "scratch"},
                                           Form{"topk", "swap", "warm"}, Form{"topk", "shared", "rechoose"},
                                           Form{"threshold", "swap", "scratch"}, Form{"pool", "shared", "scratch"},
                                           Form{"quota", "swap", "rechoose", "gaussian_nb"},
                                           Form{"topk", "swap", "scratch", "logistic", "notebook"}));

TEST(CotrainRounds, PoolPicksNoMoreThanItsCountsAndFromItsPoolAlone) {
    const test::TwoViewFiles files(2, 2);
    const Request request = request_of(files, {{"selection", std::string("pool")},
                                               {"pool", std::int64_t{20}},
                                               {"picks", std::string("2:1:0")},
                                               {"exchange", std::string("shared")}});
    SplitRun run(*request.data, request.options, 7, 0);
    while (!run.finished()) {
        const std::vector<Sample> before = run.state().pool;
        const std::size_t rows = run.state().ledger.size();
        run.advance();
        const std::set<Sample> small(before.begin(), before.begin() + std::min<std::ptrdiff_t>(20, std::ssize(before)));
        for (std::size_t row = rows; row < run.state().ledger.size(); ++row) EXPECT_TRUE(small.contains(run.state().ledger[row].sample));
        EXPECT_LE(run.state().ledger.size() - rows, 6u);
    }
    EXPECT_EQ(std::ranges::count(run.state().ledger, 2, &LedgerRow::label), 0);
}

TEST(CotrainRounds, AgreeGivesOnlyWhatBothViewsSay) {
    const test::TwoViewFiles files(2, 3);
    const Request run_request = request_of(files, {{"exchange", std::string("agree")}});
    const auto run = finish(run_request);
    for (const LedgerRow& row : run->state().ledger) EXPECT_EQ(row.label, row.other_label);
}

TEST(CotrainRounds, SwapNeverTeachesAViewWhatItPickedAlone) {
    const test::TwoViewFiles files(2, 2);
    const Request run_request = request_of(files, {});
    const auto run = finish(run_request);
    for (const int view : {0, 1}) {
        for (const Example& example : run->state().pseudo[view]) {
            const bool from_other = std::ranges::any_of(
                run->state().ledger, [&](const LedgerRow& row) { return row.view == 1 - view && row.sample == example.sample; });
            EXPECT_TRUE(from_other);
        }
    }
}

TEST(CotrainRounds, TheGateLetsNobodyLabelWhoKnowsNothing) {
    const test::TwoViewFiles files(200, 200);
    const Request run_request = request_of(files, {{"gate", 0.2}});
    const auto run = finish(run_request);
    EXPECT_EQ(run->state().stop, "gate");
    EXPECT_TRUE(run->state().ledger.empty());
}

TEST(CotrainRounds, TheGuardReturnsWhatValidatesBetter) {
    const test::TwoViewFiles files(2, 60);
    int guarded = 0;
    for (std::uint64_t seed = 0; seed < 12; ++seed) {
        const Request request = request_of(
            files,
            {{"selection", std::string("topk")}, {"exchange", std::string("shared")}, {"gate", 0.0}, {"restore", false}, {"take", 0.2}});
        const auto run = finish(request, {}, seed);
        const std::vector<RoundReport>& reports = run->state().reports;
        const bool harmed = reports.front().loss < reports.back().loss;
        EXPECT_EQ(run->guarded(), harmed);
        EXPECT_EQ(run->returned().round, harmed ? 0 : reports.back().round);
        guarded += run->guarded();
    }
    EXPECT_GT(guarded, 0) << "no seed shows the guard at work";
}

TEST(CotrainRounds, TheBestRoundIsReturnedAndWithoutValidationTheLast) {
    const test::TwoViewFiles files(3, 4);
    const Request validated_request = request_of(files, {{"guard", false}});
    const auto validated = finish(validated_request);
    const double best = validated->state().reports[validated->returned().round].loss;
    EXPECT_GT(validated->returned().round, 0);
    for (const RoundReport& report : std::span(validated->state().reports).subspan(1)) EXPECT_GE(report.loss, best);
    const Request blind_request = request_of(files, {{"validation", std::int64_t{0}}});
    const auto blind = finish(blind_request);
    EXPECT_EQ(blind->returned().round, blind->state().reports.back().round);
    EXPECT_FALSE(blind->guarded());
}

TEST(CotrainRounds, PatienceEndsARunThatValidationDoesNotFollow) {
    const test::TwoViewFiles files(2, 60);
    const Request run_request =
        request_of(files, {{"patience", std::int64_t{1}}, {"rounds", std::int64_t{50}}, {"gate", 0.0}, {"take", 0.02}});
    const auto run = finish(run_request);
    EXPECT_EQ(run->state().stop, "patience");
    EXPECT_LT(run->state().reports.back().round, 50);
}

TEST(CotrainRounds, SettingsThatDoNotGoTogetherAreRefused) {
    const test::TwoViewFiles files(2, 2);
    const auto refused = [&](const lab::Settings& changed) {
        try {
            request_of(files, changed);
        } catch (const base::Error& error) {
            return !error.hint().empty();
        }
        return false;
    };
    EXPECT_TRUE(refused({{"exchange", std::string("weighted")}, {"validation", std::int64_t{0}}}));
    EXPECT_TRUE(refused({{"selection", std::string("threshold")}}));
    EXPECT_TRUE(refused({{"training", std::string("warm")}, {"learner", std::string("gaussian_nb")}}));
    EXPECT_TRUE(refused({{"rule", std::string("notebook")}}));
    EXPECT_TRUE(refused({{"split", std::string("seed")}, {"labels", std::string("9")}}));
    EXPECT_TRUE(refused({{"labels", std::string("1:2")}}));
    EXPECT_TRUE(refused({{"labels", std::string("1:2:0")}}));
    EXPECT_TRUE(refused({{"labels", std::string("x")}}));
}

}  // namespace
}  // namespace plumb::families::cotrain
