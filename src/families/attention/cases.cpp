// SPDX-License-Identifier: Apache-2.0
#include "families/attention/cases.h"

#include <algorithm>
#include <map>

#include "base/random.h"
#include "families/attention/checked_problem.h"
#include "families/attention/executor.h"
#include "kernels/attention/masks.h"
#include "kernels/attention/stored.h"
#include "nn/attention_peers.h"

namespace plumb::families::attention {

namespace {

namespace ka = kernels::attention;

// Queries over all heads and records that the loop form may go through one at a time; the notebook's batch stage has 8192.
constexpr std::int64_t affordable_loop_queries = 8192;
constexpr double memory_budget_bytes = 1.0e9;

void find_hidden_queries(Case& made) {
    const ka::Problem& problem = made.problem;
    const ka::Shape& shape = problem.shape;
    made.hidden_BN.resize(static_cast<std::size_t>(shape.batch * shape.queries));
    for (std::int64_t record = 0; record < shape.batch; ++record) {
        for (std::int64_t query = 0; query < shape.queries; ++query) {
            made.hidden_BN[static_cast<std::size_t>(record * shape.queries + query)] = ka::fully_hidden(problem, record, query);
        }
    }
}

void bring_in_problem(const CaseKey& key, std::size_t index, Case& made) {
    if (!key.file.empty()) {
        made.file = read_problem(key.file, key.options.layout,
                                 {.kind = key.options.mask, .left = key.options.left, .right = key.options.right}, key.scale);
        made.problem = made.file->problem;
        return;
    }
    const std::uint64_t seed = base::RandomStream(key.seed, "attention try").bits(index);
    made.inputs = ka::make_inputs(key.shape, key.options, key.distribution, seed);
    made.problem = made.inputs.problem();
    made.problem.scale = key.scale;
}

std::unique_ptr<GradientCase> make_gradient_case(const CaseKey& key, std::size_t index, const ka::Problem& problem) {
    std::optional<base::Tensor> dout;
    if (!key.file.empty()) dout = read_output_gradient(key.file, key.options.layout);
    const std::uint64_t seed = base::RandomStream(key.seed, "attention output gradient").bits(index);
    return std::make_unique<GradientCase>(problem, key.options.layout, std::move(dout), key.distribution, seed);
}

std::shared_ptr<Case> make_case(const CaseKey& key, std::size_t index) {
    auto made = std::make_shared<Case>();
    bring_in_problem(key, index, *made);
    if (key.backward) made->gradients = make_gradient_case(key, index, made->problem);
    made->checked_queries = choose_queries(made->problem.shape, key.seed);
    made->checked_problem = checked_problem(made->problem, made->checked_queries, made->checked_inputs);
    find_hidden_queries(*made);
    const ka::Shape& checked = made->checked_problem.shape;
    const auto outputs = static_cast<std::size_t>(ka::output_size(checked));
    made->reference_BSHE.resize(outputs);
    made->plain_BSHE.resize(outputs);
    made->reference_lse_BHS.resize(static_cast<std::size_t>(checked.batch * checked.heads * checked.queries));
    made->plain_lse_BHS.resize(made->reference_lse_BHS.size());
    ka::reference(made->checked_problem, made->reference_BSHE, made->reference_lse_BHS);
    ka::plain(made->checked_problem, made->plain_BSHE, made->plain_lse_BHS);
    return made;
}

std::vector<float> output_of(const std::string& implementation, const ka::Problem& problem) {
    const auto executor = make_executor(implementation, "best", problem);
    std::vector<float> out(static_cast<std::size_t>(ka::output_size(problem.shape)));
    executor->forward();
    executor->copy_output(out);
    return out;
}

}  // namespace

const std::vector<float>& Case::yardstick(const std::string& implementation) {
    if (problem.dtype == base::Dtype::fp32 || is_plumbs_own(implementation)) return plain_BSHE;
    if (stored_BSHE.empty()) {
        stored_BSHE.resize(plain_BSHE.size());
        ka::plain_stored(checked_problem, stored_BSHE);
    }
    return stored_BSHE;
}

std::vector<float> Case::checked_part(const std::vector<float>& out_BNHE) const {
    const ka::Shape& shape = problem.shape;
    const std::int64_t row_size = shape.heads * shape.value_dim;
    std::vector<float> part;
    part.reserve(reference_BSHE.size());
    for (std::int64_t record = 0; record < shape.batch; ++record) {
        for (const std::int64_t query : checked_queries) {
            const auto begin = out_BNHE.begin() + (record * shape.queries + query) * row_size;
            part.insert(part.end(), begin, begin + row_size);
        }
    }
    return part;
}

std::string CaseKey::text() const {
    std::string joined = distribution + ' ' + file + ' ' + std::to_string(scale);
    for (const std::int64_t number :
         {shape.batch, shape.heads, shape.queries, shape.keys, shape.head_dim, shape.value_dim, shape.key_heads,
          static_cast<std::int64_t>(options.mask), static_cast<std::int64_t>(options.layout), static_cast<std::int64_t>(options.dtype),
          options.left, options.right, static_cast<std::int64_t>(options.bias), static_cast<std::int64_t>(backward),
          static_cast<std::int64_t>(seed)}) {
        joined += ' ' + std::to_string(number);
    }
    return joined;
}

std::shared_ptr<CaseSet> CaseSet::shared(const CaseKey& key) {
    static std::map<std::string, std::weak_ptr<CaseSet>> living;
    std::erase_if(living, [](const auto& entry) { return entry.second.expired(); });
    std::weak_ptr<CaseSet>& place = living[key.text()];
    std::shared_ptr<CaseSet> set = place.lock();
    if (!set) place = set = std::make_shared<CaseSet>(key);
    return set;
}

CaseSet::CaseSet(CaseKey key) : key_(std::move(key)) {
    const ka::Shape& shape = key_.shape;
    const double rows = static_cast<double>(shape.batch * shape.heads);
    // The backward pass adds out and its gradient, and the exact, the implementation's and another's gradients.
    const double of_gradients =
        key_.backward ? rows * static_cast<double>(2 * shape.queries * shape.value_dim +
                                                   6 * (shape.queries * shape.head_dim + shape.keys * (shape.head_dim + shape.value_dim)))
                      : 0;
    const double numbers = of_gradients + rows * static_cast<double>(shape.queries * (shape.head_dim + 5 * shape.value_dim) +
                                                                     shape.keys * (shape.head_dim + shape.value_dim) +
                                                                     (key_.options.bias ? shape.queries * shape.keys : 0));
    capacity_ = static_cast<std::size_t>(std::max(1.0, memory_budget_bytes / (4 * numbers + 1)));
}

std::size_t CaseSet::kept(std::size_t tries) const {
    return std::min(tries, capacity_);
}

std::shared_ptr<Case> CaseSet::at(std::size_t index) {
    if (index >= capacity_) return make_case(key_, index);
    if (index >= cases_.size()) cases_.resize(index + 1);
    if (!cases_[index]) cases_[index] = make_case(key_, index);
    return cases_[index];
}

bool ensure_slow_output(Case& prepared) {
    const ka::Shape& shape = prepared.problem.shape;
    if (!prepared.slow_BNHE.empty()) return true;
    if (shape.batch * shape.heads * shape.queries > affordable_loop_queries) return false;
    const ka::Problem& problem = prepared.problem;
    if (!nn::why_not("loop", problem).empty()) return false;
    prepared.slow_BNHE = output_of("loop", problem);
    return true;
}

bool ensure_other_output(Case& prepared, const std::string& implementation) {
    const std::string wanted = is_plumbs_own(implementation) ? "sdpa" : "fused";
    if (prepared.other_name == wanted) return true;
    const ka::Problem& problem = prepared.problem;
    if (wanted == "sdpa" && !nn::why_not("sdpa", problem).empty()) return false;
    prepared.other_BNHE = output_of(wanted, problem);
    prepared.other_name = wanted;
    return true;
}

}  // namespace plumb::families::attention
