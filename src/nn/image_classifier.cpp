// SPDX-License-Identifier: Apache-2.0
// Legend: N samples of a batch, K classes.
#include "nn/image_classifier.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/autocast_mode.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <optional>

#include "base/error.h"
#include "kernels/isa.h"
#include "nn/image_network.h"
#include "nn/problem_tensors.h"

namespace plumb::nn {

namespace {

using base::Error;
using base::ErrorKind;

/// Samples that are scored at once.
constexpr std::int64_t scored_at_once = 64;

struct NoHistory {
    explicit NoHistory(bool) {}
    c10::AutoGradMode mode{false};
};

/// Convolutions and linear layers in bf16 while this lives, where it is asked for.
class Autocast {
  public:
    explicit Autocast(bool on) : on_(on), before_(at::autocast::is_autocast_enabled(at::kCPU)) {
        if (!on_) return;
        at::autocast::set_autocast_enabled(at::kCPU, true);
        at::autocast::set_autocast_dtype(at::kCPU, at::kBFloat16);
        at::autocast::increment_nesting();
    }
    ~Autocast() {
        if (!on_) return;
        if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
        at::autocast::set_autocast_enabled(at::kCPU, before_);
    }
    Autocast(const Autocast&) = delete;
    Autocast& operator=(const Autocast&) = delete;

  private:
    bool on_, before_;
};

ImageClassifierForm valid(ImageClassifierForm form) {
    const auto complain = [](const std::string& what, const std::string& hint) { throw Error(ErrorKind::usage, what, hint); };
    if (form.classes < 2) complain(std::to_string(form.classes) + " classes", "a classifier has at least 2");
    if (form.batch < 2) complain("a batch of " + std::to_string(form.batch), "batch norms need at least 2 samples");
    if (!(form.rate > 0) || !std::isfinite(form.rate)) complain("a rate of " + std::to_string(form.rate), "it is above 0");
    if (form.precision == base::Dtype::fp16) complain("training in fp16", "allowed: fp32, bf16");
    if (form.threads < 1) complain(std::to_string(form.threads) + " threads", "at least 1");
    return form;
}

std::span<float> numbers_of(const at::Tensor& tensor) {
    if (!tensor.defined()) return {};
    return {tensor.mutable_data_ptr<float>(), static_cast<std::size_t>(tensor.numel())};
}

std::string exact_text(double number) {
    char text[40];
    std::snprintf(text, sizeof text, "%a", number);
    return text;
}

class Classifier final : public ImageClassifier {
  public:
    explicit Classifier(const ImageClassifierForm& form)
        : form_(valid(form)),
          rate_(form.rate),
          bytes_(form.imagenet),
          tensors_(image_layout(form.network), form.classes, kernels::optimizer::moments_of(form.optimizer.rule), form.seed),
          network_(image_layout(form.network), tensors_) {}

    std::int64_t parameters() const override {
        std::int64_t sum = 0;
        for (std::size_t i = 0; i < tensors_.size(); ++i) sum += tensors_.entry(i).trained() ? tensors_.entry(i).elements() : 0;
        return sum;
    }
    std::int64_t steps() const override { return steps_; }
    std::int64_t epochs() const override { return epochs_; }
    double rate() const override { return rate_; }

    std::string arithmetic() const override {
        if (form_.precision == base::Dtype::fp32) return "fp32";
        const bool has = std::ranges::count(kernels::available_isas(), kernels::Isa::avx512) > 0;
        return std::string("bf16 (autocast), convolutions by ") +
               (has ? "oneDNN" : "LibTorch's own loops: oneDNN has none of bf16 for a CPU without AVX-512");
    }

