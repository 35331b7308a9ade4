// SPDX-License-Identifier: Apache-2.0
#include "families/language/curves.h"

#include <gtest/gtest.h>

namespace plumb::families::language {
namespace {

/// Two evaluations, the second in the middle of an epoch; validation was better at the first.
std::string made_curves() {
    return curves_header() +
           curve_rows(10, 1, 2.5, {{"train", 3, 2.9, 0.1}, {"validation", 3.25, 3.2, 0.2}, {"floor: single ids", 7, 7, 0}}) +
           curve_rows(15, 1.5, 4, {{"train", 2, 1.9, 0.1}, {"validation", 4, 3.9, 0.2}, {"floor: single ids", 7, 7, 0}});
}

TEST(LanguageCurves, EvaluationsAreARowEachWithoutTheFloors) {
    EXPECT_EQ(evaluations_table(made_curves()),
              "step,epoch,seconds,train_perplexity,train_nats,validation_perplexity,validation_nats,test_perplexity,test_nats\n"
              "10,1,2.5,20.085537,3,25.79034,3.25,,\n"
              "15,1.5,4,7.3890561,2,54.59815,4,,\n");
    EXPECT_EQ(evaluations_table(curves_header()).find('\n'), evaluations_table(curves_header()).size() - 1);
}

TEST(LanguageCurves, FitIsTrainAtTheBestEvaluationAndTheGapAtTheLast) {
    const Fit fit = fit_of(made_curves());
    EXPECT_EQ(fit.best_train_nats, 3);
    EXPECT_EQ(fit.overfitting, 2);
}

}  // namespace
}  // namespace plumb::families::language
