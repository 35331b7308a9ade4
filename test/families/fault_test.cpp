// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <set>
#include <tuple>

#include "base/error.h"
#include "base/file.h"
#include "families/families.h"
#include "families/fault/campaign_trial.h"
#include "families/fault/clean_trial.h"
#include "families/fault/declarations.h"
#include "families/fault/draw.h"
#include "families/fault/overhead_trial.h"
#include "families/fault/request.h"
#include "lab/runner.h"
#include "temporary_folder.h"

namespace plumb::families::fault {
namespace {

namespace fs = std::filesystem;
namespace kp = kernels::protect;
using kp::Fault;
using kp::FaultModel;
using kp::Site;
using ::testing::HasSubstr;

/// A small problem with some settings changed.
lab::Settings settings(const lab::Settings& changed) {
    const lab::Settings small = {{"heads", std::int64_t{2}},
                                 {"length", std::int64_t{150}},
                                 {"batch", std::int64_t{1}},
                                 {"head_dim", std::int64_t{32}},
                                 {"scale", std::int64_t{1}}};
    lab::Settings given = changed;
    for (const lab::Setting& setting : small) {
        if (lab::find(changed, setting.name) == nullptr) given.push_back(setting);
    }
    return resolve(schema().complete(given));
}

Request request(const lab::Settings& changed, std::uint64_t seed = 9) {
    return read_request(settings(changed), seed);
}

lab::Settings campaign(const std::string& scheme, const std::string& site, std::int64_t trials) {
    return {{"task", std::string("campaign")}, {"scheme", scheme}, {"site", site}, {"trials", trials}};
}

lab::CheckStatus worst(const std::vector<lab::Check>& checks) {
    lab::CheckStatus status = lab::CheckStatus::passed;
    for (const lab::Check& check : checks) status = std::max(status, check.status);
    return status;
}

/// One experiment of the family in a store of its own.
class FaultStudy {
  public:
    explicit FaultStudy(const lab::Settings& changed) {
        study_.name = "fault";
        lab::Experiment experiment;
        experiment.name = "fault";
        experiment.family = "fault";
        experiment.seed = 9;
        experiment.stop.max_seconds = 0.01;
        experiment.stop.warmup_seconds = 0;
        for (const lab::Setting& setting : settings(changed)) {
            lab::Axis axis;
            axis.keys = {setting.name};
            axis.values = {{setting.value}};
            experiment.axes.push_back(axis);
        }
        study_.experiments.push_back(experiment);
    }
    lab::RunSummary run() {
        const lab::Families families = all();
        return lab::Runner(store_, families, {}).run(study_, lab::make_plan(study_, families));
    }
    lab::Record record() const { return store_.latest("fault").begin()->second; }
    std::string ledger() const { return base::read_file(store_.run_folder(record()) / "artifacts" / "trials.csv"); }
    /// A file in the folder of the point before it is sealed.
    fs::path work_file(const std::string& name) const {
        const lab::Families families = all();
        return store_.open_work("fault", lab::make_plan(study_, families).points.front().point) / "artifacts" / name;
    }

