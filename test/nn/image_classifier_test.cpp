// SPDX-License-Identifier: Apache-2.0
// Image classifiers against plain LibTorch, fp64, finite differences and hand-built cases; and their states.
#include "nn/image_classifier.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/error.h"
#include "base/file.h"
#include "nn/image_cases.h"
#include "nn/plain_image_loop.h"
#include "temporary_folder.h"

namespace plumb::nn {

using kernels::optimizer::Rule;
using kernels::optimizer::sum_of_squares;
namespace {

using test::MadeImages;
using test::scores;
using test::small_classifier;
using testing::HasSubstr;

template <class Action>
void expect_error(base::ErrorKind kind, const std::string& part, const Action& action) {
    try {
        action();
        ADD_FAILURE() << "no error that says " << part;
    } catch (const base::Error& error) {
        EXPECT_EQ(error.kind(), kind);
        EXPECT_THAT(error.what(), HasSubstr(part));
        EXPECT_FALSE(error.hint().empty());
    }
}

TEST(ImageClassifier, LosesWhatAPlainLoopOfLibTorchLoses) {
    const MadeImages images(6, 64, 3);
    ImageClassifierForm form = small_classifier("resnet18");
    form.rate = 1e-3;
    form.batch = 6;
    const auto classifier = make_image_classifier(form);
    const auto plain = make_plain_image_loop(form, *classifier, images.set());
    for (std::int64_t epoch = 0; epoch < 3; ++epoch) {
        std::vector<ImageExample> in_order;
        for (const std::int64_t i : epoch_order(form.seed, epoch, 6)) in_order.push_back(images.examples[static_cast<std::size_t>(i)]);
        const double expected = plain->epoch(in_order), got = classifier->epoch(images.set(), images.examples).loss;
        EXPECT_NEAR(got, expected, 2e-3 * expected) << "epoch " << epoch;
        EXPECT_GT(expected, 0.1);
    }
    EXPECT_EQ(classifier->steps(), 3);
}

TEST(ImageClassifier, ScoresAreThoseOfTorchvision) {
    // torchvision 0.29.2 with torch 2.15.0 on the state that save() writes: load_state_dict(strict=True), eval(), ToTensor, Normalize.
    const std::pair<const char*, std::vector<float>> cases[] = {
        {"resnet18", {-0.9118977F, -0.1946053F, -0.5573184F, -1.081577F, -0.2596008F, -0.4212792F}},
        {"resnet50", {-4.14439F, 7.555779F, 6.072966F, -4.340118F, 7.105314F, 6.340786F}}};
    const MadeImages images(2, 40, 3);
    for (const auto& [network, expected] : cases) {
        ImageClassifierForm form = small_classifier(network);
        form.imagenet = true;
        const std::vector<float> got = scores(*make_image_classifier(form), images);
        for (std::size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], expected[i], 5e-5) << network << " " << i;
    }
}

TEST(ImageClassifier, ScoresAreThoseOfFp64) {
    for (const char* network : {"cnn", "resnet18"}) {
        const MadeImages images(4, 32, 3);
        const auto classifier = make_image_classifier(small_classifier(network));
        classifier->epoch(images.set(), images.examples);
        const std::vector<float> got = scores(*classifier, images);
        std::vector<double> expected(got.size());
        classifier->reference_scores(images.set(), images.samples, expected);
        double largest = 0;
        for (const double each : expected) largest = std::max(largest, std::abs(each));
        for (std::size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], expected[i], 2e-5 * largest) << network << " " << i;
        EXPECT_NE(got[0], got[3]) << "images differ";
    }
}

TEST(ImageClassifier, GradientsAreWhatFiniteDifferencesSay) {
    SCOPED_TRACE("seed " + std::to_string(test::image_seed));
    const MadeImages images(6, 8, 3);
    std::vector<ImageExample> examples = images.examples;
    examples[2].weight = 0.25F;
    const auto classifier = make_image_classifier(small_classifier());
    for (const std::string& name : classifier->names()) {
        const std::vector<float> gradient = classifier->slope(images.set(), examples, name).gradient;
        if (gradient.empty()) continue;
        const double length = std::sqrt(sum_of_squares(gradient));
        ASSERT_GT(length, 0) << name;
        // Along the gradient the loss changes most; h is small against the kinks of ReLUs and maxima, large against the rounding of a loss.
        const std::vector<float> start = classifier->values(name);
        const double h = 4e-3;
        const auto loss_at = [&](double along) {
            std::vector<float> moved = start;
            for (std::size_t i = 0; i < moved.size(); ++i)
                moved[i] += static_cast<float>(along * static_cast<double>(gradient[i]) / length);
            classifier->set_values(name, moved);
            return classifier->slope(images.set(), examples, name).loss;
        };
        const double difference = (loss_at(h) - loss_at(-h)) / (2 * h);
        classifier->set_values(name, start);
        EXPECT_NEAR(difference, length, 0.05 * length + 2e-4) << name;
    }
}

