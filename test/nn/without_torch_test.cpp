// SPDX-License-Identifier: Apache-2.0
// A build without LibTorch offers nothing and says why; compiled only with -DPLUMB_TORCH=OFF.
#include <gtest/gtest.h>

#include "base/error.h"
#include "nn/attention_gradients.h"
#include "nn/attention_peers.h"
#include "nn/image_classifier.h"
#include "nn/language_trainer.h"
#include "nn/linear_cross_entropy.h"
#include "nn/lstm_gradients.h"
#include "nn/optimizer_peer.h"
#include "nn/plain_language_trainer.h"

namespace plumb::nn {

TEST(WithoutTorch, OffersNoPeerAndNoVersion) {
    EXPECT_TRUE(attention_peers().empty());
    EXPECT_TRUE(attention_gradient_names().empty());
    EXPECT_EQ(torch_version(), "");
}

TEST(WithoutTorch, EveryAnswerGivesTheReason) {
    EXPECT_EQ(why_not("sdpa", {}), "built without LibTorch");
    try {
        make_attention_peer("sdpa", {});
        FAIL() << "made a peer";
    } catch (const base::Error& error) {
        EXPECT_EQ(error.kind(), base::ErrorKind::unsupported);
        EXPECT_STREQ(error.what(), "sdpa: built without LibTorch");
        EXPECT_NE(error.hint().find("deps/setup"), std::string::npos);
    }
}

TEST(WithoutTorch, GradientsGiveTheReasonToo) {
    EXPECT_EQ(why_no_gradients("fused", {}), "built without LibTorch");
    EXPECT_THROW(make_attention_gradients("fused", {}, nullptr, {}), base::Error);
    EXPECT_TRUE(lstm_gradient_names().empty());
    EXPECT_THROW(make_lstm_gradients("plumb", {}), base::Error);
    EXPECT_THROW(make_optimizer_peer({}, {}, 1), base::Error);
}

TEST(WithoutTorch, ImageClassifiersGiveTheReasonToo) {
    EXPECT_THROW(make_image_classifier({}), base::Error);
}

TEST(WithoutTorch, TheLossGivesTheReasonToo) {
    EXPECT_TRUE(loss_form_names().empty());
    EXPECT_THROW(make_loss_form("fused", {}), base::Error);
}

TEST(WithoutTorch, LanguageModelsGiveTheReasonToo) {
    EXPECT_THROW(make_language_trainer({}), base::Error);
    EXPECT_TRUE(plain_loss_names().empty());
}

}  // namespace plumb::nn
