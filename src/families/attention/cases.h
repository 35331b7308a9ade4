// SPDX-License-Identifier: Apache-2.0
// Inputs and what their outputs must be: made once per problem and shared by the implementations that are measured together.
// Legend: B batch, H heads, N queries, M keys, D head_dim, E value_dim, S queries that are checked against fp64.
#pragma once
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "kernels/attention/inputs.h"

namespace plumb::families::attention {

/// One try: inputs, and the references for the S queries that are checked (all of them unless that would take minutes).
struct Case {
    kernels::attention::Inputs inputs;
    std::vector<std::int64_t> checked_queries;  ///< S indices, ascending, the same in every head and record
    kernels::attention::Inputs checked_inputs;  ///< q and mask of those queries (mask made explicit); k and v are borrowed from inputs
    kernels::attention::Problem checked_problem;
    std::vector<double> reference_BSHE;  ///< fp64
    std::vector<float> plain_BSHE;       ///< plain fp32, the yardstick
    std::vector<bool> hidden_BN;         ///< queries without a visible key
    std::vector<float> slow_BNHE;        ///< output of the loop, made on demand; empty where it would take too long or LibTorch is missing
    std::vector<float> other_BNHE;       ///< output of another implementation for the whole output, made on demand
    std::string other_name;

    /// Copies the checked queries out of a whole output.
    std::vector<float> checked_part(const std::vector<float>& out_BNHE) const;
};

struct CaseKey {
    kernels::attention::Shape shape;
    kernels::attention::MaskKind mask = kernels::attention::MaskKind::none;
    kernels::attention::Layout layout = kernels::attention::Layout::bnhd;
    std::string distribution;
    std::uint64_t seed = 0;

    std::string text() const;
};

/// The tries of one problem. Cases that fit into the memory budget are kept, the others are made again when asked for.
class CaseSet {
  public:
    /// The one that a living trial of this process already uses, else a new one.
    static std::shared_ptr<CaseSet> shared(const CaseKey& key);

    explicit CaseSet(CaseKey key);
    std::shared_ptr<Case> at(std::size_t index);
    /// How many of `tries` are kept in memory: those are the ones that can be timed.
    std::size_t kept(std::size_t tries) const;

  private:
    CaseKey key_;
    std::size_t capacity_;
    std::vector<std::shared_ptr<Case>> cases_;
};

/// Fills `slow_BNHE` by the loop form where that is affordable. Returns whether it is there.
bool ensure_slow_output(Case& prepared);
/// Fills `other_BNHE`: LibTorch's kernel for plumb's own implementations, plumb's fused one for LibTorch's forms. Returns whether it is
/// there.
bool ensure_other_output(Case& prepared, const std::string& implementation);

}  // namespace plumb::families::attention