  private:
    test::TemporaryFolder folder_;
    lab::Study study_;
    lab::Store store_{folder_.path()};
};

double value(const lab::Record& record, std::string_view metric) {
    const lab::MetricValue* found = record.metric(metric);
    return found == nullptr ? NAN : found->value;
}

// Settings ----------------------------------------------------------------------------------------------------------------------------

TEST(FaultSettings, ASweepKeepsTheNotebooksTokensAndDividesHeadsByTheScale) {
    const Request timed = read_request(resolve(schema().complete({{"length", std::int64_t{512}}})), 1);
    EXPECT_EQ(timed.shape.batch, 32);
    EXPECT_EQ(timed.shape.heads, 2);
    EXPECT_EQ(timed.shape.head_dim, 128);
    const Request smallest = read_request(
        resolve(schema().complete({{"length", std::int64_t{16384}}, {"heads", std::int64_t{16}}, {"scale", std::int64_t{64}}})), 1);
    EXPECT_EQ(smallest.shape.batch * smallest.shape.heads, 1);
}

TEST(FaultSettings, ThatASchemeDoesNotReadMakeNoOtherPoint) {
    EXPECT_EQ(settings({{"scheme", std::string("decoupled")}, {"checks", std::string("exp_twice")}, {"trials", std::int64_t{7}}}),
              settings({{"scheme", std::string("decoupled")}}));
    EXPECT_EQ(settings(settings({})), settings({}));
}

TEST(FaultSettings, SayWhatASchemeCannotDo) {
    for (const lab::Settings& changed : {campaign("notebook_all", "all", 5), campaign("decoupled", "correction", 5),
                                         lab::Settings{{"scheme", std::string("decoupled")}, {"mask", std::string("causal")}},
                                         lab::Settings{{"scheme", std::string("extremes_only")}, {"level", std::string("correct")}},
                                         lab::Settings{{"length", std::int64_t{1 << 17}}}}) {
        try {
            require_possible(request(changed));
            ADD_FAILURE() << "nothing was refused";
        } catch (const base::Error& error) {
            EXPECT_EQ(error.kind(), base::ErrorKind::unsupported);
            EXPECT_THAT(error.what(), HasSubstr("scheme "));
        }
    }
}

// Which fault -------------------------------------------------------------------------------------------------------------------------

TEST(FaultDraw, GoesThroughEveryBitInEveryThirdOfTheKeys) {
    const Request drawn = request({{"task", std::string("campaign")}, {"site", std::string("score")}, {"length", std::int64_t{512}}});
    EXPECT_EQ(trial_count(drawn), 192);
    std::set<std::pair<int, std::int64_t>> strata;
    for (std::int64_t trial = 0; trial < 96; ++trial) {
        const Fault fault = fault_of_trial(drawn, trial);
        const std::int64_t block = fault.key / block_keys;
        strata.insert({fault.bit, block == 0 ? 0 : block == 3 ? 2 : 1});
        EXPECT_LT(fault.row, 512);
        EXPECT_LT(fault.key_head, 2);
    }
    EXPECT_EQ(strata.size(), 96U);
}

TEST(FaultDraw, AllSitesAndModelsTakeTurns) {
    const Request all_kinds = request({{"task", std::string("campaign")}, {"model", std::string("all")}});
    std::set<std::pair<Site, FaultModel>> seen;
    const auto strata = static_cast<std::int64_t>(all_kinds.sites.size() * all_kinds.models.size());
    for (std::int64_t trial = 0; trial < strata; ++trial) {
        const Fault fault = fault_of_trial(all_kinds, trial);
        seen.insert({fault.site, fault.model});
    }
    EXPECT_EQ(std::ssize(seen), strata);
}

TEST(FaultDraw, ExhaustiveIsEveryNumberAndBitOnce) {
    const lab::Settings small = {{"task", std::string("campaign")},
                                 {"positions", std::string("exhaustive")},
                                 {"length", std::int64_t{5}},
                                 {"head_dim", std::int64_t{3}},
                                 {"heads", std::int64_t{2}}};
    for (const auto& [site, numbers] : {std::pair{"score", 2 * 5 * 5}, {"query", 2 * 5 * 3}, {"normaliser", 2 * 5}, {"value_sum", 2 * 5}}) {
        lab::Settings changed = small;
        changed.push_back({"site", std::string(site)});
        const Request exhaustive = request(changed);
        EXPECT_EQ(trial_count(exhaustive), numbers * 32) << site;
        std::set<std::tuple<std::int64_t, std::int64_t, std::int64_t, std::int64_t, int>> seen;
        for (std::int64_t trial = 0; trial < trial_count(exhaustive); ++trial) {
            const Fault fault = fault_of_trial(exhaustive, trial);
            seen.insert({fault.key_head, fault.row, fault.key, fault.column, fault.bit});
        }
        EXPECT_EQ(std::ssize(seen), trial_count(exhaustive)) << site;
    }
}

// What became of it -------------------------------------------------------------------------------------------------------------------

TEST(FaultOutcome, ALineOfTheLedgerIsTheTrialAgain) {
    const TrialResult result{.trial = 17,
                             .fault = {.site = Site::maximum, .model = FaultModel::carry, .bit = 9, .draw = ~0ULL, .key_head = 3, .row = 5},
                             .fate = Fate::silent,
                             .unprotected = 0.125,
                             .change = INFINITY,
                             .l2 = 1e-7,
                             .alarms = 2,
                             .evidence = "scores 0.5 of 0.25"};
    TrialResult again;
    ASSERT_TRUE(from_line(to_line(result), again));
    EXPECT_EQ(to_line(again), to_line(result));
    EXPECT_EQ(again.fault.draw, ~0ULL);
    EXPECT_FALSE(from_line(to_line(result).substr(0, 40), again));
}

TEST(FaultOutcome, CoverageCountsHarmfulFaultsAlone) {
    Tally tally;
    tally.add({.fate = Fate::masked});
    tally.add({.fate = Fate::silent, .unprotected = 1e-4, .change = 1e-4});
    tally.add({.fate = Fate::detected, .unprotected = 0.5, .change = 0.5});
    tally.add({.fate = Fate::corrected, .unprotected = INFINITY});
    tally.add({.fate = Fate::silent, .unprotected = 0.5, .change = 0.5});
    tally.add({.fate = Fate::crash, .unprotected = 0.5});
    EXPECT_EQ(tally.injections, 6);
    EXPECT_EQ(tally.harmful, 4);
    EXPECT_EQ(tally.covered, 2);
    EXPECT_EQ(tally.restored, 1);
    EXPECT_EQ(tally.silent_harmful, 1);
    EXPECT_EQ(tally.escaped_max, 0.5);
}

TEST(FaultOutcome, ChangesAreMeasuredByTheRootMeanSquareOfTheOutput) {
    Ran ran{base::Numbers(base::Dtype::fp32, 4), {}};
    for (std::size_t i = 0; i < 4; ++i) ran.out.set(i, i % 2 == 0 ? 2.0F : -2.0F);
    const Golden golden = make_golden(std::move(ran));
    EXPECT_DOUBLE_EQ(golden.rms, 2);
    base::Numbers other = golden.out;
    EXPECT_TRUE(change_of(golden, other).same_bits);
    other.set(1, -1.0F);
    EXPECT_NEAR(change_of(golden, other).largest, 0.5, 1e-6);
    EXPECT_NEAR(change_of(golden, other).l2, 0.25, 1e-6);
    other.set(2, NAN);
    EXPECT_EQ(change_of(golden, other).largest, INFINITY);
}

TEST(FaultOutcome, TippedRoundingIsNoHarm) {
    Ran ran{base::Numbers(base::Dtype::bf16, 4), {}};
    for (std::size_t i = 0; i < 4; ++i) ran.out.set(i, 1.0F);
    const Golden golden = make_golden(std::move(ran));
    base::Numbers other = golden.out;
    other.set(1, 1.0F + 0x1p-7F);
    EXPECT_FALSE(change_of(golden, other).same_bits);
    EXPECT_EQ(change_of(golden, other).largest, 0);
    other.set(1, 1.0F + 0x1p-5F);
    EXPECT_DOUBLE_EQ(change_of(golden, other).largest, 0x1p-5 - 0x1p-7);
}

// Trials ------------------------------------------------------------------------------------------------------------------------------

TEST(FaultOverhead, EveryNotebookCellFailsItsCheckAndHasNoTime) {
    for (const char* cell : {"notebook_dmr", "notebook_abft", "notebook_all"}) {
        FaultStudy study({{"scheme", std::string(cell)}});
        EXPECT_EQ(study.run().failed_checks, 1) << cell;
        EXPECT_EQ(study.record().status, lab::Status::failed);
        EXPECT_EQ(study.record().metric("time"), nullptr);
        EXPECT_FALSE(study.record().reason.empty());
    }
}

TEST(FaultOverhead, ADesignThatAlarmsWithoutAFaultIsShownAsMistrusted) {
    OverheadTrial equality(request({{"scheme", std::string("fixed_threshold")}}));
    EXPECT_EQ(worst(equality.verify()), lab::CheckStatus::mistrusted);
    OverheadTrial sound(request({{"scheme", std::string("decoupled")}}));
    EXPECT_EQ(worst(sound.verify()), lab::CheckStatus::passed);
}

TEST(FaultOverhead, ARepairIsTimedBesideARunThatNeedsNone) {
    OverheadTrial trial(request({{"scheme", std::string("decoupled")}, {"recovery", true}}));
    EXPECT_EQ(worst(trial.verify()), lab::CheckStatus::passed);
    const auto actions = trial.actions();
    ASSERT_EQ(actions.size(), 3U);
    for (const lab::Action& action : actions) action.run();
    EXPECT_EQ(worst(trial.verify_after()), lab::CheckStatus::passed);
    EXPECT_THROW(OverheadTrial(request({{"scheme", std::string("unfused")}, {"recovery", true}})), base::Error);
}

TEST(FaultCampaign, WithoutProtectionNothingIsCoveredAndWithItEveryHarmfulScoreIs) {
    FaultStudy bare(campaign("unfused", "score", 96));
    EXPECT_EQ(bare.run().done, 1);
    ASSERT_GT(value(bare.record(), "harmful"), 10);
    EXPECT_EQ(value(bare.record(), "coverage"), 0);
    EXPECT_EQ(value(bare.record(), "silent_harmful"), value(bare.record(), "harmful"));
    FaultStudy guarded(campaign("decoupled", "score", 96));
    guarded.run();
    EXPECT_EQ(value(guarded.record(), "harmful"), value(bare.record(), "harmful"));
    EXPECT_EQ(value(guarded.record(), "coverage"), 1);
    EXPECT_EQ(value(guarded.record(), "correction"), 1);
    EXPECT_LT(guarded.record().metric("coverage")->low, 1);
}

TEST(FaultCampaign, ChecksInsideTheKernelSeeWhatChecksBetweenStepsCannot) {
    for (const char* site : {"score_stored", "query"}) {
        FaultStudy between(campaign("decoupled", site, 96));
        between.run();
        FaultStudy inside(campaign("fused_correct", site, 96));
        inside.run();
        ASSERT_GT(value(inside.record(), "harmful"), 10) << site;
        EXPECT_EQ(value(between.record(), "coverage"), 0) << site;
        EXPECT_EQ(value(inside.record(), "coverage"), 1) << site;
    }
}

TEST(FaultCampaign, AnOutputThatChangesAfterTheLastCheckIsTheReadersToFind) {
    FaultStudy alone(campaign("fused_correct", "stored_output", 64));
    alone.run();
    EXPECT_EQ(value(alone.record(), "coverage"), 0);
    FaultStudy read(campaign("fused_handoff", "stored_output", 64));
    read.run();
    EXPECT_EQ(value(read.record(), "coverage"), 1);
}

TEST(FaultCampaign, IsTheSameOnAnyNumberOfThreads) {
    lab::Settings changed = campaign("decoupled", "all", 160);
    changed.push_back({"model", std::string("all")});
    FaultStudy alone(changed);
    alone.run();
    changed.push_back({"threads", std::int64_t{4}});
    FaultStudy together(changed);
    together.run();
    EXPECT_EQ(alone.ledger(), together.ledger());
    EXPECT_THAT(alone.ledger(), HasSubstr("\n159,"));
}

TEST(FaultCampaign, GoesOnAfterAKillToTheSameEnd) {
    const lab::Settings changed = campaign("decoupled", "all", 700);
    FaultStudy whole(changed);
    whole.run();
    FaultStudy killed(changed);
    const std::string ledger = whole.ledger();
    // What a kill leaves: some whole lines, one torn.
    const std::size_t end = ledger.find("\n300,") + 12;
    base::write_file(killed.work_file("trials.csv"), ledger.substr(0, end));
    killed.run();
    EXPECT_EQ(killed.ledger(), ledger);
    for (const char* metric : {"injections", "harmful", "coverage", "escaped_max", "masked"})
        EXPECT_EQ(value(killed.record(), metric), value(whole.record(), metric)) << metric;
}

TEST(FaultCampaign, OneTrialAloneIsItsLineOfTheWhole) {
    const lab::Settings changed = campaign("extremes_only", "all", 64);
    FaultStudy whole(changed);
    whole.run();
    for (const std::int64_t trial : {0, 37, 63}) {
        lab::Settings one = changed;
        one.push_back({"trial", trial});
        FaultStudy alone(one);
        EXPECT_EQ(alone.run().done, 1);
        const std::string ledger = alone.ledger();
        EXPECT_THAT(whole.ledger(), HasSubstr(ledger.substr(ledger.find('\n'))));
        EXPECT_EQ(value(alone.record(), "injections"), 1);
        EXPECT_THAT(alone.record().checks.back().name, HasSubstr("trial " + std::to_string(trial)));
        EXPECT_THAT(alone.record().checks.back().metric, HasSubstr("at key head"));
    }
    lab::Settings beyond = changed;
    beyond.push_back({"trial", std::int64_t{64}});
    EXPECT_EQ(FaultStudy(beyond).run().failed, 1);
}

TEST(FaultClean, CountsComparisonsAndAlarmsOfCleanRuns) {
    FaultStudy sound({{"task", std::string("clean")}, {"scheme", std::string("decoupled")}, {"row_checks", std::int64_t{60000}}});
    sound.run();
    EXPECT_GE(value(sound.record(), "row_checks"), 60000);
    EXPECT_EQ(value(sound.record(), "clean_alarms"), 0);
    EXPECT_GT(value(sound.record(), "largest_residual"), 0);
    EXPECT_LT(value(sound.record(), "largest_residual"), 1);
    EXPECT_LT(sound.record().metric("clean_alarm_rate")->high, 1e-4);
    FaultStudy equality({{"task", std::string("clean")}, {"scheme", std::string("fixed_threshold")}, {"row_checks", std::int64_t{2000}}});
    equality.run();
    EXPECT_GT(value(equality.record(), "clean_alarms"), 100);
}

TEST(FaultClean, ASchemeThatComparesNothingIsUnsupported) {
    FaultStudy nothing({{"task", std::string("clean")}, {"scheme", std::string("unfused")}});
    EXPECT_EQ(nothing.run().unsupported, 1);
}

}  // namespace
}  // namespace plumb::families::fault