    EpochReport epoch(const ImageSet& images, std::span<const ImageExample> examples) override {
        return guarded<c10::AutoGradMode>("training", [&] {
            at::set_num_threads(form_.threads);
            require_valid(images, examples);
            const std::vector<std::int64_t> order = epoch_order(form_.seed, epochs_, std::ssize(examples));
            std::vector<ImageExample> batch;
            Tally tally;
            for (const BatchRange& range : batches_of(std::ssize(examples), form_.batch)) {
                batch.clear();
                for (std::int64_t i = range.begin; i < range.end; ++i)
                    batch.push_back(examples[static_cast<std::size_t>(order[static_cast<std::size_t>(i)])]);
                step(images, batch, tally);
            }
            ++epochs_;
            return EpochReport{epochs_, tally.loss / tally.weight, static_cast<double>(tally.right) / static_cast<double>(examples.size()),
                               rate_};
        });
    }

    void observe(double validation_loss) override { rate_ = observe_plateau(form_.plateau, plateau_, validation_loss, rate_); }

    void scores(const ImageSet& images, std::span<const std::int64_t> samples, std::span<float> logits) override {
        score("scoring", images, samples, logits, [&](const at::Tensor& batch) {
            const Autocast autocast(form_.precision == base::Dtype::bf16);
            return network_.logits(batch, Norms::running);
        });
    }
    void reference_scores(const ImageSet& images, std::span<const std::int64_t> samples, std::span<double> logits) override {
        score("scoring in fp64", images, samples, logits, [&](const at::Tensor& batch) { return network_.reference_logits(batch); });
    }

    std::vector<std::string> names() const override {
        std::vector<std::string> all;
        for (std::size_t i = 0; i < tensors_.size(); ++i) all.push_back(tensors_.entry(i).name);
        return all;
    }
    std::vector<float> values(const std::string& name) const override { return copy_of(tensors_[name]); }
    void set_values(const std::string& name, std::span<const float> values) override {
        const NoHistory no_history(true);
        const at::Tensor& into = tensors_[name];
        if (std::ssize(values) != into.numel()) {
            throw Error(ErrorKind::usage, std::to_string(values.size()) + " values for " + name,
                        "it has " + std::to_string(into.numel()) + " numbers");
        }
        std::vector<float> numbers(values.begin(), values.end());
        into.copy_(at::from_blob(numbers.data(), into.sizes(), at::kFloat));
    }
    Slope slope(const ImageSet& images, std::span<const ImageExample> examples, const std::string& name) override {
        return guarded<c10::AutoGradMode>("differentiating", [&] {
            at::set_num_threads(form_.threads);
            require_valid(images, examples);
            const at::Tensor loss = loss_of(losses_of(logits_of(images, examples, Norms::batch), examples), examples);
            loss.backward();
            const at::Tensor gradient = tensors_.gradient(tensors_.index_of(name));
            Slope found{loss.item<double>(), gradient.defined() ? copy_of(gradient) : std::vector<float>()};
            tensors_.forget_gradients();
            return found;
        });
    }

    void save(const std::filesystem::path& file, std::map<std::string, std::string> metadata) const override {
        metadata["steps"] = std::to_string(steps_);
        metadata["epochs"] = std::to_string(epochs_);
        metadata["rate"] = exact_text(rate_);
        metadata["plateau_best"] = exact_text(plateau_.best);
        metadata["plateau_bad"] = std::to_string(plateau_.bad);
        tensors_.save(file, metadata);
    }

    std::map<std::string, std::string> load(const std::filesystem::path& file) override {
        std::map<std::string, std::string> metadata = tensors_.load(file);
        const auto number = [&](const char* key) {
            const auto found = metadata.find(key);
            char* end = nullptr;
            const double value = found == metadata.end() ? 0 : std::strtod(found->second.c_str(), &end);
            if (end == nullptr || *end != 0 || found->second.empty())
                throw Error(ErrorKind::failed, "the state " + file.string() + " has no '" + key + "'", "take a file that save() wrote");
            return value;
        };
        steps_ = static_cast<std::int64_t>(number("steps"));
        epochs_ = static_cast<std::int64_t>(number("epochs"));
        rate_ = number("rate");
        plateau_ = {number("plateau_best"), static_cast<std::int64_t>(number("plateau_bad"))};
        return metadata;
    }

    std::string load_weights(const std::filesystem::path& file) override { return tensors_.load_weights(file); }

