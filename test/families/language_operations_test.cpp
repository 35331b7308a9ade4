// SPDX-License-Identifier: Apache-2.0
// Operations of a step against sums done by hand for the notebook's models.
#include "families/language/operations.h"

#include <gtest/gtest.h>

namespace plumb::families::language {
namespace {

constexpr double mega = 1e6;

nn::LanguageForm notebook_form(nn::Architecture architecture, std::int64_t layers, bool trained) {
    nn::LanguageForm form;
    form.architecture = architecture;
    form.layers = layers;
    form.train_embeddings = trained;
    return form;
}

/// An id of a batch of 16 x 256 that are all predicted.
double an_id(const nn::LanguageForm& form) {
    return training_operations(form, 16, 256, 16 * 256) / (16 * 256);
}

TEST(LanguageOperations, OfTheNotebooksModelsAreTheKnownOnes) {
    // Forward 768 x 2048 + 512 x 2048 + 512 x 768 + 768 x 40479 multiply-adds; backward all but the gradients by frozen embeddings.
    EXPECT_NEAR(an_id(notebook_form(nn::Architecture::lstm, 1, false)), 139.3 * mega, 0.1 * mega);
    EXPECT_NEAR(an_id(notebook_form(nn::Architecture::lstm, 2, false)), 151.9 * mega, 0.1 * mega);
    EXPECT_NEAR(an_id(notebook_form(nn::Architecture::lstm, 4, false)), 177.0 * mega, 0.1 * mega);
    // A block has 12 x 768 x 768 weights and 2 x 768 x 128.5 for scores and values; the first needs no gradient by frozen embeddings.
    EXPECT_NEAR(an_id(notebook_form(nn::Architecture::gpt1, 1, false)), 164.5 * mega, 0.1 * mega);
    EXPECT_NEAR(an_id(notebook_form(nn::Architecture::gpt1, 2, false)), 208.1 * mega, 0.1 * mega);
}

TEST(LanguageOperations, LearningEmbeddingsAddsTheirGradients) {
    const double output = 2 * 40479.0 * 768;
    EXPECT_NEAR(an_id(notebook_form(nn::Architecture::lstm, 1, true)) - an_id(notebook_form(nn::Architecture::lstm, 1, false)),
                output + 2 * 768.0 * 2048, 1);
    EXPECT_NEAR(an_id(notebook_form(nn::Architecture::gpt1, 1, true)) - an_id(notebook_form(nn::Architecture::gpt1, 1, false)),
                output + 2 * 768.0 * 3 * 768, 1);
}

TEST(LanguageOperations, PlacesWithoutATargetSpareTheOutputLayerAlone) {
    const nn::LanguageForm form = notebook_form(nn::Architecture::lstm, 1, false);
    EXPECT_NEAR(training_operations(form, 2, 100, 200) - training_operations(form, 2, 100, 150), 50 * 4 * 40479.0 * 768, 1);
}

TEST(LanguageOperations, APlaceSeesHalfOfItsSequenceBehindAMask) {
    nn::LanguageForm causal = notebook_form(nn::Architecture::gpt1, 1, false), open = causal;
    open.causal = false;
    EXPECT_NEAR(training_operations(open, 1, 255, 255) - training_operations(causal, 1, 255, 255), 6 * 2 * 768.0 * 127 * 255, 1);
}

TEST(LanguageOperations, APeakIsMeasured) {
    EXPECT_GT(measure_peak(1), 1e8);
    EXPECT_LT(measure_peak(1), 1e12);
}

}  // namespace
}  // namespace plumb::families::language
