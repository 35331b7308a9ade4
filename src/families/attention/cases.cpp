// SPDX-License-Identifier: Apache-2.0
#include "families/attention/cases.h"

#include <algorithm>
#include <map>

#include "base/random.h"
#include "families/attention/executor.h"
#include "kernels/attention/masks.h"
#include "nn/attention_peers.h"

namespace plumb::families::attention {

namespace {

namespace ka = kernels::attention;

// Multiply-adds of the fp64 reference that one try may cost; about a second on one core. Above it queries are sampled.
constexpr double affordable_operations = 1.5e9;
constexpr std::int64_t fewest_checked_queries = 8;
// Queries over all heads and records that the loop form may go through one at a time; the notebook's batch stage has 8192.
constexpr std::int64_t affordable_loop_queries = 8192;
constexpr double memory_budget_bytes = 1.0e9;

std::vector<std::int64_t> choose_queries(const CaseKey& key) {
    const ka::Shape& shape = key.shape;
    const double per_query = 2.0 * static_cast<double>(shape.batch * shape.heads * std::max<std::int64_t>(shape.keys, 1)) *
                             static_cast<double>(shape.head_dim + shape.value_dim);
    const auto affordable = static_cast<std::int64_t>(affordable_operations / per_query);
    const std::int64_t count = std::clamp(affordable, std::min(fewest_checked_queries, shape.queries), shape.queries);
    std::vector<std::int64_t> queries(static_cast<std::size_t>(count));
    if (count == shape.queries) {
        for (std::int64_t query = 0; query < count; ++query) queries[static_cast<std::size_t>(query)] = query;
        return queries;
    }
    // One per stratum, so that no region of the output goes unseen; the ends are always among them.
    const base::RandomStream random(key.seed, "attention checked queries");
    for (std::int64_t stratum = 0; stratum < count; ++stratum) {
        const std::int64_t begin = shape.queries * stratum / count;
        const std::int64_t end = shape.queries * (stratum + 1) / count;
        queries[static_cast<std::size_t>(stratum)] =
            begin + static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(stratum), static_cast<std::uint64_t>(end - begin)));
    }
    queries.front() = 0;
    queries.back() = shape.queries - 1;
    return queries;
}

/// The checked queries as a problem of their own. Their mask is written out, because causality and windows depend on the place of the
/// query.
void make_checked_problem(Case& made) {
    const ka::Problem whole = made.inputs.problem();
    const ka::Shape& shape = whole.shape;
    const auto count = static_cast<std::int64_t>(made.checked_queries.size());
    ka::Inputs& checked = made.checked_inputs;
    checked.shape = shape;
    checked.shape.queries = count;
    checked.dtype = whole.dtype;
    checked.mask_kind = made.inputs.mask_kind == ka::MaskKind::none ? ka::MaskKind::none : ka::MaskKind::boolean;
    const ka::Strides target = ka::strides_bnhd(count, shape.heads, shape.head_dim);
    for (std::int64_t record = 0; record < shape.batch; ++record) {
        for (const std::int64_t query : made.checked_queries) {
            for (std::int64_t head = 0; head < shape.heads; ++head) {
                const std::int64_t source = record * whole.q_strides.batch + head * whole.q_strides.head + query * whole.q_strides.row;
                for (std::int64_t column = 0; column < shape.head_dim; ++column)
                    checked.q.push_back(base::load(whole.dtype, whole.q, source + column * whole.q_strides.column));
                const ka::Strides& by = whole.bias.strides;
                const std::int64_t bias = record * by.batch + head * by.head + query * by.row;
                for (std::int64_t key = 0; key < shape.keys && whole.bias.data != nullptr; ++key)
                    checked.bias.push_back(whole.bias.data[bias + key * by.column]);
            }
            if (checked.mask_kind != ka::MaskKind::boolean) continue;
            for (std::int64_t key = 0; key < shape.keys; ++key) checked.hidden.push_back(ka::is_hidden(whole, record, query, key));
        }
    }
    checked.store();
    made.checked_problem = whole;
    made.checked_problem.shape = checked.shape;
    made.checked_problem.q = whole.dtype == base::Dtype::fp32 ? checked.q.data() : checked.q_stored.data();
    made.checked_problem.q_strides = target;
    made.checked_problem.mask = {.kind = checked.mask_kind, .hidden = checked.hidden.data()};
    if (!checked.bias.empty()) made.checked_problem.bias = {checked.bias.data(), ka::strides_bnhd(count, shape.heads, shape.keys)};
}