TEST(ImageClassifier, NormsLearnMeanAndUnbiasedVariance) {
    // Channel c of the first convolution is colour c of the pixel itself, so its statistics are those of the bytes.
    const MadeImages images(4, 8, 3);
    const auto classifier = make_image_classifier(small_classifier());
    std::vector<float> kernel(32 * 3 * 9, 0.0F);
    for (std::size_t channel = 0; channel < 3; ++channel) kernel[(channel * 3 + channel) * 9 + 4] = 1;
    ImageClassifierForm still = small_classifier();
    still.rate = std::numeric_limits<double>::min();
    const auto unmoved = make_image_classifier(still);
    unmoved->set_values("conv1.weight", kernel);
    unmoved->epoch(images.set(), images.examples);
    const std::vector<float> mean = unmoved->values("bn1.running_mean"), variance = unmoved->values("bn1.running_var");
    for (std::size_t channel = 0; channel < 3; ++channel) {
        double sum = 0, squares = 0, count = 0;
        for (std::size_t i = channel; i < images.pixels.size(); i += 3, ++count) {
            const double number = images.pixels[i] / 255.0;
            sum += number, squares += number * number;
        }
        EXPECT_NEAR(mean[channel], 0.1 * sum / count, 1e-6);
        EXPECT_NEAR(variance[channel], 0.9 + 0.1 * (squares - sum * sum / count) / (count - 1), 1e-6);
    }
    EXPECT_EQ(unmoved->values("bn1.num_batches_tracked"), std::vector<float>{1});
    EXPECT_EQ(mean[5], 0) << "a kernel of zeros";
}

TEST(ImageClassifier, WeightsScaleWhatAnExampleCounts) {
    const MadeImages images(6, 8, 3);
    const auto classifier = make_image_classifier(small_classifier());
    const auto slope = [&](const std::vector<ImageExample>& examples) { return classifier->slope(images.set(), examples, "fc.weight"); };
    std::vector<ImageExample> doubled = images.examples, without = images.examples;
    for (ImageExample& example : doubled) example.weight = 2;
    EXPECT_NEAR(slope(doubled).loss, 2 * slope(images.examples).loss, 1e-6);
    without[1].weight = 0;
    const double loss = slope(without).loss;
    EXPECT_LT(loss, slope(images.examples).loss);
    without[1].label = 2;
    EXPECT_EQ(slope(without).loss, loss) << "a label that weighs nothing says nothing";
}

TEST(ImageClassifier, LearnsAFewImagesByHeart) {
    const MadeImages images(12, 16, 3);
    for (const Rule rule : {Rule::momentum, Rule::adam}) {
        ImageClassifierForm form = small_classifier();
        form.optimizer.rule = rule;
        form.rate = rule == Rule::adam ? 0.003 : 0.02;
        const auto classifier = make_image_classifier(form);
        EpochReport last;
        fit(*classifier, images.set(), images.examples, 40, [&](const EpochReport& report) {
            last = report;
            return report.accuracy < 1 || report.loss > 0.05 || report.epoch < 15;
        });
        EXPECT_LT(classifier->epochs(), 40) << "the caller stops it";
        EXPECT_EQ(last.accuracy, 1);
        const std::vector<float> logits = scores(*classifier, images);
        for (std::size_t i = 0; i < 12; ++i) {
            const auto row = std::span(logits).subspan(3 * i, 3);
            EXPECT_EQ(std::ranges::max_element(row) - row.begin(), images.examples[i].label) << i;
        }
    }
}

/// Epochs up to `to`, each with a worse loss on validation than the one before.
void train(ImageClassifier& classifier, const MadeImages& images, std::int64_t to) {
    fit(classifier, images.set(), images.examples, to, [&](const EpochReport& report) {
        classifier.observe(static_cast<double>(report.epoch));
        return true;
    });
}

/// `half` epochs, saved, loaded by another classifier, and as many more, against all of them at once.
void expect_same_end(const ImageClassifierForm& form, std::int64_t half) {
    const plumb::test::TemporaryFolder folder;
    const MadeImages images(11, 8, 3);
    const auto whole = make_image_classifier(form), first = make_image_classifier(form), second = make_image_classifier(form);
    train(*whole, images, 2 * half);
    train(*first, images, half);
    first->save(folder.path() / "half", {{"note", "kept"}});
    EXPECT_EQ(second->load(folder.path() / "half").at("note"), "kept");
    EXPECT_EQ(second->epochs(), half);
    EXPECT_EQ(second->rate(), first->rate());
    train(*second, images, 2 * half);
    EXPECT_LT(second->rate(), form.rate) << "the scheduler has gone on, too";
    whole->save(folder.path() / "whole");
    second->save(folder.path() / "resumed");
    EXPECT_EQ(base::read_file(folder.path() / "whole"), base::read_file(folder.path() / "resumed"));
}

TEST(ImageClassifier, GoesOnFromASavedStateToTheSameBits) {
    ImageClassifierForm form = small_classifier();
    form.plateau = {.factor = 0.5, .patience = 1};
    for (const Rule rule : {Rule::momentum, Rule::adam, Rule::sgd}) {
        form.optimizer.rule = rule;
        expect_same_end(form, 2);
    }
    // One batch an epoch: threads that wait for each other are slow where others want the processors.
    form.threads = 2;
    form.batch = 12;
    form.plateau.patience = 0;
    expect_same_end(form, 1);
}

