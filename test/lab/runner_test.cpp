// SPDX-License-Identifier: Apache-2.0
#include "lab/runner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>

#include "base/error.h"
#include "lab/probe_family.h"
#include "lab/view.h"
#include "temporary_folder.h"

namespace plumb {
namespace {

using lab::Status;
using ::testing::HasSubstr;

lab::RunOptions child_options(bool isolate) {
    lab::RunOptions options;
    options.isolate = isolate;
    options.child_command = {"/proc/self/exe", "__points"};
    return options;
}

lab::Axis one_value(const std::string& key, const std::string& value) {
    lab::Axis axis;
    axis.keys = {key};
    axis.values = {{value}};
    return axis;
}

class Runner : public ::testing::Test {
  protected:
    lab::RunSummary run(const lab::Study& study, const lab::RunOptions& options = {},
                        const lab::Families& families = test::probe_families()) {
        return lab::Runner(store, families, options).run(study, lab::make_plan(study, families));
    }
    /// The run that counts, by the value of `behaviour`.
    std::map<std::string, lab::Record> by_behaviour(const std::string& study) {
        std::map<std::string, lab::Record> found;
        for (auto& [hash, record] : store.latest(study))
            found.emplace(std::get<std::string>(*lab::find(record.point.settings, "behaviour")), record);
        return found;
    }
    test::TemporaryFolder folder;
    lab::Store store{folder.path() / "runs"};
};

TEST_F(Runner, ALongTrialIsCheckedAgainAfterItsRun) {
    lab::Study study = test::steps_study("sweep", 5);
    EXPECT_EQ(run(study).exit_code(), 0);
    const lab::Record sound = store.records("sweep").front();
    EXPECT_EQ(sound.checks.back().name, "replayed, after the run");
    EXPECT_EQ(sound.status, Status::done);

    lab::Axis spoil;
    spoil.keys = {"spoil"};
    spoil.values = {{true}};
    study.name = "spoilt";
    study.experiments.front().axes.push_back(spoil);
    EXPECT_EQ(run(study).exit_code(), 1);
    const lab::Record spoilt = store.records("spoilt").front();
    EXPECT_EQ(spoilt.status, Status::failed);
    EXPECT_TRUE(spoilt.metrics.empty()) << "no number without its check";
    EXPECT_THAT(spoilt.reason, HasSubstr("replayed"));
}

TEST_F(Runner, RunsEachPointOnceAndResumesByDefault) {
    const lab::Study study = test::probe_study("sweep", 4);
    EXPECT_EQ(run(study).ran, 4);
    const lab::RunSummary again = run(study);
    EXPECT_EQ(again.ran, 0);
    EXPECT_EQ(again.skipped, 4);
    EXPECT_EQ(again.done, 4);
    EXPECT_EQ(again.exit_code(), 0);
    EXPECT_EQ(store.records("sweep").size(), 4u);
}

TEST_F(Runner, RecordsASampleSetTheChecksAndTheirReproLine) {
    run(test::probe_study("sweep", 1));
    const lab::Record record = store.records("sweep").front();
    EXPECT_TRUE(record.verified());
    ASSERT_EQ(record.checks.size(), 2u);
    EXPECT_EQ(record.checks[1].name, "answer, after timing");
    EXPECT_THAT(record.checks[0].repro, HasSubstr("plumb run family:probe"));
    ASSERT_NE(record.metric("time"), nullptr);
    EXPECT_GE(store.read_samples(record, "call").size(), 3u);
    EXPECT_EQ(static_cast<std::int64_t>(store.read_samples(record, "call").size()), record.metric("time")->samples);
}

TEST_F(Runner, TurnsEveryFailureIntoARowWithItsReasonAndGoesOn) {
    const lab::RunSummary summary =
        run(test::probe_study("bad", std::vector<std::string>{"unsupported", "missing", "wrong", "no-checks", "throws-late",
                                                              "spoils-output", "mistrusted", "fine"}));
    const auto rows = by_behaviour("bad");
    ASSERT_EQ(rows.size(), 8u);
    EXPECT_EQ(rows.at("unsupported").status, Status::unsupported);
    EXPECT_EQ(rows.at("unsupported").reason, "index is odd by decree");
    EXPECT_EQ(rows.at("missing").status, Status::failed);
    EXPECT_EQ(rows.at("missing").hint, "bring it");
    EXPECT_EQ(rows.at("wrong").status, Status::failed);
    EXPECT_EQ(rows.at("wrong").checks.at(0).status, lab::CheckStatus::failed);
    EXPECT_EQ(rows.at("no-checks").status, Status::failed);
    EXPECT_THAT(rows.at("throws-late").reason, HasSubstr("thrown while timed"));
    EXPECT_EQ(rows.at("spoils-output").status, Status::failed);
    EXPECT_TRUE(rows.at("mistrusted").mistrusted());
    EXPECT_EQ(rows.at("fine").status, Status::done);
    EXPECT_EQ(summary.exit_code(), 1);
}

TEST_F(Runner, KeepsNoNumberOfAPointThatFailedACheck) {
    run(test::probe_study("bad", std::vector<std::string>{"wrong", "no-checks", "spoils-output"}));
    for (const auto& [behaviour, record] : by_behaviour("bad")) EXPECT_TRUE(record.metrics.empty()) << behaviour;
}

TEST_F(Runner, RerunsFailedPointsOrAllOnRequest) {
    const lab::Study study = test::probe_study("some", std::vector<std::string>{"wrong", "fine"});
    run(study);
    EXPECT_EQ(run(study).ran, 0);
    lab::RunOptions options;
    options.rerun = lab::Rerun::failed;
    EXPECT_EQ(run(study, options).ran, 1);
    options.rerun = lab::Rerun::all;
    EXPECT_EQ(run(study, options).ran, 2);
}

TEST_F(Runner, FailFastStopsAtTheFirstFailureAndKeepGoingDoesNot) {
    const lab::Study study = test::probe_study("some", std::vector<std::string>{"wrong", "fine"});
    lab::RunOptions options;
    options.fail_fast = true;
    EXPECT_EQ(run(study, options).ran, 1);
    EXPECT_EQ(by_behaviour("some").count("fine"), 0u);
    EXPECT_EQ(run(study).ran, 1);
    EXPECT_EQ(by_behaviour("some").count("fine"), 1u);
}

TEST_F(Runner, RunsAgainWhenTheFamilyVersionChanges) {
    const lab::Study study = test::probe_study("sweep", 2);
    run(study);
    EXPECT_EQ(run(study, {}, {test::probe_family(2)}).ran, 2);
    EXPECT_EQ(run(study, {}, {test::probe_family(2)}).ran, 0);
}

TEST_F(Runner, RunsAgainWhenAnInputChanges) {
    const std::filesystem::path input = folder.path() / "input.txt";
    std::ofstream(input) << "first";
    lab::Study study = test::probe_study("sweep", 1);
    study.experiments[0].axes.push_back(one_value("file", input.string()));
    EXPECT_EQ(run(study).ran, 1);
    EXPECT_EQ(run(study).ran, 0);
    std::ofstream(input) << "second";
    EXPECT_EQ(run(study).ran, 1);
}

TEST_F(Runner, AMissingInputIsARowThatSaysSo) {
    lab::Study study = test::probe_study("sweep", 1);
    study.experiments[0].axes.push_back(one_value("file", (folder.path() / "absent").string()));
    EXPECT_EQ(run(study).exit_code(), 4);
    EXPECT_THAT(store.records("sweep").front().reason, HasSubstr("absent"));
}

TEST_F(Runner, InterleavedPointsShareAGroupAndHaveEqualSampleCounts) {
    lab::Study study = test::probe_study("pair", 2);
    study.experiments[0].interleave = {"index"};
    run(study);
    const auto records = store.records("pair");
    ASSERT_EQ(records.size(), 2u);
    EXPECT_FALSE(records[0].group.empty());
    EXPECT_EQ(records[0].group, records[1].group);
    EXPECT_EQ(store.read_samples(records[0], "call").size(), store.read_samples(records[1], "call").size());
}

TEST_F(Runner, OneOfAGroupThatThrowsDoesNotTakeTheOthersWithIt) {
    lab::Study study = test::probe_study("group", std::vector<std::string>{"fine", "throws-late", "mistrusted"});
    study.experiments[0].interleave = {"behaviour"};
    run(study);
    const auto rows = by_behaviour("group");
    EXPECT_EQ(rows.at("fine").status, Status::done);
    EXPECT_EQ(rows.at("mistrusted").status, Status::done);
    EXPECT_EQ(rows.at("throws-late").status, Status::failed);
}

TEST_F(Runner, AStopRequestLeavesTheRestUnrunAndTheNextRunGoesOn) {
    const lab::Study study = test::probe_study("sweep", 5);
    const lab::Families families = test::probe_families();
    lab::RunEvents events;
    int finished = 0;
    events.finished = [&](const lab::PlannedPoint&, const lab::Record&) {
        if (++finished == 2) lab::request_stop();
    };
    const lab::RunSummary stopped = lab::Runner(store, families, {}, events).run(study, lab::make_plan(study, families));
    lab::reset_stop_requests();
    EXPECT_TRUE(stopped.interrupted);
    EXPECT_EQ(stopped.exit_code(), 130);
    EXPECT_EQ(stopped.ran, 2);
    EXPECT_EQ(run(study).ran, 3);
}

TEST_F(Runner, AnInterruptedPointIsARowAndIsRunAgain) {
    const lab::Study study = test::probe_study("sweep", 1);
    lab::Study endless = study;
    endless.experiments[0].stop.half_width = 1e-12;
    endless.experiments[0].stop.max_seconds = 60;
    endless.experiments[0].stop.max_samples = 1'000'000;
    const lab::Families families = test::probe_families();
    lab::RunEvents events;
    events.started = [](const lab::PlannedPoint&, std::size_t, std::size_t) { lab::request_stop(); };
    lab::Runner(store, families, {}, events).run(endless, lab::make_plan(endless, families));
    lab::reset_stop_requests();
    ASSERT_EQ(store.records("sweep").size(), 1u);
    EXPECT_EQ(store.records("sweep")[0].status, Status::interrupted);
    EXPECT_TRUE(store.records("sweep")[0].metrics.empty());
    EXPECT_EQ(run(study).ran, 1);
    EXPECT_EQ(store.latest("sweep").begin()->second.status, Status::done);
}

TEST_F(Runner, ALongTrialStoppedHalfWayEndsWithTheSameStateAsOneThatWasNot) {
    const lab::Study study = test::steps_study("sweep", 12);
    const lab::Families families = test::probe_families();
    lab::RunEvents events;
    events.started = [](const lab::PlannedPoint&, std::size_t, std::size_t) { lab::request_stop(); };
    lab::Runner(store, families, {}, events).run(study, lab::make_plan(study, families));
    lab::reset_stop_requests();
    EXPECT_EQ(store.latest("sweep").begin()->second.status, Status::interrupted);
    EXPECT_EQ(run(study).done, 1);

    const lab::Store untouched(folder.path() / "other");
    lab::Runner(untouched, families, {}).run(study, lab::make_plan(study, families));
    EXPECT_EQ(store.latest("sweep").begin()->second.metric("state")->value,
              untouched.latest("sweep").begin()->second.metric("state")->value);
}

TEST_F(Runner, IsolatedCrashesAndHangsAreRowsAndTheSweepGoesOn) {
    lab::Study study = test::probe_study("wild", std::vector<std::string>{"crash", "fine", "hang", "exit", "crash-late", "throws-late"});
    study.experiments[0].timeout_seconds = 3;
    const lab::RunSummary summary = run(study, child_options(true));
    const auto rows = by_behaviour("wild");
    ASSERT_EQ(rows.size(), 6u);
    EXPECT_THAT(rows.at("crash").reason, HasSubstr("signal 11"));
    EXPECT_THAT(rows.at("crash-late").reason, HasSubstr("signal 11"));
    EXPECT_EQ(rows.at("hang").status, Status::timeout);
    EXPECT_THAT(rows.at("hang").reason, HasSubstr("time-out"));
    EXPECT_THAT(rows.at("exit").reason, HasSubstr("exit code 7"));
    EXPECT_THAT(rows.at("throws-late").reason, HasSubstr("thrown while timed"));
    EXPECT_EQ(rows.at("fine").status, Status::done);
    EXPECT_EQ(summary.exit_code(), 3);
}

TEST_F(Runner, AMemoryHogUnderALimitIsARowAndTheSweepGoesOn) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    GTEST_SKIP() << "sanitizers reserve their memory in advance, which no limit on the process sees";
#else
    lab::Study study = test::probe_study("wild", std::vector<std::string>{"eat-memory", "fine"});
    study.experiments[0].timeout_seconds = 600;
    study.experiments[0].memory_limit = 512 << 20;
    run(study, child_options(true));
    const auto rows = by_behaviour("wild");
    EXPECT_EQ(rows.at("eat-memory").status, Status::failed);
    EXPECT_THAT(rows.at("eat-memory").reason, HasSubstr("memory"));
    EXPECT_EQ(rows.at("fine").status, Status::done);
#endif
}

TEST_F(Runner, InAnIsolatedGroupTheGuiltyMemberAloneIsARow) {
    lab::Study study = test::probe_study("wild", std::vector<std::string>{"fine", "crash-late", "hang-late", "mistrusted"});
    study.experiments[0].interleave = {"behaviour"};
    study.experiments[0].timeout_seconds = 1;
    run(study, child_options(true));
    const auto rows = by_behaviour("wild");
    EXPECT_EQ(rows.at("fine").status, Status::done);
    EXPECT_EQ(rows.at("mistrusted").status, Status::done);
    EXPECT_EQ(rows.at("crash-late").status, Status::failed);
    EXPECT_EQ(rows.at("hang-late").status, Status::timeout);
    EXPECT_EQ(rows.at("fine").group, rows.at("mistrusted").group);
}

}  // namespace
}  // namespace plumb
