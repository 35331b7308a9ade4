// SPDX-License-Identifier: Apache-2.0
// Trainings as runs: what a killed one goes on to, what a leaking one becomes, what a run leaves behind.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <filesystem>
#include <optional>
#include <thread>

#include "base/file.h"
#include "base/random.h"
#include "base/tensor_file.h"
#include "base/text.h"
#include "families/language/log_folder.h"
#include "families/language_fixture.h"
#include "lab/record.h"
#include "nlohmann/json.hpp"
#include "nn/attention_peers.h"

namespace plumb::families::language {
namespace {

using ::testing::HasSubstr;

class LanguageTraining : public ::testing::Test {
  protected:
    void SetUp() override {
        if (nn::torch_version().empty()) GTEST_SKIP() << "built without LibTorch";
    }
    test::TextFiles files_;
    test::TemporaryFolder folder_;
};

std::optional<std::filesystem::file_time_type> checkpoint_time(const std::filesystem::path& root) {
    std::error_code gone;  // the process may rename what is listed here
    for (std::filesystem::recursive_directory_iterator entry(root, gone), end; !gone && entry != end; entry.increment(gone)) {
        if (entry->path().filename() == "last.safetensors") return std::filesystem::last_write_time(entry->path(), gone);
    }
    return std::nullopt;
}

/// Kills the process once it wrote a new checkpoint; true when it was still at work.
bool kill_after_checkpoint(pid_t process, const std::filesystem::path& root) {
    const auto before = checkpoint_time(root);
    int status = 0;
    for (auto now = before; !now || now == before; now = checkpoint_time(root)) {
        if (::waitpid(process, &status, WNOHANG) == process) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    ::kill(process, SIGKILL);
    ::waitpid(process, &status, 0);
    return WIFSIGNALED(status);
}

/// The steps of metrics.jsonl without what a clock or the system says.
std::vector<nlohmann::json> steps_of(const lab::Store& store) {
    std::vector<nlohmann::json> lines;
    for (const std::string& line :
         base::split(base::read_file(store.run_folder(test::only_language_record(store)) / "metrics.jsonl"), '\n')) {
        if (!line.starts_with("{\"step\"")) continue;
        lines.push_back(nlohmann::json::parse(line));
        lines.back().erase("ids_per_second");
        lines.back().erase("peak_memory");
        lines.back().erase("peak_share");
    }
    return lines;
}

std::filesystem::path artifact(const lab::Store& store, const std::string& name) {
    return store.run_folder(test::only_language_record(store)) / "artifacts" / name;
}

void expect_same_tensors(const std::filesystem::path& a, const std::filesystem::path& b) {
    const base::TensorFile first(a), second(b);
    ASSERT_EQ(first.tensors(), second.tensors());
    for (const base::TensorInfo& info : first.tensors())
        EXPECT_TRUE(std::ranges::equal(first.read(info.name).bytes(), second.read(info.name).bytes())) << info.name;
}

void expect_same_end(const lab::Store& a, const lab::Store& b) {
    for (const lab::Store* store : {&a, &b}) {
        const lab::Record record = test::only_language_record(*store);
        ASSERT_EQ(record.status, lab::Status::done) << record.reason;
    }
    EXPECT_EQ(steps_of(a).size(), 12u);
    EXPECT_EQ(steps_of(a), steps_of(b));
    for (const char* name : {"last.safetensors", "best.safetensors"}) expect_same_tensors(artifact(a, name), artifact(b, name));
    for (const char* name : {"sample-5.txt", "sample-10.txt", "sample-12.txt"})
        EXPECT_EQ(base::read_file(artifact(a, name)), base::read_file(artifact(b, name)));
    EXPECT_EQ(test::only_language_record(a).metric("validation_nats")->value,
              test::only_language_record(b).metric("validation_nats")->value);
}

TEST_F(LanguageTraining, AKilledRunGoesOnToTheSameBits) {
    for (const char* model : {"lstm", "gpt1"}) {
        const lab::Study study = test::language_study(
            files_.settings({{"model", std::string(model)}, {"dropout", 0.1}, {"keep", std::string("both")}, {"save", 0.0}}));
        const lab::Store killed(folder_.path() / model / "killed"), whole(folder_.path() / model / "whole");
        const pid_t process = ::fork();
        if (process == 0) ::_exit(test::run_language(killed, study));
        EXPECT_TRUE(kill_after_checkpoint(process, killed.root())) << "the run ended before it could be killed: give it more steps";
        ASSERT_EQ(test::run_language(killed, study), 0);
        ASSERT_EQ(test::run_language(whole, study), 0);
        expect_same_end(killed, whole);
    }
}

TEST_F(LanguageTraining, AModelWithoutItsMaskIsARowThatFailedWithTheReason) {
    const lab::Store store(folder_.path());
    EXPECT_EQ(
        test::run_language(store, test::language_study(files_.settings({{"model", std::string("gpt1")}, {"mask", std::string("none")}}))),
        1);
    const lab::Record record = test::only_language_record(store);
    EXPECT_EQ(record.status, lab::Status::failed);
    EXPECT_THAT(record.reason, HasSubstr("causality"));
    EXPECT_TRUE(record.metrics.empty());
    const auto failed = std::ranges::find(record.checks, std::string("no gradient from the future"), &lab::Check::name);
    ASSERT_NE(failed, record.checks.end());
    EXPECT_EQ(failed->status, lab::CheckStatus::failed);
    EXPECT_GT(failed->measured, 0);
}

TEST_F(LanguageTraining, LearnsAGrammarFarBelowCountingSingleIds) {
    const lab::Store store(folder_.path());
    const lab::Settings settings = files_.settings({{"model", std::string("gpt1")},
                                                    {"width", std::int64_t{16}},
                                                    {"feed_forward", std::int64_t{32}},
                                                    {"bias", std::string("counts")},
                                                    {"batch", std::int64_t{16}},
                                                    {"steps", std::int64_t{20}},
                                                    {"evaluate", std::int64_t{0}}});
    ASSERT_EQ(test::run_language(store, test::language_study(settings)), 0);
    const lab::Record record = test::only_language_record(store);
    EXPECT_LT(record.metric("validation_perplexity")->value, 0.7 * record.metric("validation_unigram_floor")->value);
    EXPECT_GT(record.metric("validation_perplexity")->value, record.metric("validation_floor")->value / 4);
}

TEST_F(LanguageTraining, LeavesCurvesSamplesAndTheBestModel) {
    const lab::Store store(folder_.path());
    ASSERT_EQ(test::run_language(store, test::language_study(files_.settings({}))), 0);
    const std::vector<std::string> curves = base::split(base::read_file(artifact(store, "curves.csv")), '\n');
    EXPECT_EQ(curves[0], "step,epoch,seconds,series,perplexity,nats,printed_nats,time");
    EXPECT_EQ(curves.size(), 1 + 3 * 4 + 1) << "three evaluations of train, validation and two floors, and the last line feed";
    EXPECT_EQ(base::split(base::read_file(artifact(store, "evaluations.csv")), '\n').size(), 1 + 3 + 1);
    EXPECT_THAT(base::read_file(artifact(store, "sample-12.txt")), HasSubstr(" | "));
    EXPECT_FALSE(std::filesystem::exists(artifact(store, "last.safetensors")));
    const base::TensorFile best(artifact(store, "best.safetensors"));
    EXPECT_EQ(best.at("embedding.weight").shape, (std::vector<std::int64_t>{40479, 4}));
    EXPECT_FALSE(best.contains("moment1/embedding.weight"));
    const lab::Record record = test::only_language_record(store);
    EXPECT_EQ(best.metadata().at("steps"), std::to_string(static_cast<int>(record.metric("best_step")->value)));
    EXPECT_GT(record.metric("peak_share")->value, 0);
    EXPECT_LT(record.metric("peak_share")->value, 1.5) << "the clock may rise behind the probe, but not so far";
    EXPECT_NEAR(record.metric("overfitting")->value,
                std::log(std::stod(base::split(curves[10], ',')[4])) - std::log(std::stod(base::split(curves[9], ',')[4])), 1e-6);
    EXPECT_EQ(record.metric("parameters")->value, 40479 * 4 + 4 * 6 * (4 + 6 + 2) + 4 * 6 + 4);
}

TEST_F(LanguageTraining, LeavesWhatTheNotebookWouldHaveLogged) {
    const lab::Store store(folder_.path());
    ASSERT_EQ(test::run_language(store, test::language_study(files_.settings({{"exp_id", std::string("7")}, {"test", files_.validation}}))),
              0);
    const LogFolder logs = read_log_folder(artifact(store, "logs/7"));
    EXPECT_EQ(logs.arguments.at("model"), "lstm");
    EXPECT_EQ(logs.arguments.at("exp_id"), "7");
    EXPECT_EQ(logs.train.loss.size(), 3u);
    EXPECT_EQ(logs.test.loss.size(), 1u);
    EXPECT_EQ(logs.test.loss.front(), logs.validation.loss.back()) << "the same text";
    const auto steps = steps_of(store);
    for (const auto& [epoch, step] : {std::pair{0, 4}, {1, 9}, {2, 11}}) {
        const auto at = static_cast<std::size_t>(epoch);
        EXPECT_EQ(logs.validation.perplexity[at], steps[static_cast<std::size_t>(step)].at("validation_printed_perplexity"));
        EXPECT_EQ(logs.train.perplexity[at], steps[static_cast<std::size_t>(step)].at("train_printed_perplexity"));
    }
}

TEST_F(LanguageTraining, EndsWhenValidationStopsGettingBetter) {
    const lab::Store store(folder_.path());
    const lab::Settings still = files_.settings({{"rate", 0.0}, {"evaluate", std::int64_t{2}}, {"patience", std::int64_t{2}}});
    ASSERT_EQ(test::run_language(store, test::language_study(still)), 0);
    EXPECT_EQ(test::only_language_record(store).metric("steps")->value, 6) << "one evaluation, and two that are no better";
    EXPECT_EQ(test::only_language_record(store).metric("best_step")->value, 2);
}

TEST_F(LanguageTraining, FrozenEmbeddingsOfAFileStayAsTheyAre) {
    std::vector<float> tokens(40479 * 4);
    base::RandomStream(3, "tokens").fill_normal(tokens, 0, 1);
    const std::filesystem::path file = folder_.path() / "embeddings.npz";
    const base::TensorView views[] = {base::tensor_view<float>("tokens", base::ElementType::fp32, {40479, 4}, tokens)};
    base::write_npz(file, views);
    const lab::Store store(folder_.path() / "runs");
    ASSERT_EQ(
        test::run_language(store, test::language_study(files_.settings({{"embeddings", file.string()}, {"train_embeddings", false}}))), 0);
    EXPECT_EQ(base::TensorFile(artifact(store, "best.safetensors")).read("embedding.weight").to_fp32(), tokens);
    const lab::Record record = test::only_language_record(store);
    EXPECT_EQ(record.metric("parameters")->value - record.metric("learnable")->value, 40479 * 4);
    EXPECT_TRUE(record.point.inputs.contains(file.string())) << "the file is part of the point's identity";
}

}  // namespace
}  // namespace plumb::families::language
