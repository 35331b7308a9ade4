// SPDX-License-Identifier: Apache-2.0
#include "families/language/continuation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "families/language_fixture.h"
#include "nn/attention_peers.h"

namespace plumb::families::language {
namespace {

using ::testing::StartsWith;

class Continuation : public ::testing::Test {
  protected:
    void SetUp() override {
        if (nn::torch_version().empty()) GTEST_SKIP() << "built without LibTorch";
    }
    void train(const lab::Settings& changed) { ASSERT_EQ(test::run_language(store, test::language_study(files.settings(changed))), 0); }
    std::string continued_by_the_run(const std::string& prompt) {
        const lab::Record record = test::only_language_record(store);
        return continued(record, store.run_folder(record), prompt);
    }
    base::ErrorKind error_of(const std::string& prompt) {
        try {
            continued_by_the_run(prompt);
        } catch (const base::Error& error) {
            return error.kind();
        }
        return base::ErrorKind::internal;
    }
    test::TextFiles files;
    test::TemporaryFolder folder;
    lab::Store store{folder.path()};
};

TEST_F(Continuation, BeginsWithThePromptAndIsTheSameEveryTime) {
    for (const char* model : {"lstm", "gpt1"}) {
        store = lab::Store(folder.path() / model);
        train({{"model", std::string(model)}});
        const std::string text = continued_by_the_run("The cat follows");
        EXPECT_THAT(text, StartsWith("the cat follows | "));
        EXPECT_GT(text.size(), std::string("the cat follows | ").size());
        EXPECT_EQ(continued_by_the_run("The cat follows"), text);
    }
}

TEST_F(Continuation, SaysWhyThereIsNone) {
    train({{"keep", std::string("none")}});
    EXPECT_EQ(error_of("the cat"), base::ErrorKind::missing);
    store = lab::Store(folder.path() / "kept");
    train({});
    EXPECT_EQ(error_of(" "), base::ErrorKind::usage);
    std::string long_prompt;
    for (int word = 0; word < 16; ++word) long_prompt += "moon ";
    EXPECT_EQ(error_of(long_prompt), base::ErrorKind::usage) << "the context has 16 places";
    store = lab::Store(folder.path() / "counted");
    train({{"model", std::string("ngram")}});
    EXPECT_EQ(error_of("the cat"), base::ErrorKind::unsupported);
}

}  // namespace
}  // namespace plumb::families::language
