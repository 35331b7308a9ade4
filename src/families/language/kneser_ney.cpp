// SPDX-License-Identifier: Apache-2.0
#include "families/language/kneser_ney.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <thread>

#include "base/error.h"

namespace plumb::families::language {

namespace {

constexpr std::uint32_t root = 0;

void require_sound(std::span<const Id> train, std::size_t vocabulary, int order) {
    if (order < 1 || order > highest_order) {
        throw base::Error(base::ErrorKind::usage, "order " + std::to_string(order) + " of n-grams",
                          "allowed: 1 to " + std::to_string(highest_order));
    }
    const auto high = std::ranges::find_if(train, [vocabulary](Id id) { return id >= vocabulary; });
    if (train.empty() || high != train.end()) {
        throw base::Error(
            base::ErrorKind::usage,
            train.empty() ? "no id to count" : "id " + std::to_string(*high) + " in a vocabulary of " + std::to_string(vocabulary),
            "give at least one id, all below the vocabulary's size");
    }
}

}  // namespace

KneserNey::KneserNey(std::span<const Id> train, std::size_t vocabulary, int order)
    : vocabulary_(vocabulary), order_(order), orders_(static_cast<std::size_t>(std::clamp(order, 0, highest_order)) + 1) {
    require_sound(train, vocabulary, order);
    count(train);
    for (int k = 1; k <= order; ++k) sum_contexts(k);
}

void KneserNey::count(std::span<const Id> train) {
    // ends[t]: the number of the (k - 1)-gram that ends with train[t]; k-grams are made of it and the id behind.
    std::vector<std::uint32_t> ends(train.size(), root);
    std::vector<std::uint32_t> longer(train.size(), no_ngram);
    for (std::size_t k = 1; k <= static_cast<std::size_t>(order_); ++k) {
        Order& order = orders_[k];
        const bool highest = k == static_cast<std::size_t>(order_);
        constexpr std::size_t ahead = 16;
        const auto parent = [&](std::size_t t) { return k == 1 ? root : ends[t - 1]; };
        for (std::size_t t = k - 1; t < train.size(); ++t) {
            if (t + ahead < train.size()) order.table.prefetch(parent(t + ahead), train[t + ahead]);
            const std::size_t known = order.table.size();
            const std::uint32_t number = order.table.add(parent(t), train[t]);
            if (order.table.size() > known) {
                order.counts.push_back(0);
                // A k-gram seen for the first time is one more id before its last k - 1 ids.
                if (k > 1) ++orders_[k - 1].counts[ends[t]];
            }
            if (highest) ++order.counts[number];
            longer[t] = number;
        }
        ends.swap(longer);
    }
}

void KneserNey::sum_contexts(int k) {
    Order& order = orders_[static_cast<std::size_t>(k)];
    order.contexts.resize(k == 1 ? 1 : orders_[static_cast<std::size_t>(k) - 1].table.size());
    std::uint64_t once = 0;
    std::uint64_t twice = 0;
    order.table.for_each([&](std::uint32_t parent, std::uint32_t number) {
        const std::uint32_t count = order.counts[number];
        Context& context = order.contexts[parent];
        context.total += count;
        context.distinct += count > 0;
        once += count == 1;
        twice += count == 2;
    });
    // Without a discount an id that never followed would have no chance at all.
    if (once > 0) order.discount = static_cast<double>(once) / static_cast<double>(once + 2 * twice);
}

std::size_t KneserNey::bytes() const {
    std::size_t sum = 0;
    for (const Order& order : orders_)
        sum += order.table.bytes() + order.counts.capacity() * sizeof(std::uint32_t) + order.contexts.capacity() * sizeof(Context);
    return sum;
}

KneserNey::State KneserNey::start() const {
    State state{};
    std::ranges::fill(state.last, no_ngram);
    state.last[0] = root;
    return state;
}

double KneserNey::step(State& state, Id next) const {
    State behind = start();
    double p = 1.0 / static_cast<double>(vocabulary_);
    // A context that never occurred has no longer ones that did.
    for (std::size_t k = 1; k <= static_cast<std::size_t>(order_) && state.last[k - 1] != no_ngram; ++k) {
        const Order& order = orders_[k];
        const Context& context = order.contexts[state.last[k - 1]];
        const std::uint32_t number = order.table.find(state.last[k - 1], next);
        behind.last[k] = number;
        if (context.total == 0) continue;
        const double count = number == no_ngram ? 0 : order.counts[number];
        const double kept = std::max(count - order.discount, 0.0);
        p = (kept + order.discount * context.distinct * p) / context.total;
    }
    behind.last[order_] = no_ngram;
    state = behind;
    return p;
}

KneserNey::State KneserNey::behind(std::span<const Id> stream) const {
    State state = start();
    const std::size_t counting = std::min(stream.size(), static_cast<std::size_t>(order_) - 1);
    for (const Id id : stream.last(counting)) step(state, id);
    return state;
}

void KneserNey::score_part(std::span<const Id> stream, std::size_t begin, std::size_t end, std::span<double> out) const {
    State state = behind(stream.first(begin));
    for (std::size_t t = begin; t < end; ++t) out[t] = std::log(step(state, stream[t]));
}

void KneserNey::score(std::span<const Id> stream, std::span<double> out, int threads) const {
    const auto parts = static_cast<std::size_t>(std::max(threads, 1));
    std::vector<std::jthread> workers;
    for (std::size_t part = 0; part < parts; ++part) {
        const std::size_t begin = stream.size() * part / parts;
        const std::size_t end = stream.size() * (part + 1) / parts;
        if (part + 1 == parts)
            score_part(stream, begin, end, out);
        else
            workers.emplace_back([this, stream, begin, end, out] { score_part(stream, begin, end, out); });
    }
}

std::vector<double> KneserNey::distribution(std::span<const Id> context) const {
    const State state = behind(context);
    std::vector<double> p(vocabulary_);
    for (std::size_t id = 0; id < vocabulary_; ++id) {
        State copy = state;
        p[id] = step(copy, static_cast<Id>(id));
    }
    return p;
}

}  // namespace plumb::families::language
