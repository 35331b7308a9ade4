// SPDX-License-Identifier: Apache-2.0
// Interpolated Kneser-Ney: the n-gram model that every neural model must beat, and cannot beat by much without having seen the answer.
// Kneser, Ney, "Improved backing-off for m-gram language modeling", 1995; interpolated as in Chen, Goodman, "An empirical study of
// smoothing techniques for language modeling", 1998, section 2.7, with one discount an order.
//
//   p_k(w | c) = (max(n_k(c w) - D_k, 0) + D_k d_k(c) p_{k-1}(w | c without its first id)) / N_k(c),   p_0 = 1 / vocabulary
//
// with n_k how often c w occurs (k = order) or after how many different ids it occurs (k < order), N_k(c) the sum of n_k(c w) over w,
// d_k(c) how many w have n_k(c w) > 0, D_k = t1 / (t1 + 2 t2) with t1 and t2 how many k-grams have n_k = 1 and 2. Where c never occurred,
// p_k is p_{k-1}. The training ids are one stream: n-grams go across lines, and nothing stands before the first id.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "families/language/byte_pairs.h"
#include "families/language/ngram_table.h"

namespace plumb::families::language {

inline constexpr int highest_order = 8;

class KneserNey {
  public:
    /// Counts `train`. Ids are below `vocabulary`; order 1 to highest_order. Throws usage otherwise.
    KneserNey(std::span<const Id> train, std::size_t vocabulary, int order);

    int order() const { return order_; }
    std::size_t vocabulary() const { return vocabulary_; }
    /// D_k, `k` from 1 to order(). 0.5 where no k-gram has n_k = 1.
    double discount(int k) const { return orders_[static_cast<std::size_t>(k)].discount; }
    /// Different k-grams of the training ids.
    std::size_t ngrams(int k) const { return orders_[static_cast<std::size_t>(k)].table.size(); }
    std::size_t bytes() const;

    /// out[t] = ln p(stream[t] | the ids before it). Every number is a function of stream[0..t] alone, whatever the number of threads.
    void score(std::span<const Id> stream, std::span<double> out, int threads = 1) const;
    /// p(w | context) for every id w, summed up to 1. The last order() - 1 ids of the context count.
    std::vector<double> distribution(std::span<const Id> context) const;

  private:
    struct Context {
        std::uint32_t total = 0;     ///< N_k
        std::uint32_t distinct = 0;  ///< d_k
    };
    struct Order {
        NgramTable table;
        std::vector<std::uint32_t> counts;  ///< n_k by number
        std::vector<Context> contexts;      ///< by the number of the context, a (k - 1)-gram
        double discount = 0.5;
    };
    /// State::last[k]: the number of the k-gram that ends with the id before; last[0] is the empty one.
    struct State {
        std::uint32_t last[highest_order + 1];
    };
    State start() const;
    /// p(next | state), and the state behind `next`.
    double step(State& state, Id next) const;
    /// The state behind a stream of which the last order() - 1 ids count.
    State behind(std::span<const Id> stream) const;
    void score_part(std::span<const Id> stream, std::size_t begin, std::size_t end, std::span<double> out) const;
    void count(std::span<const Id> train);
    void sum_contexts(int k);

    std::size_t vocabulary_;
    int order_;
    std::vector<Order> orders_;  ///< by k; orders_[0] is empty
};

}  // namespace plumb::families::language
