// SPDX-License-Identifier: Apache-2.0
// Sweeps that are killed, and sweeps that share a store: nothing finished is lost or run twice, nothing torn is believed.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <chrono>
#include <csignal>
#include <map>
#include <random>
#include <set>
#include <thread>

#include "base/file.h"
#include "base/text.h"
#include "lab/probe_family.h"
#include "lab/store.h"
#include "lab/sweep_process.h"
#include "temporary_folder.h"

namespace plumb {
namespace {

constexpr int kills = 50;

/// Kills the process after a random time; true when it was still at work.
bool kill_after(pid_t process, std::mt19937& random, int least, int most) {
    std::this_thread::sleep_for(std::chrono::milliseconds(std::uniform_int_distribution<int>(least, most)(random)));
    ::kill(process, SIGKILL);
    return WIFSIGNALED(test::wait_for(process));
}

std::map<std::string, int> done_runs(const lab::Store& store) {
    std::map<std::string, int> counts;
    for (const lab::Record& record : store.records("sweep")) counts[record.point.hash()] += record.status == lab::Status::done;
    return counts;
}

void survive_kills(bool isolate, int points) {
    const test::TemporaryFolder folder;
    const lab::Store store(folder.path() / "runs");
    const unsigned seed = std::random_device{}();
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    std::set<std::string> runs_before;
    int hit = 0;
    for (int kill = 0; kill < kills; ++kill) {
        hit += kill_after(test::start_sweep(store.root(), "probe", points, isolate), random, 10, 120);
        std::vector<std::string> damaged;
        std::set<std::string> runs;
        for (const lab::Record& record : store.records("sweep", &damaged)) {
            ASSERT_EQ(record.status, lab::Status::done) << record.run << ": " << record.reason;
            runs.insert(record.run);
        }
        ASSERT_TRUE(damaged.empty()) << damaged.front();
        for (const std::string& run : runs_before) ASSERT_TRUE(runs.contains(run)) << run << " was lost";
        runs_before = runs;
    }
    EXPECT_GE(hit, kills / 2) << "the sweep ended before it could be killed: give it more points";
    EXPECT_EQ(test::wait_for(test::start_sweep(store.root(), "probe", points, isolate)), 0);
    const auto counts = done_runs(store);
    EXPECT_EQ(counts.size(), static_cast<std::size_t>(points));
    for (const auto& [hash, count] : counts) EXPECT_EQ(count, 1) << hash << " was run twice";
}

TEST(Survival, FiftyKillsAtRandomMomentsLoseNothingAndRepeatNothing) {
    survive_kills(false, 600);
}

TEST(Survival, FiftyKillsOfAnIsolatedSweepLoseNothingAndRepeatNothing) {
    survive_kills(true, 300);
}

TEST(Survival, AKilledLongTrialGoesOnFromItsCheckpointToTheSameEnd) {
    const test::TemporaryFolder folder;
    const lab::Store killed(folder.path() / "killed"), whole(folder.path() / "whole");
    const unsigned seed = std::random_device{}();
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    constexpr int steps = 400;
    int hit = 0;
    for (int kill = 0; kill < 10; ++kill) hit += kill_after(test::start_sweep(killed.root(), "steps", steps, false), random, 20, 100);
    EXPECT_GE(hit, 3);
    ASSERT_EQ(test::wait_for(test::start_sweep(killed.root(), "steps", steps, false)), 0);
    ASSERT_EQ(test::wait_for(test::start_sweep(whole.root(), "steps", steps, false)), 0);

    const lab::Record resumed = killed.records("sweep").front(), straight = whole.records("sweep").front();
    EXPECT_EQ(resumed.metric("state")->value, straight.metric("state")->value);
    EXPECT_EQ(base::read_file(killed.run_folder(resumed) / "metrics.jsonl"), base::read_file(whole.run_folder(straight) / "metrics.jsonl"));
}

TEST(Survival, ProcessesThatShareAStoreDivideTheWork) {
    const test::TemporaryFolder folder;
    const lab::Store store(folder.path() / "runs");
    constexpr int points = 80;
    std::vector<pid_t> processes;
    for (int process = 0; process < 3; ++process) processes.push_back(test::start_sweep(store.root(), "probe", points, process == 2));
    for (const pid_t process : processes) EXPECT_EQ(test::wait_for(process), 0);
    const auto counts = done_runs(store);
    EXPECT_EQ(counts.size(), static_cast<std::size_t>(points));
    for (const auto& [hash, count] : counts) EXPECT_EQ(count, 1) << hash << " was run twice";
}

}  // namespace
}  // namespace plumb