TEST(ImageClassifier, AnotherSeedIsAnotherClassifier) {
    const MadeImages images(4, 8, 3);
    ImageClassifierForm other = small_classifier();
    ++other.seed;
    EXPECT_EQ(scores(*make_image_classifier(small_classifier()), images), scores(*make_image_classifier(small_classifier()), images));
    EXPECT_NE(scores(*make_image_classifier(small_classifier()), images), scores(*make_image_classifier(other), images));
}

TEST(ImageClassifier, WeightsOfAnotherTaskComeWithoutTheirLastLayer) {
    const plumb::test::TemporaryFolder folder;
    const MadeImages images(4, 8, 3);
    const auto taught = make_image_classifier(small_classifier());
    taught->epoch(images.set(), images.examples);
    taught->save(folder.path() / "weights");
    ImageClassifierForm form = small_classifier();
    ++form.seed;
    const auto same = make_image_classifier(form);
    EXPECT_EQ(same->load_weights(folder.path() / "weights"), "");
    EXPECT_EQ(scores(*same, images), scores(*taught, images));
    EXPECT_EQ(same->epochs(), 0);

    form.classes = 5;
    const auto wider = make_image_classifier(form);
    const std::vector<float> fc = wider->values("fc.weight");
    EXPECT_EQ(wider->load_weights(folder.path() / "weights"), "fc of 3 classes was left out: fc of 5 classes is drawn");
    EXPECT_EQ(wider->values("fc.weight"), fc);
    EXPECT_EQ(wider->values("bn3.running_var"), taught->values("bn3.running_var"));
    expect_error(base::ErrorKind::failed, "fc.weight", [&] { wider->load(folder.path() / "weights"); });

    const auto resnet = make_image_classifier(small_classifier("resnet18"));
    const std::vector<float> before = resnet->values("conv1.weight");
    expect_error(base::ErrorKind::failed, "conv1.weight", [&] { resnet->load_weights(folder.path() / "weights"); });
    EXPECT_EQ(resnet->values("conv1.weight"), before);
}

TEST(ImageClassifier, BfloatIsNearAndSaysHowItRan) {
    const MadeImages images(4, 8, 3);
    ImageClassifierForm form = small_classifier();
    form.rate = 1e-3;
    const auto exact = make_image_classifier(form);
    form.precision = base::Dtype::bf16;
    const auto rounded = make_image_classifier(form);
    EXPECT_EQ(exact->arithmetic(), "fp32");
    EXPECT_THAT(rounded->arithmetic(), HasSubstr("bf16"));
    EXPECT_NEAR(rounded->epoch(images.set(), images.examples).loss, exact->epoch(images.set(), images.examples).loss, 0.05);
    const std::vector<float> a = scores(*exact, images), b = scores(*rounded, images);
    EXPECT_NE(a, b);
    for (std::size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], b[i], 0.05) << i;
}

TEST(ImageClassifier, RefusesWhatDoesNotFit) {
    const MadeImages images(4, 8, 3);
    const auto classifier = make_image_classifier(small_classifier());
    const auto train_on = [&](ImageExample changed) {
        std::vector<ImageExample> examples = images.examples;
        examples[1] = changed;
        classifier->epoch(images.set(), examples);
    };
    using base::ErrorKind;
    expect_error(ErrorKind::usage, "label 3", [&] { train_on({1, 3, 1}); });
    expect_error(ErrorKind::usage, "sample 4", [&] { train_on({4, 0, 1}); });
    expect_error(ErrorKind::usage, "weight", [&] { train_on({1, 0, -1}); });
    expect_error(ErrorKind::usage, "1 examples", [&] { classifier->epoch(images.set(), std::span(images.examples).first(1)); });
    const auto resnet = make_image_classifier(small_classifier("resnet18"));
    expect_error(ErrorKind::usage, "8 x 8", [&] { scores(*resnet, images); });
    EXPECT_EQ(classifier->steps(), 0);
    const std::vector<float> none(3 * 128, std::nanf(""));
    classifier->set_values("fc.weight", none);
    expect_error(ErrorKind::failed, "epoch 1", [&] { classifier->epoch(images.set(), images.examples); });

    const auto make = [](auto change) {
        ImageClassifierForm form = small_classifier();
        change(form);
        make_image_classifier(form);
    };
    expect_error(ErrorKind::usage, "1 classes", [&] { make([](auto& form) { form.classes = 1; }); });
    expect_error(ErrorKind::usage, "batch of 1", [&] { make([](auto& form) { form.batch = 1; }); });
    expect_error(ErrorKind::usage, "fp16", [&] { make([](auto& form) { form.precision = base::Dtype::fp16; }); });
    expect_error(ErrorKind::usage, "resnet19", [&] { make([](auto& form) { form.network = "resnet19"; }); });
}

}  // namespace
}  // namespace plumb::nn
