// SPDX-License-Identifier: Apache-2.0
#include "lab/check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <type_traits>
#include <vector>

#include "lab/meter.h"
#include "lab/trial.h"

namespace plumb::lab {
namespace {

using testing::HasSubstr;

constexpr float infinite = std::numeric_limits<float>::infinity();
const float not_a_number = std::nanf("");

class TrialWith : public Trial {
  public:
    explicit TrialWith(std::vector<Check> checks) : checks_(std::move(checks)) {}
    std::vector<Check> verify() override { return checks_; }

  private:
    std::vector<Check> checks_;
};

Check holds() {
    return at_most("accuracy", "fp64", "max error", 0.5, 1);
}
Check fails() {
    return at_most("round trip", "original", "bytes that differ", 3, 0, "B", "first at byte 17");
}

static_assert(!std::is_constructible_v<Verified, std::vector<Check>>, "an unchecked number must not compile");
static_assert(!std::is_default_constructible_v<Verified>);

TEST(AtMost, PassesUpToTheBoundAndFailsAbove) {
    EXPECT_EQ(at_most("n", "r", "m", 1, 1).status, CheckStatus::passed);
    EXPECT_EQ(at_most("n", "r", "m", std::nextafter(1.0, 2.0), 1).status, CheckStatus::failed);
    EXPECT_EQ(at_most("n", "r", "m", std::nan(""), 1).status, CheckStatus::failed);
    EXPECT_EQ(at_most("n", "r", "m", 0, std::nan("")).status, CheckStatus::failed);
}

TEST(AtMost, KeepsTheNoteForFailuresOnly) {
    EXPECT_EQ(at_most("n", "r", "m", 2, 1, "", "why").note, "why");
    EXPECT_EQ(at_most("n", "r", "m", 1, 1, "", "why").note, "");
}

TEST(Mistrust, DoubtsAPassAndLeavesAFailure) {
    const Check doubted = mistrust(holds(), "all zeros");
    EXPECT_EQ(doubted.status, CheckStatus::mistrusted);
    EXPECT_EQ(doubted.note, "all zeros");
    EXPECT_EQ(mistrust(doubted, "too few").note, "all zeros; too few");
    EXPECT_EQ(mistrust(fails(), "all zeros").status, CheckStatus::failed);
    EXPECT_EQ(mistrust(fails(), "all zeros").note, "first at byte 17");
}

TEST(Verify, GivesProofOnlyWhenNothingFailed) {
    TrialWith good({holds(), mistrust(holds(), "constant")});
    const Verified proof = verify(good);
    EXPECT_EQ(proof.checks().size(), 2u);
    EXPECT_TRUE(proof.mistrusted());
    TrialWith trusted({holds()});
    EXPECT_FALSE(verify(trusted).mistrusted());
}

TEST(Verify, ThrowsWithEveryCheckWhenOneFailed) {
    TrialWith bad({holds(), fails()});
    try {
        verify(bad);
        FAIL() << "a failed check must not give a proof";
    } catch (const CheckFailure& failure) {
        EXPECT_EQ(failure.checks().size(), 2u);
        EXPECT_THAT(failure.what(), HasSubstr("1 of 2"));
        EXPECT_THAT(failure.what(), HasSubstr("'round trip' against original"));
        EXPECT_THAT(failure.what(), HasSubstr("3 B, bound 0; first at byte 17"));
    }
}

TEST(Verify, ThrowsWhenNothingWasChecked) {
    TrialWith empty({});
    EXPECT_THROW(verify(empty), CheckFailure);
}

TEST(CompareAllclose, AcceptsExactlyWhatAllcloseAccepts) {
    const std::vector<float> expected{1, -2, 0, 1000};
    // Tolerances: 0.1 + 0.01 |expected|.
    const std::vector<float> inside{1.1f, -2.1f, 0.09f, 1010};
    const std::vector<float> outside{1.0f, -2.0f, 0.11f, 1000};
    const Check near = compare_allclose("close", "slow form", inside, expected, 0.01, 0.1);
    EXPECT_EQ(near.status, CheckStatus::passed);
    EXPECT_NEAR(near.measured, 10 / 10.1, 1e-6);
    EXPECT_EQ(near.bound, 1);
    const Check far = compare_allclose("close", "slow form", outside, expected, 0.01, 0.1);
    EXPECT_EQ(far.status, CheckStatus::failed);
    EXPECT_NEAR(far.measured, 1.1, 1e-6);
    EXPECT_THAT(far.note, HasSubstr("element 2 is 0.11, expected 0; 1 of 4 outside"));
}

TEST(CompareAllclose, TreatsNonFiniteValuesAsNumpyDoes) {
    const auto status = [](float got, float expected) {
        return compare_allclose("close", "r", std::vector<float>{1, 2, got}, std::vector<float>{1, 2, expected}, 1e-5, 1e-8).status;
    };
    EXPECT_EQ(status(infinite, infinite), CheckStatus::passed);
    EXPECT_EQ(status(infinite, -infinite), CheckStatus::failed);
    EXPECT_EQ(status(infinite, 3), CheckStatus::failed);
    EXPECT_EQ(status(3, infinite), CheckStatus::failed);
    EXPECT_EQ(status(not_a_number, not_a_number), CheckStatus::failed);
    EXPECT_EQ(status(not_a_number, 3), CheckStatus::failed);
    EXPECT_EQ(status(3, not_a_number), CheckStatus::failed);
}

TEST(CompareAllclose, WithoutToleranceAcceptsEqualValuesOnly) {
    EXPECT_EQ(compare_allclose("equal", "r", std::vector<float>{0, 1}, std::vector<float>{0, 1}, 0, 0).status, CheckStatus::passed);
    EXPECT_EQ(compare_allclose("equal", "r", std::vector<float>{1e-30f, 1}, std::vector<float>{0, 1}, 0, 0).status, CheckStatus::failed);
}

TEST(CompareAllclose, NamesBothSizesWhenTheyDiffer) {
    const Check check = compare_allclose("close", "r", std::vector<float>{1, 2}, std::vector<float>{1, 2, 3}, 1, 1);
    EXPECT_EQ(check.status, CheckStatus::failed);
    EXPECT_THAT(check.note, HasSubstr("2 elements, the reference has 3"));
}

TEST(CompareAllclose, MistrustsAnOutputThatProvesLittle) {
    const std::vector<std::vector<float>> poor{{}, {0, 0, 0}, {7, 7}, {5}, {infinite, 1, 1}};
    for (const std::vector<float>& output : poor) {
        const Check check = compare_allclose("close", "r", output, output, 1e-5, 1e-8);
        EXPECT_EQ(check.status, CheckStatus::mistrusted) << testing::PrintToString(output);
        EXPECT_FALSE(check.note.empty());
    }
    EXPECT_EQ(compare_allclose("close", "r", std::vector<float>{0, 1}, std::vector<float>{0, 1}, 1e-5, 1e-8).status, CheckStatus::passed);
}

TEST(WhyMistrusted, NamesTheReason) {
    EXPECT_EQ(why_mistrusted({}), "the output is empty");
    EXPECT_EQ(why_mistrusted(std::vector<float>{0, -0.0f}), "the output is all zeros");
    EXPECT_EQ(why_mistrusted(std::vector<float>{2, 2, not_a_number}), "every finite value of the output is 2");
    EXPECT_EQ(why_mistrusted(std::vector<float>{not_a_number}), "no value of the output is finite");
    EXPECT_EQ(why_mistrusted(std::vector<float>{not_a_number, 1, 2}), "");
}

}  // namespace
}  // namespace plumb::lab
