// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "base/error.h"
#include "base/file.h"
#include "families/cotrain/learner.h"
#include "families/cotrain/probability.h"
#include "temporary_folder.h"

namespace plumb::families::cotrain {
namespace {

/// Classes as clouds around different corners, counts rounded down.
Features clouds(int rows, int columns, int classes, bool whole, std::vector<std::int32_t>& labels) {
    std::mt19937 random(17);
    std::normal_distribution<double> normal;
    Features made;
    made.columns = columns;
    made.dense.resize(rows, columns);
    for (int row = 0; row < rows; ++row) {
        labels.push_back(row % classes);
        for (int column = 0; column < columns; ++column) {
            const double value = 2 + normal(random) + (column % classes == row % classes ? 1.5 : 0);
            made.dense(row, column) = whole ? std::max(0.0, std::floor(value)) : value;
        }
    }
    return made;
}

class CotrainLearner : public ::testing::TestWithParam<std::string> {
  protected:
    void SetUp() override {
        features = prepared_for(GetParam(), clouds(400, 12, 3, GetParam() == "multinomial_nb", labels));
        for (Sample row = 0; row < 400; ++row) (row < 200 ? train : rest).push_back(row);
        for (const Sample row : train) examples.push_back({row, labels[row], row % 5 == 0 ? 0.5 : 1.0});
        options.name = GetParam();
    }
    std::vector<std::int32_t> labels;
    Features features;
    std::vector<Sample> train, rest;
    std::vector<Example> examples;
    LearnerOptions options;
};

TEST_P(CotrainLearner, AgreesWithItsDefinitionComputedByPlainLoops) {
    auto learner = make_learner(options);
    learner->fit(features, examples, 3, {});
    const auto deviation = learner->deviation(features, examples, rest);
    EXPECT_LE(deviation.measured, deviation.bound) << deviation.reference;
    // On other examples the definition asks for something else, so the comparison can fail.
    std::vector<Example> others(examples.begin(), examples.begin() + 50);
    EXPECT_GT(learner->deviation(features, others, rest).measured, 100 * deviation.bound);
}

TEST_P(CotrainLearner, TellsCloudsApart) {
    auto learner = make_learner(options);
    learner->fit(features, examples, 3, {});
    std::vector<std::int32_t> truth;
    for (const Sample row : rest) truth.push_back(labels[row]);
    EXPECT_GT(accuracy(most_likely(learner->scores(features, rest)), truth), 0.85);
}

TEST_P(CotrainLearner, AWeightOfTwoIsTheExampleTwice) {
    std::vector<Example> heavy(examples.begin(), examples.begin() + 60), twice;
    for (Example& example : heavy) {
        example.weight = example.sample % 2 == 0 ? 2 : 1;
        twice.push_back({example.sample, example.label, 1});
        if (example.weight == 2) twice.push_back(twice.back());
    }
    auto a = make_learner(options), b = make_learner(options);
    a->fit(features, heavy, 3, {});
    b->fit(features, twice, 3, {});
    const Matrix left = softmax(a->scores(features, rest), 1), right = softmax(b->scores(features, rest), 1);
    EXPECT_LT((left - right).cwiseAbs().maxCoeff(), 1e-4);
}

/// Networks take images: cotrain_network_test.cpp.
std::vector<std::string> learners_of_features() {
    std::vector<std::string> names = learner_names();
    std::erase_if(names, is_network);
    return names;
}

INSTANTIATE_TEST_SUITE_P(All, CotrainLearner, ::testing::ValuesIn(learners_of_features()), [](const auto& each) { return each.param; });

TEST(CotrainLearner, AWarmStartEndsWhereAColdOneDoes) {
    std::vector<std::int32_t> labels;
    const Features features = clouds(200, 10, 3, false, labels);
    std::vector<Example> few, all;
    for (Sample row = 0; row < 200; ++row) {
        all.push_back({row, labels[row], 1});
        if (row < 40) few.push_back(all.back());
    }
    auto warm = make_logistic(1), cold = make_logistic(1);
    warm->fit(features, few, 3, {});
    warm->fit(features, all, 3, warm->parameters());
    cold->fit(features, all, 3, {});
    std::vector<Sample> rows(200);
    std::iota(rows.begin(), rows.end(), 0);
    EXPECT_LT((warm->scores(features, rows) - cold->scores(features, rows)).cwiseAbs().maxCoeff(), 1e-3);
}

TEST(CotrainLearner, CountsOfNegativeFeaturesAreRefused) {
    std::vector<std::int32_t> labels;
    Features features = clouds(20, 3, 2, false, labels);
    features.dense(4, 1) = -1;
    EXPECT_THROW(prepared_for("multinomial_nb", features), base::Error);
}

class CotrainFeatures : public ::testing::Test {
  protected:
    std::string write(const std::string& name, const std::string& content) {
        base::write_file(folder.path() / name, content);
        return (folder.path() / name).string();
    }
    std::string message_of(const std::string& file) {
        try {
            load_view(file);
        } catch (const base::Error& error) {
            return error.what();
        }
        return "nothing was thrown";
    }
    test::TemporaryFolder folder;
};

TEST_F(CotrainFeatures, BothFormatsHoldTheSameNumbers) {
    const LabelledView csv = load_view(write("a.csv", "0,1,2,label\r\n0,2,0,b\r\n1,0,0.5,a\r\n0,0,0,\r\n"));
    const LabelledView counts = load_view(write("b.txt", "# 3 documents\nb 1:2\na 0:1 2:0.5\n?\n"));
    EXPECT_EQ(csv.labels, counts.labels);
    EXPECT_EQ(csv.features.dense, as_dense(counts.features).dense);
    EXPECT_EQ(as_dense(as_sparse(csv.features)).dense, csv.features.dense);
    const TwoViews both = join_views(csv, counts, "all", {});
    EXPECT_EQ(both.classes, (std::vector<std::string>{"a", "b"}));
    EXPECT_EQ(both.truth, (std::vector<std::int32_t>{1, 0, unknown_label}));
}

TEST_F(CotrainFeatures, WhatIsWrongIsNamedWithItsLine) {
    using ::testing::HasSubstr;
    EXPECT_THAT(message_of(write("a.csv", "0,label\n1,a\nx,a\n")), HasSubstr("line 3: 'x'"));
    EXPECT_THAT(message_of(write("b.csv", "0,label\n1,2,a\n")), HasSubstr("line 2: 3 columns"));
    EXPECT_THAT(message_of(write("c.txt", "a 3:1 2:1\n")), HasSubstr("line 1: '2:1'"));
    EXPECT_THAT(message_of(write("d.csv", "0,label\nnan,a\n")), HasSubstr("no finite number"));
    EXPECT_THAT(message_of(write("e.tsv", "0\tlabel\n")), HasSubstr(".tsv"));
    EXPECT_THAT(message_of("no/such/file.csv"), HasSubstr("no file"));
}

TEST_F(CotrainFeatures, ViewsThatAreNotAlignedAreRefused) {
    const LabelledView first = load_view(write("a.csv", "0,label\n1,a\n2,b\n")), second = load_view(write("b.csv", "0,label\n1,a\n2,a\n"));
    EXPECT_THROW(join_views(first, second, "all", {}), base::Error);
    EXPECT_THROW(join_views(first, load_view(write("c.csv", "0,label\n1,a\n")), "all", {}), base::Error);
    EXPECT_THROW(join_views(first, first, "a:z", {}), base::Error);
}

TEST_F(CotrainFeatures, StandardisedColumnsLookAtVisibleRowsOnly) {
    const LabelledView view = load_view(write("a.csv", "0,1,label\n1,7,a\n3,7,b\n100,9,b\n"));
    const Features made = standardised(view.features, std::vector<Sample>{0, 1});
    EXPECT_NEAR(made.dense(0, 0), -1, 1e-12);
    EXPECT_NEAR(made.dense(1, 0), 1, 1e-12);
    EXPECT_NEAR(made.dense(2, 0), 98, 1e-12);
    EXPECT_EQ(made.dense(2, 1), 0) << "a column that is constant where it is visible says nothing";
}

}  // namespace
}  // namespace plumb::families::cotrain
