// SPDX-License-Identifier: Apache-2.0
#include "families/language/model_checks.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "base/random.h"

namespace plumb::families::language {

namespace {

/// Any id but padding.
Id random_id(const base::RandomStream& random, std::uint64_t index, std::size_t vocabulary) {
    return static_cast<Id>(1 + random.below(index, vocabulary - 1));
}

std::size_t count_different(std::span<const double> a, std::span<const double> b) {
    std::size_t different = a.size() == b.size() ? 0 : std::max(a.size(), b.size());
    for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i)
        different += std::bit_cast<std::uint64_t>(a[i]) != std::bit_cast<std::uint64_t>(b[i]);
    return different;
}

}  // namespace

std::vector<std::vector<Id>> sample_contexts(std::span<const Id> stream, std::size_t size, std::size_t vocabulary, int seen, int unseen,
                                             std::uint64_t seed) {
    const base::RandomStream places(seed, "language contexts");
    const base::RandomStream ids(seed, "language unseen contexts");
    const std::size_t length = std::min(size, stream.size());
    std::vector<std::vector<Id>> contexts;
    for (int i = 0; i < seen; ++i) {
        const auto part = stream.subspan(places.below(static_cast<std::uint64_t>(i), stream.size() - length + 1), length);
        contexts.emplace_back(part.begin(), part.end());
    }
    std::uint64_t next = 0;
    for (int i = 0; i < unseen; ++i) {
        std::vector<Id>& context = contexts.emplace_back(size);
        for (Id& id : context) id = random_id(ids, next++, vocabulary);
    }
    return contexts;
}

lab::Check check_sums(const Distribution& distribution, std::span<const std::vector<Id>> contexts, double bound) {
    double worst = 0;
    std::size_t ids = 0;
    for (const std::vector<Id>& context : contexts) {
        double sum = 0;
        const std::vector<double> p = distribution(context);
        for (const double each : p) sum += each >= 0 ? each : std::nan("");
        worst = std::isnan(sum) ? sum : std::max(worst, std::abs(sum - 1));
        if (std::isnan(worst)) break;
        ids = p.size();
    }
    return lab::at_most("probabilities add up to 1", "1",
                        "|sum over all ids - 1|, worst of " + std::to_string(contexts.size()) + " contexts", worst, bound, {},
                        "over " + std::to_string(ids) + " ids");
}

lab::Check check_causality(const Scorer& scorer, std::span<const Id> stream, std::size_t vocabulary, std::uint64_t seed) {
    const base::RandomStream places(seed, "language causality places");
    const base::RandomStream ids(seed, "language causality ids");
    const std::vector<double> before = scorer(stream);
    std::size_t changed_before = 0;
    std::size_t changed_behind = 0;
    std::uint64_t next = 0;
    for (std::uint64_t trial = 0; trial < 3 && stream.size() > 1; ++trial) {
        const std::size_t kept = 1 + places.below(trial, stream.size() - 1);
        std::vector<Id> altered(stream.begin(), stream.end());
        for (std::size_t t = kept; t < altered.size(); ++t) altered[t] = random_id(ids, next++, vocabulary);
        const std::vector<double> after = scorer(altered);
        changed_before += count_different(std::span(after).first(kept), std::span(before).first(kept));
        changed_behind += count_different(std::span(after).subspan(kept), std::span(before).subspan(kept));
    }
    const lab::Check check =
        lab::at_most("causality", "the same ids with others behind", "earlier log-probabilities that change in any bit",
                     static_cast<double>(changed_before), 0, {}, "the model sees ids that it is asked for");
    return changed_behind == 0 ? lab::mistrust(check, "no later number changes either: the ids do not count") : check;
}

lab::Check check_same_bits(std::string name, std::string reference, std::span<const double> got, std::span<const double> expected) {
    return lab::at_most(std::move(name), std::move(reference), "log-probabilities that differ in any bit",
                        static_cast<double>(count_different(got, expected)), 0);
}

}  // namespace plumb::families::language
