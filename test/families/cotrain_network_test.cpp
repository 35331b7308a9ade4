// SPDX-License-Identifier: Apache-2.0
// Networks as learners of co-training, on photographs that come with plumb.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "base/error.h"
#include "base/tensor_file.h"
#include "families/cotrain/declarations.h"
#include "families/cotrain/image_views.h"
#include "families/cotrain/learner.h"
#include "families/cotrain/request.h"
#include "families/cotrain/state_file.h"
#include "families/cotrain_fixture.h"

namespace plumb::families::cotrain {
namespace {

using testing::HasSubstr;

class CotrainNetworks : public testing::Test {
  protected:
    CotrainNetworks() { ::setenv("PLUMB_CACHE", cache.path().c_str(), 1); }
    ~CotrainNetworks() override { ::unsetenv("PLUMB_CACHE"); }
    void SetUp() override {
        try {
            fit_small({});
        } catch (const base::Error& error) {
            if (std::string(error.what()).find("without LibTorch") != std::string::npos) GTEST_SKIP() << error.what();
            throw;
        }
    }
    const LabelledView& view() {
        if (views.view[0].labels.empty()) {
            ImageRequest request;
            request.view0 = request.view1 = "trashnet/photos";
            request.halves = "left:right";
            request.crop = 16;
            views = load_image_views(request);
        }
        return views.view[0];
    }
    /// Scores of ten photos after a fit on ten others: five each of the first and the last class.
    Matrix fit_small(const LearnerOptions& changed, std::int64_t epochs = 3) {
        LearnerOptions options = changed;
        options.name = "cnn";
        options.seed = 5;
        options.network.epochs = epochs;
        options.network.batch = 4;
        std::vector<Example> examples;
        for (Sample i = 0; i < 5; ++i) {
            examples.push_back({i, 0, 1});
            examples.push_back({149 - i, 1, 0.5});
        }
        const auto learner = make_learner(options);
        learner->validate_by(std::vector<Example>{{20, 0, 1}, {120, 1, 1}});
        learner->fit(view().features, examples, 2, {});
        EXPECT_LT(learner->deviation(view().features, examples, std::vector<Sample>{0, 149}).measured, 1e-4);
        return learner->scores(view().features, std::vector<Sample>{5, 6, 7, 8, 9, 140, 141, 142, 143, 144});
    }
    test::TemporaryFolder cache;
    ImageViews views;
};

TEST_F(CotrainNetworks, SeeTheHalfThatIsTheirView) {
    EXPECT_EQ(view().features.pixels.side, 16);
    EXPECT_EQ(view().features.pixels.bytes.size(), 150U * 16 * 16 * 3);
    EXPECT_NE(view().hashes[3], views.view[1].hashes[3]);
}

TEST_F(CotrainNetworks, AreAFunctionOfExamplesOptionsAndSeed) {
    EXPECT_EQ(fit_small({}), fit_small({}));
    EXPECT_NE(fit_small({}), fit_small({}, 2));
    LearnerOptions faster;
    faster.network.rate = 0.02;
    EXPECT_NE(fit_small({}), fit_small(faster));
}

TEST_F(CotrainNetworks, AFitThatIsStoppedGoesOnToTheSameBits) {
    const test::TemporaryFolder folder;
    LearnerOptions options;
    options.keep = folder.path() / "fit";
    int epochs = 0;
    options.stop = [&] { return ++epochs == 2; };
    try {
        fit_small(options);
        FAIL() << "was not stopped";
    } catch (const base::Error& error) {
        EXPECT_EQ(error.kind(), base::ErrorKind::interrupted);
        EXPECT_THAT(error.what(), HasSubstr("2 of 3 epochs"));
    }
    ASSERT_TRUE(std::filesystem::exists(options.keep));
    int more = 0;
    options.stop = [&] { return ++more == 0; };
    EXPECT_EQ(fit_small(options), fit_small({}));
    EXPECT_EQ(more, 0) << "one epoch was left, and no question is asked after the last";
    EXPECT_FALSE(std::filesystem::exists(options.keep)) << "a finished fit leaves nothing";
}

TEST_F(CotrainNetworks, AKeptStateOfAnotherFitIsNotTaken) {
    const test::TemporaryFolder folder;
    LearnerOptions options;
    options.keep = folder.path() / "fit";
    options.stop = [] { return true; };
    EXPECT_THROW(fit_small(options), base::Error);
    options.stop = {};
    const auto fit_other = [&](LearnerOptions own) {
        own.name = "cnn";
        own.seed = 6;
        own.network.epochs = 2;
        const auto learner = make_learner(own);
        learner->fit(view().features, std::vector<Example>{{0, 0, 1}, {149, 1, 1}}, 2, {});
        return learner->scores(view().features, std::vector<Sample>{0, 70, 149});
    };
    EXPECT_EQ(fit_other(options), fit_other({}));
}

lab::Settings halves(const lab::Settings& changed) {
    lab::Settings settings = {{"view0", std::string("trashnet/photos")},
                              {"view1", std::string("trashnet/photos")},
                              {"halves", std::string("left:right")},
                              {"learner", std::string("cnn")},
                              {"crop", std::int64_t{16}},
                              {"epochs", std::int64_t{4}},
                              {"gate", 0.0},
                              {"labels", std::string("8")},
                              {"splits", std::int64_t{2}},
                              {"rounds", std::int64_t{1}}};
    for (const lab::Setting& each : changed) {
        std::erase_if(settings, [&](const lab::Setting& setting) { return setting.name == each.name; });
        settings.push_back(each);
    }
    return settings;
}

TEST_F(CotrainNetworks, CoTrainOnHalvesOfPhotographs) {
    const test::TemporaryFolder runs;
    const lab::Store store(runs.path());
    ASSERT_EQ(test::run_cotrain(store, test::cotrain_study(halves({}))), 0);
    const lab::Record record = test::only_record(store);
    ASSERT_EQ(record.status, lab::Status::done) << record.reason;
    EXPECT_GT(record.metric("pseudo_labels")->value, 0);
    const auto check = std::ranges::find(record.checks, "cnn, view 0", &lab::Check::name);
    ASSERT_NE(check, record.checks.end());
    EXPECT_THAT(check->reference, HasSubstr("fp64"));
    EXPECT_THAT(check->reference, HasSubstr("here fp32"));
}

TEST_F(CotrainNetworks, GoOnFromWhatAnEarlierFitLeft) {
    const test::TemporaryFolder folder;
    const auto weights_of = [&](LearnerOptions options, double rate) {
        options.network.rate = rate;
        options.leave = folder.path() / "left.safetensors";
        fit_small(options);
        const auto weights = base::TensorFile(options.leave).read("fc.weight").to_fp32();
        return Vector(Eigen::Map<const Eigen::VectorXf>(weights.data(), static_cast<Eigen::Index>(weights.size())).cast<double>());
    };
    const double hardly = 1e-12;
    const Vector learnt = weights_of({}, 0.05);
    LearnerOptions warm;
    warm.begin_with = folder.path() / "first.safetensors";
    std::filesystem::rename(folder.path() / "left.safetensors", warm.begin_with);
    EXPECT_LT((weights_of(warm, hardly) - learnt).norm(), 1e-6 * learnt.norm());
    EXPECT_GT((weights_of({}, hardly) - learnt).norm(), 1e-2 * learnt.norm()) << "what is drawn is far from it";
}

TEST_F(CotrainNetworks, WarmRoundsGoOnWithTheSameBitsAfterAnyRound) {
    const Request request =
        read_request(resolve(schema().complete(halves({{"training", std::string("warm")}, {"rounds", std::int64_t{3}}}))));
    const auto finish = [&](const std::filesystem::path& keep, bool in_one_go) {
        Options options = request.options;
        std::filesystem::create_directories(keep);
        options.learner.keep = keep;
        auto run = std::make_unique<SplitRun>(*request.data, options, 7, 0);
        while (!run->finished()) {
            run->advance();
            run->drop_starts(run->state().round);
            if (!in_one_go)
                run = std::make_unique<SplitRun>(*request.data, options, 7, 0,
                                                 state_from_json(nlohmann::json::parse(to_json(run->state()).dump())));
        }
        run->drop_starts(run->state().round + 2);
        EXPECT_TRUE(std::filesystem::is_empty(keep)) << "a finished split leaves nothing";
        return to_json(run->state()).dump();
    };
    const test::TemporaryFolder folder;
    const std::string straight = finish(folder.path() / "a", true);
    EXPECT_EQ(finish(folder.path() / "b", false), straight);
    Options scratch = request.options;
    scratch.training = Training::scratch;
    SplitRun anew(*request.data, scratch, 7, 0);
    while (!anew.finished()) anew.advance();
    EXPECT_NE(to_json(anew.state()).dump(), straight);
}

TEST_F(CotrainNetworks, AreRefusedWhereTheyMakeNoSense) {
    const auto reason = [](const lab::Settings& changed) {
        const test::TemporaryFolder runs;
        const lab::Store store(runs.path());
        EXPECT_NE(test::run_cotrain(store, test::cotrain_study(halves(changed))), 0);
        return test::only_record(store).reason;
    };
    EXPECT_THAT(
        reason({{"view0", std::string("twodigits/view0")}, {"view1", std::string("twodigits/view1")}, {"halves", std::string("none")}}),
        HasSubstr("needs images"));
    EXPECT_THAT(reason({{"components", std::int64_t{5}}}), HasSubstr("sees pixels"));
    EXPECT_THAT(reason({{"crop", std::int64_t{64}}, {"resize", std::int64_t{32}}}), HasSubstr("smaller"));
}

}  // namespace
}  // namespace plumb::families::cotrain
