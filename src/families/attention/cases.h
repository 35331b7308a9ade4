// SPDX-License-Identifier: Apache-2.0
// Inputs and what their outputs must be: made once per problem and shared by the implementations that are measured together.
// Legend: B batch, H heads, N queries, M keys, D head_dim, E value_dim, S queries that are checked against fp64.
#pragma once
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "families/attention/gradient_case.h"
#include "families/attention/problem_file.h"
#include "kernels/attention/inputs.h"

namespace plumb::families::attention {

/// One try: a problem, and the references for the S queries that are checked (all of them unless that would take minutes).
struct Case {
    kernels::attention::Inputs inputs;        ///< generated; empty where the problem came from a file
    std::shared_ptr<const FileProblem> file;  ///< null where it was generated
    kernels::attention::Problem problem;      ///< borrows from one of the two; one thread
    std::vector<std::int64_t> checked_queries;
    kernels::attention::Inputs checked_inputs;  ///< owns q, mask and bias of the checked problem
    kernels::attention::Problem checked_problem;
    std::vector<double> reference_BSHE;     ///< fp64
    std::vector<double> reference_lse_BHS;  ///< fp64
    std::vector<float> plain_BSHE;          ///< plain fp32, the yardstick
    std::vector<float> plain_lse_BHS;
    std::vector<float> stored_BSHE;  ///< plain, intermediates rounded to the type; made on demand
    std::vector<bool> hidden_BN;     ///< queries without a visible key
    std::vector<float> slow_BNHE;    ///< output of the loop, made on demand; empty where it would take too long or LibTorch is missing
    std::vector<float> other_BNHE;   ///< output of another implementation for the whole output, made on demand
    std::string other_name;
    std::unique_ptr<GradientCase> gradients;  ///< where the backward pass is wanted

    /// What an implementation may be twice as wrong as. LibTorch's forms keep scores and probabilities in the type of their inputs, so for
    /// 16 bits theirs is the plain form that does the same.
    const std::vector<float>& yardstick(const std::string& implementation);
    /// Copies the checked queries out of a whole output.
    std::vector<float> checked_part(const std::vector<float>& out_BNHE) const;
};

struct CaseKey {
    kernels::attention::Shape shape;
    kernels::attention::InputOptions options;
    std::string distribution;
    std::string file;  ///< a problem from this file; shape, type and bias are then what it says
    float scale = 0;
    bool backward = false;  ///< gradients are wanted: d_out is there, the forward pass has run
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
