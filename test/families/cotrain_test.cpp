// SPDX-License-Identifier: Apache-2.0
// The family cotrain through the lab: kills, threads, what a row says, and the published shape of the results on real data.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <optional>
#include <random>
#include <thread>

#include "base/file.h"
#include "base/text.h"
#include "families/cotrain_fixture.h"
#include "lab/record.h"

namespace plumb::families::cotrain {
namespace {

using ::testing::HasSubstr;

const char* const tables[] = {"ledger.csv", "rounds.csv", "splits.csv", "confusion.csv", "reliability.csv"};

std::optional<std::filesystem::file_time_type> checkpoint_time(const std::filesystem::path& root) {
    std::error_code gone;  // the process may rename what is listed here
    for (std::filesystem::recursive_directory_iterator entry(root, gone), end; !gone && entry != end; entry.increment(gone)) {
        if (entry->path().filename() == "checkpoint.json") return std::filesystem::last_write_time(entry->path(), gone);
    }
    return std::nullopt;
}

/// Kills the process some time after it wrote a new checkpoint; true when it was still at work.
bool kill_after_checkpoint(pid_t process, const std::filesystem::path& root, int milliseconds) {
    const auto before = checkpoint_time(root);
    int status = 0;
    for (auto now = before; !now || now == before; now = checkpoint_time(root)) {
        if (::waitpid(process, &status, WNOHANG) == process) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
    ::kill(process, SIGKILL);
    ::waitpid(process, &status, 0);
    return WIFSIGNALED(status);
}

void expect_same(const lab::Store& a, const lab::Store& b) {
    const lab::Record first = test::only_record(a), second = test::only_record(b);
    ASSERT_EQ(first.status, lab::Status::done) << first.reason;
    ASSERT_EQ(second.status, lab::Status::done) << second.reason;
    ASSERT_EQ(first.metrics.size(), second.metrics.size());
    for (const lab::MetricValue& metric : first.metrics) {
        EXPECT_EQ(metric.value, second.metric(metric.name)->value) << metric.name;
        EXPECT_EQ(metric.low, second.metric(metric.name)->low) << metric.name;
    }
    for (const char* table : tables) EXPECT_EQ(test::artifact(a, table), test::artifact(b, table)) << table;
    EXPECT_EQ(base::read_file(a.run_folder(first) / "metrics.jsonl"), base::read_file(b.run_folder(second) / "metrics.jsonl"));
}

TEST(Cotrain, AKilledRunGoesOnFromItsCheckpointToTheSameEnd) {
    const test::TwoViewFiles files(3, 3);
    const lab::Study study = test::cotrain_study(
        files.settings({{"splits", std::int64_t{200}}, {"rounds", std::int64_t{30}}, {"take", 0.01}, {"threads", std::int64_t{2}}}));
    const test::TemporaryFolder folder;
    const lab::Store killed(folder.path() / "killed"), whole(folder.path() / "whole");
    const unsigned seed = std::random_device{}();
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    int hit = 0;
    for (int kill = 0; kill < 4; ++kill) {
        const pid_t process = ::fork();
        if (process == 0) ::_exit(test::run_cotrain(killed, study));
        hit += kill_after_checkpoint(process, killed.root(), std::uniform_int_distribution<int>(0, 50)(random));
    }
    EXPECT_GE(hit, 1) << "the run ended before it could be killed: give it more splits";
    ASSERT_EQ(test::run_cotrain(killed, study), 0);
    ASSERT_EQ(test::run_cotrain(whole, study), 0);
    expect_same(killed, whole);
}

TEST(Cotrain, AStopIsARowAndTheNextRunGoesOn) {
    const test::TwoViewFiles files(3, 3);
    const lab::Study study =
        test::cotrain_study(files.settings({{"splits", std::int64_t{200}}, {"rounds", std::int64_t{20}}, {"take", 0.02}}));
    const test::TemporaryFolder folder;
    const lab::Store stopped(folder.path() / "stopped"), whole(folder.path() / "whole");
    std::thread user;
    const int code = test::run_cotrain(stopped, study, [&] {
        user = std::thread([] {
            std::this_thread::sleep_for(std::chrono::milliseconds(100));
            lab::request_stop();
        });
    });
    user.join();
    lab::reset_stop_requests();
    EXPECT_EQ(code, 130);
    EXPECT_EQ(test::only_record(stopped).status, lab::Status::interrupted);
    ASSERT_EQ(test::run_cotrain(stopped, study), 0);
    ASSERT_EQ(test::run_cotrain(whole, study), 0);
    expect_same(stopped, whole);
}

TEST(Cotrain, AnyNumberOfThreadsGivesTheSameBits) {
    const test::TwoViewFiles files(2, 3);
    const test::TemporaryFolder folder;
    const lab::Store one(folder.path() / "one"), three(folder.path() / "three");
    ASSERT_EQ(test::run_cotrain(one, test::cotrain_study(files.settings({{"splits", std::int64_t{5}}}))), 0);
    ASSERT_EQ(test::run_cotrain(three, test::cotrain_study(files.settings({{"splits", std::int64_t{5}}, {"threads", std::int64_t{3}}}))),
              0);
    expect_same(one, three);
}

TEST(Cotrain, TheNotebooksRuleIsMarkedInItsRow) {
    const test::TwoViewFiles files(3, 3);
    const test::TemporaryFolder folder;
    const lab::Store store(folder.path());
    const lab::Settings notebook = {{"rule", std::string("notebook")}, {"selection", std::string("topk")}, {"take", 0.2}};
    ASSERT_EQ(test::run_cotrain(store, test::cotrain_study(files.settings(notebook))), 0);
    const lab::Record record = test::only_record(store);
    EXPECT_TRUE(record.mistrusted());
    EXPECT_THAT(record.checks.front().note, HasSubstr("known defect"));
    EXPECT_GT(record.metric("collisions")->value, 0);
    EXPECT_GT(record.metric("lost")->value, 0) << "the defect drops undisputed picks";
}

TEST(Cotrain, TheLedgerNamesEveryPseudoLabelWithItsTruth) {
    const test::TwoViewFiles files(2, 2);
    const test::TemporaryFolder folder;
    const lab::Store store(folder.path());
    ASSERT_EQ(test::run_cotrain(store, test::cotrain_study(files.settings({}))), 0);
    const std::vector<std::string> lines = base::split(test::artifact(store, "ledger.csv"), '\n');
    const std::vector<std::string> header = base::split(lines.front(), ',');
    const auto column = [&](const char* name) { return static_cast<std::size_t>(std::ranges::find(header, name) - header.begin()); };
    double right = 0, kept = 0;
    for (std::size_t line = 1; line + 1 < lines.size(); ++line) {
        const std::vector<std::string> cells = base::split(lines[line], ',');
        ASSERT_EQ(cells.size(), header.size());
        EXPECT_EQ(cells[column("right")] == "yes", cells[column("label")] == cells[column("truth")]);
        // The made-up files give sample i the class i mod 3.
        EXPECT_EQ(cells[column("truth")], std::string(1, static_cast<char>('a' + std::stoi(cells[column("sample")]) % 3)));
        if (cells[column("fate")] != "kept") continue;
        ++kept;
        right += cells[column("right")] == "yes";
    }
    EXPECT_EQ(kept / 3, test::only_record(store).metric("pseudo_labels")->value);
    EXPECT_NEAR(right / kept, test::only_record(store).metric("pseudo_precision")->value, 0.02);
}

TEST(Cotrain, TwoDigitSourcesWithOneLabelAClassTeachEachOther) {
    const test::TemporaryFolder folder;
    const lab::Store store(folder.path());
    const lab::Settings settings = {{"labels", std::string("1")},
                                    {"validation", std::int64_t{0}},
                                    {"splits", std::int64_t{2}},
                                    {"rounds", std::int64_t{5}},
                                    {"take", 0.1}};
    ASSERT_EQ(test::run_cotrain(store, test::cotrain_study(settings)), 0);
    const lab::Record record = test::only_record(store);
    EXPECT_GT(record.metric("accuracy")->value, 0.95);
    EXPECT_LT(record.metric("labels_only_accuracy")->value, 0.9);
}

}  // namespace
}  // namespace plumb::families::cotrain
