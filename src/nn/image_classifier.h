// SPDX-License-Identifier: Apache-2.0
// A classifier of images with its optimizer and its falling rate: epochs of training, scores, and its state as a file. An epoch is a
// function of the state, the examples and (seed, epochs done): a classifier that loads what another saved goes on to the same bits, on the
// same machine with the same number of threads.
//
// Networks are those of image_layout.h, initialised as torchvision does from counter-based random numbers keyed by (seed, name of the
// tensor). Images are uint8 crops; a byte becomes b / 255 as ToTensor has it. The loss of a batch is the sum of weight x -ln p(label) over
// its samples by their number. Batch norms move their running mean and (unbiased) variance by a tenth of each batch's.
#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/dtype.h"
#include "kernels/optimizer/optimizer.h"
#include "nn/image_batches.h"
#include "nn/plateau.h"

namespace plumb::nn {

struct ImageClassifierForm {
    std::string network = "resnet18";  ///< cnn, resnet18, resnet50
    std::int64_t classes = 2;
    kernels::optimizer::Form optimizer{.rule = kernels::optimizer::Rule::momentum};
    double rate = 1e-3;
    PlateauForm plateau;
    std::int64_t batch = 64;
    bool imagenet = false;  ///< less ImageNet's mean, by its deviation: what weights trained on it expect
    /// fp32; bf16: convolutions and the linear layer in bf16 as LibTorch's autocast has it, all weights and moments fp32.
    base::Dtype precision = base::Dtype::fp32;
    std::uint64_t seed = 0;
    int threads = 1;
};

struct ImageExample {
    std::int64_t sample = 0;  ///< of the ImageSet
    std::int32_t label = 0;
    float weight = 1;  ///< in the loss; of pseudo-labels less, where they are trusted less
};

struct EpochReport {
    std::int64_t epoch = 0;  ///< epochs done, this one counted
    double loss = 0;         ///< mean of -ln p(label) weighted by the examples' weights, each before its batch's update
    double accuracy = 0;     ///< of the same predictions, every example counted once
    double rate = 0;         ///< of this epoch
};

class ImageClassifier {
  public:
    virtual ~ImageClassifier() = default;

    /// Trained numbers.
    virtual std::int64_t parameters() const = 0;
    virtual std::int64_t steps() const = 0;
    virtual std::int64_t epochs() const = 0;
    virtual double rate() const = 0;
    /// How numbers are multiplied here: "fp32", or "bf16 (autocast), ..." with what this CPU has for it.
    virtual std::string arithmetic() const = 0;

    /// One pass over the examples in an order drawn for this epoch. Throws usage for examples that do not fit, failed where a loss is no
    /// number; what was learnt before that stays.
    virtual EpochReport epoch(const ImageSet& images, std::span<const ImageExample> examples) = 0;
    /// The loss on validation after an epoch, to the scheduler of this classifier alone.
    virtual void observe(double validation_loss) = 0;
    /// samples.size() x classes, by the running means and variances.
    virtual void scores(const ImageSet& images, std::span<const std::int64_t> samples, std::span<float> logits) = 0;
    /// The same in fp64 by other loops: what scores() are checked against.
    virtual void reference_scores(const ImageSet& images, std::span<const std::int64_t> samples, std::span<double> logits) = 0;

    /// Tensors by name, in the order and the form of torchvision's state_dict(): to be looked at and changed by checks.
    virtual std::vector<std::string> names() const = 0;
    virtual std::vector<float> values(const std::string& name) const = 0;
    virtual void set_values(const std::string& name, std::span<const float> values) = 0;
    struct Slope {
        double loss = 0;
        std::vector<float> gradient;  ///< empty of a tensor that is not trained
    };
    /// The loss of all examples as one batch and its gradient by a tensor; changes nothing.
    virtual Slope slope(const ImageSet& images, std::span<const ImageExample> examples, const std::string& name) = 0;

    /// Safetensors: state_dict()'s tensors under their names, "moment1/NAME" and "moment2/NAME"; metadata has epochs, steps, rate and
    /// scheduler, and what is given. The file appears whole or not at all.
    virtual void save(const std::filesystem::path& file, std::map<std::string, std::string> metadata = {}) const = 0;
    /// Takes over all of that; gives the metadata. Throws failed naming the first tensor that is missing or of another shape.
    virtual std::map<std::string, std::string> load(const std::filesystem::path& file) = 0;
    /// Takes over weights and running statistics of torchvision's names, from any safetensors file. "fc" of other classes stays as drawn;
    /// the answer says so, and is empty where all was taken.
    virtual std::string load_weights(const std::filesystem::path& file) = 0;
};

/// Throws usage for a form that contradicts itself, unsupported without LibTorch.
std::unique_ptr<ImageClassifier> make_image_classifier(const ImageClassifierForm& form);

/// Epochs until the classifier has done `epochs` altogether, those of a loaded state counted, or `after` says false: the place to score
/// validation, observe(), save() and stop early.
inline void fit(ImageClassifier& classifier, const ImageSet& images, std::span<const ImageExample> examples, std::int64_t epochs,
                const std::function<bool(const EpochReport&)>& after = {}) {
    while (classifier.epochs() < epochs) {
        const EpochReport report = classifier.epoch(images, examples);
        if (after && !after(report)) return;
    }
}

}  // namespace plumb::nn