  private:
    struct Tally {
        double loss = 0, weight = 0;
        std::int64_t right = 0;
    };

    void require_valid(const ImageSet& images, std::span<const ImageExample> examples) const {
        require_samples(images);
        if (examples.size() < 2)
            throw Error(ErrorKind::usage, "training on " + std::to_string(examples.size()) + " examples", "a batch norm needs at least 2");
        double weight = 0;
        for (const ImageExample& example : examples) {
            require_sample(images, example.sample);
            if (example.label < 0 || example.label >= form_.classes) {
                throw Error(ErrorKind::usage, "sample " + std::to_string(example.sample) + " has label " + std::to_string(example.label),
                            "labels are 0 to " + std::to_string(form_.classes - 1));
            }
            if (!(example.weight >= 0))
                throw Error(ErrorKind::usage, "sample " + std::to_string(example.sample) + " has a negative weight",
                            "weights are at least 0");
            weight += static_cast<double>(example.weight);
        }
        if (weight == 0) throw Error(ErrorKind::usage, "all examples weigh 0", "give at least one a weight");
    }
    void require_samples(const ImageSet& images) const {
        if (images.height < 1 || images.width < 1 || images.pixels.size() % images.bytes_each() != 0) {
            throw Error(ErrorKind::internal, std::to_string(images.pixels.size()) + " bytes are no images of " +
                                                 std::to_string(images.height) + " x " + std::to_string(images.width) + " x 3");
        }
        const std::int64_t least = form_.network == "cnn" ? 8 : 32;
        if (std::min(images.height, images.width) < least) {
            throw Error(ErrorKind::usage,
                        "images of " + std::to_string(images.height) + " x " + std::to_string(images.width) + " for " + form_.network,
                        "it halves an image until it is one pixel: at least " + std::to_string(least) + " x " + std::to_string(least));
        }
    }
    static void require_sample(const ImageSet& images, std::int64_t sample) {
        if (sample < 0 || sample >= images.samples()) {
            throw Error(ErrorKind::usage, "sample " + std::to_string(sample) + " of " + std::to_string(images.samples()) + " images",
                        "samples count from 0");
        }
    }

    /// N x 3 x height x width, channels-last: the bytes in their order.
    template <class SampleOf>
    at::Tensor batch_of(const ImageSet& images, std::int64_t count, const SampleOf& sample_of) const {
        const at::Tensor batch =
            at::empty({count, 3, images.height, images.width}, at::TensorOptions(at::kFloat).memory_format(at::MemoryFormat::ChannelsLast));
        const std::span<float> numbers = numbers_of(batch);
        at::parallel_for(0, count, 1, [&](std::int64_t begin, std::int64_t end) {
            for (std::int64_t i = begin; i < end; ++i) {
                const std::size_t each = images.bytes_each();
                bytes_.convert(images.pixels.subspan(static_cast<std::size_t>(sample_of(i)) * each, each),
                               numbers.subspan(static_cast<std::size_t>(i) * each, each));
            }
        });
        return batch;
    }

    at::Tensor logits_of(const ImageSet& images, std::span<const ImageExample> examples, Norms norms) const {
        const at::Tensor batch =
            batch_of(images, std::ssize(examples), [&](std::int64_t i) { return examples[static_cast<std::size_t>(i)].sample; });
        const Autocast autocast(form_.precision == base::Dtype::bf16);
        return network_.logits(batch, norms).to(at::kFloat);
    }
    /// -ln p(label) of each example.
    static at::Tensor losses_of(const at::Tensor& logits_NK, std::span<const ImageExample> examples) {
        const at::Tensor labels_N = at::empty({std::ssize(examples)}, at::kLong);
        std::ranges::transform(examples, labels_N.mutable_data_ptr<std::int64_t>(), &ImageExample::label);
        return at::log_softmax(logits_NK, 1).gather(1, labels_N.unsqueeze(1)).squeeze(1).neg();
    }
    static at::Tensor loss_of(const at::Tensor& losses_N, std::span<const ImageExample> examples) {
        const at::Tensor weights_N = at::empty({std::ssize(examples)}, at::kFloat);
        std::ranges::transform(examples, weights_N.mutable_data_ptr<float>(), &ImageExample::weight);
        return (losses_N * weights_N).sum() / static_cast<double>(examples.size());
    }

