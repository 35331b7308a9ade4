// SPDX-License-Identifier: Apache-2.0
#include "families/attention/executor.h"

#include <algorithm>

#include "base/error.h"
#include "families/attention/isa_choice.h"
#include "kernels/attention/implementations.h"
#include "nn/attention_peers.h"

namespace plumb::families::attention {

namespace {

using kernels::attention::Implementation;
using kernels::attention::Problem;

std::vector<float> log_sum_exps_of(std::string_view name, const Problem& problem) {
    const kernels::attention::Shape& s = problem.shape;
    std::vector<float> lse_BHN(static_cast<std::size_t>(s.batch * s.heads * s.queries));
    const auto outputs = static_cast<std::size_t>(kernels::attention::output_size(s));
    if (name == "fused") {
        base::Numbers out(problem.dtype, outputs);
        kernels::attention::fused(problem, out.data(), kernels::attention::strides_bnhd(s.queries, s.heads, s.value_dim), lse_BHN.data());
    } else if (name == "plain") {
        std::vector<float> out(outputs);
        kernels::attention::plain(problem, out, lse_BHN);
    } else if (name == "reference") {
        std::vector<double> out(outputs), exact(lse_BHN.size());
        kernels::attention::reference(problem, out, exact);
        std::ranges::transform(exact, lse_BHN.begin(), [](double number) { return static_cast<float>(number); });
    } else {
        return {};
    }
    return lse_BHN;
}

class KernelExecutor final : public Executor {
  public:
    KernelExecutor(const Implementation& implementation, const IsaChoice& isa, const Problem& problem)
        : implementation_(implementation),
          isa_(isa),
          problem_(problem),
          out_(problem.dtype, static_cast<std::size_t>(kernels::attention::output_size(problem.shape))) {}

    void forward() override {
        isa_.apply();
        implementation_.run(problem_, out_.bytes());
    }
    void copy_output(std::span<float> out_BNHE) const override { std::ranges::copy(out_.widened(), out_BNHE.begin()); }
    std::vector<float> log_sum_exps() const override {
        isa_.apply();
        return log_sum_exps_of(implementation_.name, problem_);
    }

  private:
    const Implementation& implementation_;
    IsaChoice isa_;
    Problem problem_;
    base::Numbers out_;
};

class PeerExecutor final : public Executor {
  public:
    PeerExecutor(const std::string& name, const Problem& problem) : peer_(nn::make_attention_peer(name, problem)) {}

    void forward() override { peer_->forward(); }
    void copy_output(std::span<float> out_BNHE) const override { peer_->copy_output(out_BNHE); }

  private:
    std::unique_ptr<nn::AttentionPeer> peer_;
};

const Implementation* own_implementation(const std::string& name) {
    const auto table = kernels::attention::implementations();
    const auto found = std::find_if(table.begin(), table.end(), [&](const Implementation& entry) { return entry.name == name; });
    return found == table.end() ? nullptr : &*found;
}

}  // namespace

std::vector<std::string> implementation_names() {
    // Named here and not asked of nn, so that a study reads the same in a build without LibTorch.
    std::vector<std::string> names = {"loop", "broadcast", "einsum", "einsum-direct", "sdpa"};
    for (const Implementation& entry : kernels::attention::implementations()) names.emplace_back(entry.name);
    return names;
}

bool is_plumbs_own(const std::string& name) {
    return own_implementation(name) != nullptr;
}

std::unique_ptr<Executor> make_executor(const std::string& name, const std::string& isa, const Problem& problem) {
    const Implementation* own = own_implementation(name);
    const std::string reason = own ? own->why_not(problem) : nn::why_not(name, problem);
    if (!reason.empty()) throw base::Error(base::ErrorKind::unsupported, "impl " + name + ": " + reason);
    if (!own) return std::make_unique<PeerExecutor>(name, problem);
    return std::make_unique<KernelExecutor>(*own, IsaChoice(isa), problem);
}

}  // namespace plumb::families::attention
