// SPDX-License-Identifier: Apache-2.0
// One implementation bound to one problem: plumb's kernels and LibTorch's forms behind the same two calls.
#pragma once
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "kernels/attention/attention.h"

namespace plumb::families::attention {

class Executor {
  public:
    virtual ~Executor() = default;
    virtual void forward() = 0;
    /// The last output, B x N x H x E contiguous, widened to fp32.
    virtual void copy_output(std::span<float> out_BNHE) const = 0;
    /// B x H x N, of a run of its own; empty where the implementation gives none, or where there is none.
    virtual std::vector<float> log_sum_exps() const { return {}; }
};

/// Every implementation that `impl=` takes: LibTorch's forms first (also when built without it: they then answer with the reason), then
/// plumb's.
std::vector<std::string> implementation_names();
bool is_plumbs_own(const std::string& name);
/// Throws Error{unsupported} with the reason. `isa` is "best" or a name of kernels/isa.h; LibTorch's forms ignore it.
std::unique_ptr<Executor> make_executor(const std::string& name, const std::string& isa, const kernels::attention::Problem& problem);

}  // namespace plumb::families::attention
