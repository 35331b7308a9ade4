// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/program.h"
#include "nlohmann/json.hpp"

namespace plumb {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string run_of(test::Workplace& place, const std::string& study) {
    return nlohmann::json::parse(place.shell("plumb show " + study + " --json").out).at("rows").at(0).at("run");
}

TEST(Ledger, OfARunIsATableForPeopleAndForPrograms) {
    test::Workplace place;
    const auto ran = place.shell(
        "plumb run family:cotrain view0=webkb_course/fulltext view1=webkb_course/inlinks learner=multinomial_nb labels=3 validation=0 "
        "splits=1 "
        "rounds=2");
    ASSERT_EQ(ran.exit_code, 0) << ran.err;
    const std::string run = run_of(place, "family-cotrain");
    const auto csv = place.shell("plumb show " + run + " --ledger --csv");
    EXPECT_EQ(csv.exit_code, 0) << csv.err;
    EXPECT_THAT(csv.out, StartsWith("split,round,view,sample,label,probability,margin,other_label,other_probability,fate"));
    EXPECT_THAT(csv.out, HasSubstr("kept"));
    EXPECT_THAT(place.shell("plumb show " + run + " --ledger").out, StartsWith("split  round  view"));
    EXPECT_THAT(place.shell("plumb show " + run).out, HasSubstr("classes.csv, confused.csv, confusion.csv")) << "what the run left";
    EXPECT_EQ(place.shell("plumb show family-cotrain --ledger").exit_code, 2) << "a study has many runs, and no ledger of its own";
}

TEST(Ledger, ARunWithoutOneSaysSo) {
    test::Workplace place;
    ASSERT_EQ(place.shell("plumb run family:attention impl=plain queries=4 keys=4 batch=1 heads=1 tries=1 --max-time 0.01s").exit_code, 0);
    const auto shown = place.shell("plumb show " + run_of(place, "family-attention") + " --ledger");
    EXPECT_EQ(shown.exit_code, 4);
    EXPECT_THAT(shown.err, HasSubstr("has no ledger"));
}

}  // namespace
}  // namespace plumb
