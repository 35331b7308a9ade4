// SPDX-License-Identifier: Apache-2.0
// What nn answers in a build with -DPLUMB_TORCH=OFF, in place of every other .cpp here: nothing is available, and that is the reason.
// To add a public function to nn: answer it here too.
#include "base/error.h"
#include "nn/attention_gradients.h"
#include "nn/attention_peers.h"
#include "nn/language_trainer.h"
#include "nn/linear_cross_entropy.h"
#include "nn/lstm_gradients.h"
#include "nn/optimizer_peer.h"
#include "nn/plain_image_loop.h"
#include "nn/plain_language_trainer.h"

namespace plumb::nn {

namespace {

constexpr const char* reason = "built without LibTorch";
constexpr const char* hint = "run deps/setup and build with -DPLUMB_TORCH=ON";

}  // namespace

std::vector<std::string> attention_peers() {
    return {};
}

std::string why_not(const std::string&, const kernels::attention::Problem&) {
    return reason;
}

std::unique_ptr<AttentionPeer> make_attention_peer(const std::string& name, const kernels::attention::Problem&) {
    throw base::Error(base::ErrorKind::unsupported, name + ": " + reason, hint);
}

std::vector<std::string> attention_gradient_names() {
    return {};
}

std::string why_no_gradients(const std::string&, const kernels::attention::Problem&) {
    return reason;
}

std::unique_ptr<AttentionGradients> make_attention_gradients(const std::string& name, const kernels::attention::Problem&, const void*,
                                                             const kernels::attention::Strides&) {
    throw base::Error(base::ErrorKind::unsupported, name + ": " + reason, hint);
}

std::unique_ptr<LanguageTrainer> make_language_trainer(const TrainerForm&, const GivenValues&) {
    throw base::Error(base::ErrorKind::unsupported, std::string("neural language models: ") + reason, hint);
}

std::vector<std::string> plain_loss_names() {
    return {};
}

std::unique_ptr<PlainLanguageTrainer> make_plain_language_trainer(const TrainerForm&, LanguageTrainer&, const std::string&, bool) {
    throw base::Error(base::ErrorKind::unsupported, std::string("the plain form: ") + reason, hint);
}

std::vector<std::string> loss_form_names() {
    return {};
}

std::unique_ptr<LossForm> make_loss_form(const std::string& name, const LossProblem&) {
    throw base::Error(base::ErrorKind::unsupported, name + ": " + reason, hint);
}

std::vector<std::string> lstm_gradient_names() {
    return {};
}

std::unique_ptr<LstmGradients> make_lstm_gradients(const std::string& name, const LstmProblem&) {
    throw base::Error(base::ErrorKind::unsupported, name + ": " + reason, hint);
}

std::unique_ptr<OptimizerPeer> make_optimizer_peer(const kernels::optimizer::Form&, std::span<const kernels::optimizer::Parameter>, int) {
    throw base::Error(base::ErrorKind::unsupported, std::string("fused optimizer: ") + reason, hint);
}

std::unique_ptr<ImageClassifier> make_image_classifier(const ImageClassifierForm& form) {
    throw base::Error(base::ErrorKind::unsupported, form.network + ": " + reason, hint);
}

std::unique_ptr<PlainImageLoop> make_plain_image_loop(const ImageClassifierForm&, const ImageClassifier&, const ImageSet&) {
    throw base::Error(base::ErrorKind::unsupported, std::string("the plain loop: ") + reason, hint);
}

void set_torch_threads(int) {}

std::string torch_version() {
    return {};
}

}  // namespace plumb::nn
