// SPDX-License-Identifier: Apache-2.0
// Trainings as log folders of the notebook, and its log folders as runs.
#include "families/language/log_runs.h"

#include <cmath>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "families/families.h"
#include "families/language_fixture.h"
#include "nn/attention_peers.h"

namespace plumb::families::language {
namespace {

using ::testing::HasSubstr;

/// Two epochs of a run as the notebook logs it.
LogFolder notebook_run(const std::string& exp_id) {
    LogFolder logs;
    logs.arguments = {{"data_folder", "/data"},
                      {"batch_size", 16},
                      {"model", "gpt1"},
                      {"embeddings", "/data/embeddings.npz"},
                      {"layers", 2},
                      {"lr", 0.001},
                      {"optimizer", "adamw"},
                      {"epochs", 2},
                      {"momentum", 0.9},
                      {"exp_id", exp_id},
                      {"weight_decay", 0.0005},
                      {"device", "cuda"}};
    logs.train = {{5.5, 4.75}, {std::exp(5.5), std::exp(4.75)}, {39.5, 39.0}};
    logs.validation = {{5.25, 5.375}, {std::exp(5.25), std::exp(5.375)}, {2.0, 1.5}};
    logs.test = {{5.3125}, {std::exp(5.3125)}, {2.5}};
    logs.memory = 4630.0;
    return logs;
}

std::string error_of(const LogFolder& logs) {
    try {
        foreign_row(logs, "logs/1");
    } catch (const base::Error& error) {
        return error.what();
    }
    return "none";
}

TEST(LogRuns, OfTheNotebookAreImportedWithTheirBestEpoch) {
    const lab::ForeignRow row = foreign_row(notebook_run("11"), "logs/11");
    const auto metric = [&](const std::string& name) { return std::ranges::find(row.metrics, name, &lab::MetricValue::name)->value; };
    EXPECT_EQ(metric("validation_printed_perplexity"), std::exp(5.25));
    EXPECT_EQ(metric("best_epoch"), 1);
    EXPECT_EQ(metric("train_time"), 78.5);
    EXPECT_EQ(metric("evaluation_time"), 6);
    EXPECT_EQ(metric("train_memory"), 4.63e9);
    EXPECT_EQ(*lab::find(row.settings, "layers"), lab::Value(std::int64_t{2}));
    EXPECT_EQ(row.machine, "cuda");
    EXPECT_THAT(row.artifacts.at("curves.csv"), HasSubstr("2,2,78.5,validation,215.93987,5.375,5.375,1.5"));
}

TEST(LogRuns, BecomeRowsOfAStudyWithCurves) {
    const test::TemporaryFolder folder;
    const lab::Store store(folder.path() / "runs");
    lab::ForeignStudy target;
    target.family = "language";
    std::vector<lab::ForeignRow> rows = {foreign_row(notebook_run("1"), "logs/1"), foreign_row(notebook_run("2"), "logs/2")};
    EXPECT_EQ(lab::store_foreign(store, families::all(), target, rows).added, 2u);
    const std::map<std::string, lab::Record> records = store.latest("imported");
    ASSERT_EQ(records.size(), 2u);
    for (const auto& [hash, record] : records) {
        EXPECT_TRUE(record.mistrusted()) << "plumb never saw the model";
        EXPECT_TRUE(std::filesystem::exists(store.run_folder(record) / "artifacts" / "curves.csv"));
    }
}

TEST(LogRuns, WithoutAnArgumentAreErrorsThatNameIt) {
    LogFolder logs = notebook_run("1");
    logs.arguments.erase("optimizer");
    EXPECT_THAT(error_of(logs), HasSubstr("args.json: optimizer is missing, it must be a text"));
    logs = notebook_run("1");
    logs.arguments["layers"] = "two";
    EXPECT_THAT(error_of(logs), HasSubstr("args.json: layers is not a whole number"));
    logs = notebook_run("1");
    logs.train = {};
    EXPECT_THAT(error_of(logs), HasSubstr("logs no epoch"));
}

TEST(LogRuns, AreFoundInOrderOfTheirNumbers) {
    const test::TemporaryFolder folder;
    for (const char* name : {"10", "2", "1"}) write_log_folder(folder.path() / name, notebook_run(name));
    std::filesystem::create_directories(folder.path() / "plots");
    std::vector<std::string> names;
    for (const auto& run : log_folders(folder.path())) names.push_back(run.filename().string());
    EXPECT_EQ(names, (std::vector<std::string>{"1", "2", "10"}));
    EXPECT_EQ(log_folders(folder.path() / "2").size(), 1u);
    EXPECT_THROW(log_folders(folder.path() / "plots"), base::Error);
}

TEST(LogRuns, OfPlumbsOwnTrainingsComeBackAsTheSameNumbers) {
    if (nn::torch_version().empty()) GTEST_SKIP() << "built without LibTorch";
    const test::TextFiles files;
    const test::TemporaryFolder folder;
    const lab::Store store(folder.path());
    ASSERT_EQ(test::run_language(store, test::language_study(files.settings({{"exp_id", std::string("7")}, {"test", files.validation}}))),
              0);
    const lab::Record record = test::only_language_record(store);
    const std::vector<std::filesystem::path> runs = log_folders(store.run_folder(record) / "artifacts" / "logs");
    ASSERT_EQ(runs.size(), 1u);
    const lab::ForeignRow row = foreign_row(read_log_folder(runs.front()), runs.front());
    const auto found = std::ranges::find(row.metrics, std::string("validation_printed_perplexity"), &lab::MetricValue::name);
    EXPECT_EQ(found->value, record.metric(found->name)->value);
}

}  // namespace
}  // namespace plumb::families::language
