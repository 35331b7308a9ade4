// SPDX-License-Identifier: Apache-2.0
// Networks as learners of images. A fit is a function of examples, options and seed; one that is killed goes on from the state of its last
// kept epoch to the same bits.
#include <chrono>
#include <cmath>

#include "base/digest.h"
#include "base/error.h"
#include "families/cotrain/learner.h"
#include "families/cotrain/probability.h"
#include "nn/image_classifier.h"

namespace plumb::families::cotrain {

namespace {

/// Keeping a state costs a write of weights and moments.
constexpr std::chrono::seconds between_states{20};
constexpr std::size_t compared_rows = 4;
constexpr const char* fit_key = "fit";

nn::ImageSet images_of(const Features& view) {
    return {view.pixels.bytes, view.pixels.side, view.pixels.side};
}

std::int64_t crop_of(const Features& view, Sample sample) {
    return static_cast<std::int64_t>(view.dense(sample, 0));
}

class Network final : public Learner {
  public:
    explicit Network(const LearnerOptions& options) : options_(options) {}

    void validate_by(std::span<const Example> examples) override { validation_.assign(examples.begin(), examples.end()); }

    void fit(const Features& view, std::span<const Example> examples, std::int64_t classes, std::span<const double>) override {
        classes_ = classes;
        open();
        std::vector<nn::ImageExample> shown;
        for (const Example& example : examples)
            shown.push_back({crop_of(view, example.sample), example.label, static_cast<float>(example.weight)});
        const std::string identity = identity_of(shown);
        go_on_from_kept(identity);
        auto kept = std::chrono::steady_clock::now();
        nn::fit(*classifier_, images_of(view), shown, options_.network.epochs, [&](const nn::EpochReport& report) {
            if (!validation_.empty()) classifier_->observe(validation_loss(view));
            if (report.epoch == options_.network.epochs) return true;
            const bool stop = options_.stop && options_.stop();
            const auto now = std::chrono::steady_clock::now();
            if (!options_.keep.empty() && (stop || now - kept >= between_states)) {
                classifier_->save(options_.keep, {{fit_key, identity}});
                kept = now;
            }
            if (stop) {
                throw base::Error(base::ErrorKind::interrupted,
                                  "stopped by the user after " + std::to_string(report.epoch) + " of " +
                                      std::to_string(options_.network.epochs) + " epochs of a fit",
                                  "run the same command again to go on");
            }
            return true;
        });
        if (!options_.leave.empty()) classifier_->save(options_.leave);
        if (!options_.keep.empty()) std::filesystem::remove(options_.keep);
    }

    Matrix scores(const Features& view, std::span<const Sample> rows) const override {
        std::vector<std::int64_t> crops;
        for (const Sample row : rows) crops.push_back(crop_of(view, row));
        std::vector<float> logits(rows.size() * static_cast<std::size_t>(classes_));
        classifier_->scores(images_of(view), crops, logits);
        Matrix made(static_cast<Eigen::Index>(rows.size()), classes_);
        std::ranges::copy(logits, made.data());
        return made;
    }

    /// Relative to the largest score. Rounding of fp32 grows to some 1e-6 through 50 layers, of bf16 to some 1e-2: far below the bounds, as
    /// a wrong layer is far above.
    Deviation deviation(const Features& view, std::span<const Example>, std::span<const Sample> rows) const override {
        rows = rows.first(std::min(rows.size(), compared_rows));
        const Matrix got = scores(view, rows);
        std::vector<std::int64_t> crops;
        for (const Sample row : rows) crops.push_back(crop_of(view, row));
        std::vector<double> expected(rows.size() * static_cast<std::size_t>(classes_));
        classifier_->reference_scores(images_of(view), crops, expected);
        double largest = 0, difference = 0;
        for (std::size_t i = 0; i < expected.size(); ++i) {
            largest = std::max(largest, std::abs(expected[i]));
            difference = std::max(difference, std::abs(expected[i] - got.data()[i]));
        }
        return {difference / largest, options_.network.precision == "bf16" ? 0.1 : 1e-4,
                "scores in fp64 by other loops; here " + classifier_->arithmetic() + (note_.empty() ? "" : "; " + note_)};
    }

  private:
    void open() {
        const NetworkOptions& network = options_.network;
        nn::ImageClassifierForm form;
        form.network = options_.name;
        form.classes = classes_;
        using kernels::optimizer::Rule;
        form.optimizer.rule = network.optimizer == "adam" ? Rule::adam : Rule::momentum;
        form.rate = network.rate;
        form.batch = network.batch;
        form.imagenet = network.imagenet;
        form.precision = network.precision == "bf16" ? base::Dtype::bf16 : base::Dtype::fp32;
        form.seed = options_.seed;
        form.threads = static_cast<int>(network.threads);
        classifier_ = nn::make_image_classifier(form);
        if (!network.weights.empty()) note_ = classifier_->load_weights(network.weights);
        if (!options_.begin_with.empty()) classifier_->load_weights(options_.begin_with);
    }

    /// Of everything that a fit depends on and that may differ between two fits of a point.
    std::string identity_of(std::span<const nn::ImageExample> examples) const {
        std::string all = std::to_string(options_.seed);
        if (!options_.begin_with.empty()) all += " from " + base::file_xxh3_hex(options_.begin_with);
        for (const nn::ImageExample& example : examples)
            all += " " + std::to_string(example.sample) + ":" + std::to_string(example.label) + ":" + std::to_string(example.weight);
        return base::xxh3_hex(all);
    }

    /// A file of another fit, or a damaged one, is none.
    void go_on_from_kept(const std::string& identity) {
        if (options_.keep.empty() || !std::filesystem::exists(options_.keep)) return;
        try {
            const auto metadata = classifier_->load(options_.keep);
            const auto found = metadata.find(fit_key);
            if (found != metadata.end() && found->second == identity) return;
        } catch (const base::Error&) {
        }
        open();
    }

    double validation_loss(const Features& view) const {
        std::vector<Sample> rows;
        std::vector<std::int32_t> labels;
        for (const Example& example : validation_) {
            rows.push_back(example.sample);
            labels.push_back(example.label);
        }
        return log_loss(softmax(scores(view, rows), 1), labels);
    }

    LearnerOptions options_;
    std::int64_t classes_ = 0;
    std::vector<Example> validation_;
    std::unique_ptr<nn::ImageClassifier> classifier_;
    std::string note_;
};

}  // namespace

std::unique_ptr<Learner> make_network(const LearnerOptions& options) {
    return std::make_unique<Network>(options);
}

}  // namespace plumb::families::cotrain
