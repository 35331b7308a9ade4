// SPDX-License-Identifier: Apache-2.0
#include "families/language/log_folder.h"

#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/file.h"
#include "temporary_folder.h"

namespace plumb::families::language {
namespace {

/// What Python 3.11 writes for these arguments and numbers, put down by hand.
const std::vector<std::pair<std::string, std::string>> files = {
    {"args.json",
     "{\n  \"data_folder\": \"/donn\\u00e9es\",\n  \"batch_size\": 16,\n  \"model\": \"lstm\",\n  \"layers\": 1,\n"
     "  \"optimizer\": \"adamw\",\n  \"epochs\": 2,\n  \"lr\": 0.001,\n  \"momentum\": 0.9,\n  \"weight_decay\": 0.0005,\n"
     "  \"log\": true,\n  \"tags\": [],\n  \"scales\": [\n    1e-05,\n    1.0,\n    1e+16\n  ]\n}"},
    {"train_loss.txt", "5.5412\n4.9"},
    {"train_ppl.txt", "34523.88888888889\n134.28977968493552"},
    {"train_time.txt", "39.0\n38.999999999999986"},
    {"valid_loss.txt", "5.1\ninf"},
    {"valid_ppl.txt", "164.0219072999017\nnan"},
    {"valid_time.txt", "1.25\n1e-05"},
    {"test_loss.txt", "4.999\n"},
    {"test_ppl.txt", "148.26478\n"},
    {"test_time.txt", "2.0\n"},
    {"avg_steady_state_memory.txt", "4630.5\n"},
};

class LogFolders : public ::testing::Test {
  protected:
    void SetUp() override {
        for (const auto& [name, text] : files) base::replace_file(folder.path() / name, text);
    }
    std::string error_of(const std::string& name, const std::string& text) {
        base::replace_file(folder.path() / name, text);
        try {
            read_log_folder(folder.path());
        } catch (const base::Error& error) {
            return error.what();
        }
        return "none";
    }
    test::TemporaryFolder folder;
};

TEST_F(LogFolders, AreReadAsTheNotebookWroteThem) {
    const LogFolder logs = read_log_folder(folder.path());
    EXPECT_EQ(logs.arguments["optimizer"], "adamw");
    EXPECT_EQ(logs.arguments.begin().key(), "data_folder");
    EXPECT_EQ(logs.train.loss, (std::vector<double>{5.5412, 4.9}));
    EXPECT_EQ(logs.validation.loss, (std::vector<double>{5.1, std::numeric_limits<double>::infinity()}));
    EXPECT_TRUE(std::isnan(logs.validation.perplexity[1]));
    EXPECT_EQ(logs.test.time, std::vector<double>{2});
    EXPECT_EQ(logs.memory, 4630.5);
}

TEST_F(LogFolders, ComeBackByteForByte) {
    const test::TemporaryFolder copy;
    write_log_folder(copy.path() / "logs" / "1", read_log_folder(folder.path()));
    for (const auto& [name, text] : files) EXPECT_EQ(base::read_file(copy.path() / "logs" / "1" / name), text) << name;
}

TEST_F(LogFolders, WithoutMemoryAreThoseOfTheRunner) {
    std::filesystem::remove(folder.path() / "avg_steady_state_memory.txt");
    const test::TemporaryFolder copy;
    const LogFolder logs = read_log_folder(folder.path());
    EXPECT_FALSE(logs.memory);
    write_log_folder(copy.path(), logs);
    EXPECT_FALSE(std::filesystem::exists(copy.path() / "avg_steady_state_memory.txt"));
}

TEST_F(LogFolders, ThatAreDamagedAreErrorsThatNameFileAndLine) {
    EXPECT_THAT(error_of("valid_ppl.txt", "1.0\ntwo"), ::testing::HasSubstr("valid_ppl.txt line 2: \"two\" is no number"));
    EXPECT_THAT(error_of("valid_ppl.txt", "1.0"), ::testing::HasSubstr("valid_ppl.txt holds 1 numbers, not 2, one an epoch"));
    EXPECT_THAT(error_of("valid_ppl.txt", ""), ::testing::HasSubstr("holds 0 numbers"));
    EXPECT_THAT(error_of("args.json", "{"), ::testing::HasSubstr("args.json is no JSON object"));
    std::filesystem::remove(folder.path() / "test_time.txt");
    EXPECT_THAT(error_of("args.json", "{}"), ::testing::HasSubstr("test_time.txt"));
}

TEST(PythonRepr, WritesFloatsAsPythonDoes) {
    const std::vector<std::pair<double, std::string>> cases = {{0, "0.0"},
                                                               {-0.0, "-0.0"},
                                                               {100, "100.0"},
                                                               {0.1, "0.1"},
                                                               {1e15, "1000000000000000.0"},
                                                               {1e16, "1e+16"},
                                                               {123456789012345680.0, "1.2345678901234568e+17"},
                                                               {0.0001, "0.0001"},
                                                               {0.00001, "1e-05"},
                                                               {-1.5e-7, "-1.5e-07"},
                                                               {5e-324, "5e-324"},
                                                               {1e100, "1e+100"}};
    for (const auto& [value, text] : cases) EXPECT_EQ(python_repr(value), text);
}

}  // namespace
}  // namespace plumb::families::language