void find_hidden_queries(Case& made) {
    const ka::Problem problem = made.inputs.problem();
    const ka::Shape& shape = problem.shape;
    made.hidden_BN.resize(static_cast<std::size_t>(shape.batch * shape.queries));
    for (std::int64_t record = 0; record < shape.batch; ++record) {
        for (std::int64_t query = 0; query < shape.queries; ++query) {
            made.hidden_BN[static_cast<std::size_t>(record * shape.queries + query)] = ka::fully_hidden(problem, record, query);
        }
    }
}

std::shared_ptr<Case> make_case(const CaseKey& key, std::size_t index) {
    auto made = std::make_shared<Case>();
    const std::uint64_t seed = base::RandomStream(key.seed, "attention try").bits(index);
    made->inputs = ka::make_inputs(key.shape, key.mask, key.distribution, seed, key.layout);
    made->checked_queries = choose_queries(key);
    make_checked_problem(*made);
    find_hidden_queries(*made);
    const ka::Shape& checked = made->checked_problem.shape;
    const auto outputs = static_cast<std::size_t>(checked.batch * checked.queries * checked.heads * checked.value_dim);
    made->reference_BSHE.resize(outputs);
    made->plain_BSHE.resize(outputs);
    ka::reference(made->checked_problem, made->reference_BSHE);
    ka::plain(made->checked_problem, made->plain_BSHE);
    return made;
}

std::vector<float> output_of(const std::string& implementation, const ka::Problem& problem) {
    const auto executor = make_executor(implementation, "best", problem);
    const ka::Shape& shape = problem.shape;
    std::vector<float> out(static_cast<std::size_t>(shape.batch * shape.queries * shape.heads * shape.value_dim));
    executor->forward();
    executor->copy_output(out);
    return out;
}

}  // namespace

std::vector<float> Case::checked_part(const std::vector<float>& out_BNHE) const {
    const ka::Shape& shape = inputs.shape;
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
    std::string joined = distribution;
    for (const std::int64_t number :
         {shape.batch, shape.heads, shape.queries, shape.keys, shape.head_dim, shape.value_dim, static_cast<std::int64_t>(mask),
          static_cast<std::int64_t>(layout), static_cast<std::int64_t>(seed)}) {
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
    const double numbers = rows * static_cast<double>(shape.queries * (shape.head_dim + 5 * shape.value_dim) +
                                                      shape.keys * (shape.head_dim + shape.value_dim));
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
    const ka::Shape& shape = prepared.inputs.shape;
    if (!prepared.slow_BNHE.empty()) return true;
    if (shape.batch * shape.heads * shape.queries > affordable_loop_queries) return false;
    const ka::Problem problem = prepared.inputs.problem();
    if (!nn::why_not("loop", problem).empty()) return false;
    prepared.slow_BNHE = output_of("loop", problem);
    return true;
}

bool ensure_other_output(Case& prepared, const std::string& implementation) {
    const std::string wanted = is_plumbs_own(implementation) ? "sdpa" : "fused";
    if (prepared.other_name == wanted) return true;
    const ka::Problem problem = prepared.inputs.problem();
    if (wanted == "sdpa" && !nn::why_not("sdpa", problem).empty()) return false;
    prepared.other_BNHE = output_of(wanted, problem);
    prepared.other_name = wanted;
    return true;
}

}  // namespace plumb::families::attention