    void step(const ImageSet& images, std::span<const ImageExample> batch, Tally& tally) {
        const at::Tensor logits_NK = logits_of(images, batch, Norms::learning);
        const at::Tensor losses_N = losses_of(logits_NK, batch);
        const at::Tensor loss = loss_of(losses_N, batch);
        if (!std::isfinite(loss.item<double>())) {
            throw Error(ErrorKind::failed,
                        "step " + std::to_string(steps_ + 1) + " of epoch " + std::to_string(epochs_ + 1) + " has a loss of " +
                            std::to_string(loss.item<double>()),
                        "lower rate");
        }
        loss.backward();
        ++steps_;
        kernels::optimizer::update(form_.optimizer, with_gradients(), rate_, 1, steps_, form_.threads);
        tensors_.forget_gradients();

        const at::Tensor predicted_N = logits_NK.argmax(1);
        for (std::size_t i = 0; i < batch.size(); ++i) {
            tally.loss += static_cast<double>(losses_N.const_data_ptr<float>()[i]) * static_cast<double>(batch[i].weight);
            tally.weight += static_cast<double>(batch[i].weight);
            tally.right += predicted_N.const_data_ptr<std::int64_t>()[i] == batch[i].label ? 1 : 0;
        }
    }

    std::vector<kernels::optimizer::Parameter> with_gradients() {
        std::vector<kernels::optimizer::Parameter> all;
        for (std::size_t i = 0; i < tensors_.size(); ++i) {
            const at::Tensor gradient = tensors_.gradient(i);
            if (!gradient.defined()) continue;
            all.push_back({numbers_of(tensors_.value(i)).data(), numbers_of(gradient).data(), numbers_of(tensors_.first_moment(i)).data(),
                           numbers_of(tensors_.second_moment(i)).data(), gradient.numel()});
        }
        return all;
    }

    template <class T, class LogitsOf>
    void score(const char* what, const ImageSet& images, std::span<const std::int64_t> samples, std::span<T> out,
               const LogitsOf& logits_of_batch) const {
        guarded<NoHistory>(what, [&] {
            at::set_num_threads(form_.threads);
            require_samples(images);
            for (const std::int64_t sample : samples) require_sample(images, sample);
            for (std::size_t begin = 0; begin < samples.size(); begin += scored_at_once) {
                const auto count = std::min<std::size_t>(scored_at_once, samples.size() - begin);
                const at::Tensor batch = batch_of(images, static_cast<std::int64_t>(count),
                                                  [&](std::int64_t i) { return samples[begin + static_cast<std::size_t>(i)]; });
                const at::Tensor logits_NK = logits_of_batch(batch).to(c10::CppTypeToScalarType<T>::value).contiguous();
                const auto classes = static_cast<std::size_t>(form_.classes);
                std::copy_n(logits_NK.template const_data_ptr<T>(), count * classes, out.subspan(begin * classes).begin());
            }
        });
    }

    static std::vector<float> copy_of(const at::Tensor& tensor) {
        const at::Tensor flat = tensor.detach().to(at::kFloat).contiguous();
        return {flat.const_data_ptr<float>(), flat.const_data_ptr<float>() + flat.numel()};
    }

    ImageClassifierForm form_;
    double rate_;
    ByteTable bytes_;
    ImageTensors tensors_;
    ImageNetwork network_;
    PlateauState plateau_;
    std::int64_t steps_ = 0;
    std::int64_t epochs_ = 0;
};

}  // namespace

std::unique_ptr<ImageClassifier> make_image_classifier(const ImageClassifierForm& form) {
    return guarded<NoHistory>("making an image classifier", [&] {
        at::set_num_threads(std::max(1, form.threads));
        return std::make_unique<Classifier>(form);
    });
}

}  // namespace plumb::nn
