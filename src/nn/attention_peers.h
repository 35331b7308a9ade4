// SPDX-License-Identifier: Apache-2.0
// Attention as LibTorch users write it: the ladder of the notebook and LibTorch's own kernel, behind a header without torch.
// Stages: queries (N,D), heads (N,H,D), batch (B,N,H,D); a stage is a Problem with H = 1 and B = 1, B = 1, or all free.
#pragma once
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "kernels/attention/attention.h"

namespace plumb::nn {

/// One implementation bound to one problem; inputs are borrowed without copying and must outlive it.
class AttentionPeer {
  public:
    virtual ~AttentionPeer() = default;
    /// Computes the output as a tensor of LibTorch's own, as a user of LibTorch would get it, on the problem's number of threads
    /// (LibTorch counts them per calling thread, so each call sets them). Throws failed with LibTorch's message.
    virtual void forward() = 0;
    /// The last output, copied to B x N x H x E contiguous and widened to fp32. Rows without a visible key are as LibTorch gives them (NaN
    /// for most forms).
    virtual void copy_output(std::span<float> out_BNHE) const = 0;
};

/// "loop" (a query at a time, a head at a time, a record at a time), "broadcast" (matmul over leading axes), "einsum" (permuted, then
/// einsum), "einsum-direct" (einsum on the given layout), "sdpa" (scaled_dot_product_attention). All compute in the problem's type, as
/// LibTorch does for tensors of it, and take grouped key heads: sdpa by enable_gqa, the others repeat them in every call.
std::vector<std::string> attention_peers();
/// Empty text when `name` can do the problem, else the reason.
std::string why_not(const std::string& name, const kernels::attention::Problem& problem);
std::unique_ptr<AttentionPeer> make_attention_peer(const std::string& name, const kernels::attention::Problem& problem);
/// Threads that LibTorch uses for calls from this thread from now on. Throws usage below 1.
void set_torch_threads(int threads);
/// "2.15.0"; empty when built without it.
std::string torch_version();

}  // namespace plumb::nn
