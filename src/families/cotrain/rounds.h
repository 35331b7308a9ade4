// SPDX-License-Identifier: Apache-2.0
// Co-training on one split, a round at a time: fit both views, score, evaluate, select, exchange, record. Blum and Mitchell, "Combining
// labeled and unlabeled data with co-training", COLT 1998; the notebook's form swaps the labels instead of sharing them.
// Round r evaluates models that saw r exchanges: round 0 is the labels alone, the last one is the final refit.
// To add an exchange: its name, its branch in SplitRun::exchange(), and a sentence in docs/cotrain.md.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "families/cotrain/collision.h"
#include "families/cotrain/learner.h"
#include "families/cotrain/probability.h"
#include "families/cotrain/selection.h"
#include "families/cotrain/split.h"

namespace plumb::families::cotrain {

enum class Exchange {
    swap,     ///< what a view picks, the other learns
    shared,   ///< both learn what either picks
    agree,    ///< swap, and only samples that both views give the same class
    weighted  ///< both learn what the views pick together, each weighted by its validated accuracy
};
enum class Training {
    scratch,  ///< fitted anew every round, pseudo-labels stay
    warm,     ///< fitted from the last round's parameters, pseudo-labels stay
    rechoose  ///< pseudo-labels are chosen anew from the whole pool every round, more each time
};

struct Options {
    SplitRequest split;
    LearnerOptions learner;
    std::int64_t components = 0;  ///< principal components that stand for the features; 0: the features as they are
    bool standardise = false;
    bool even = false;  ///< half-way to standardised
    Selection selection = Selection::quota;
    Exchange exchange = Exchange::swap;
    Training training = Training::scratch;
    Joint joint = Joint::product;
    bool notebook = false;            ///< raw outputs, and conflict removal as the notebook wrote it
    double take = 0.05;               ///< share of the first pool that a view picks in a round
    std::vector<std::int64_t> picks;  ///< of every class, for Selection::pool
    std::int64_t pool = 75;
    double floor = 0;
    std::int64_t rounds = 10;
    double pseudo_weight = 1;
    bool calibrate = true;
    double gate = 0;            ///< least lead of the validated accuracy over the majority class
    std::int64_t patience = 0;  ///< rounds without better validation that end the split; 0: none do
    bool restore = true;
    bool guard = true;
};

/// One pseudo-label: who gave it, how sure, what the other view said, what became of it.
struct LedgerRow {
    std::int64_t round = 0;
    std::int32_t view = 0;  ///< that picked it; 2: both together
    Sample sample = 0;
    std::int32_t label = 0;
    float probability = 0, margin = 0;
    std::int32_t other_label = 0;  ///< what the other view says; of a joint pick, the view that counts less
    float other_probability = 0;
    std::string fate;        ///< "kept", "conflict", "lost" (rule=notebook), "dropped" (training=rechoose)
    std::int64_t until = 0;  ///< round that dropped it
    bool operator==(const LedgerRow&) const = default;
};

struct RoundReport {
    std::int64_t round = 0;
    double temperature[2] = {1, 1};
    double test[3] = {0, 0, 0};        ///< accuracy of view 0, view 1, joint
    double validation[3] = {0, 0, 0};  ///< 0 where there is no validation
    double loss = 0;  ///< of the joint prediction on validation, nats; finer than its accuracy, and what rounds are compared by
    double ece_before = 0, ece_after = 0;
    double disagreement = 0;  ///< share of the pool that the views class differently
    std::int64_t pool = 0;
    // Of the selection that followed:
    std::int64_t picked[2] = {0, 0};
    std::int64_t collisions = 0;
    // Of the sets that this round's models were fitted on, both views together:
    std::vector<std::int64_t> labelled;  ///< by class, pseudo-labels and labels
    std::vector<std::int64_t> pseudo;    ///< by class given
    std::vector<std::int64_t> right;     ///< of those, by class given, where the truth is known and the same
    std::vector<std::int64_t> known;     ///< of those, where the truth is known
    double drift = 0;                    ///< KL of the pseudo-labels' classes from the labels', nats
};

/// What is kept of the rounds that may be returned.
struct Detail {
    std::int64_t round = 0;
    std::vector<std::int64_t> confusion;  ///< classes x classes, truth by prediction, test
    Reliability before, after;            ///< joint on the test, without and with temperature
    std::vector<std::int32_t> predicted;  ///< joint class of every sample of the data set
};

/// All that a split needs to go on; everything else follows from data, options, seed and index.
struct SplitState {
    std::int64_t round = 0;
    bool finished = false;
    std::string stop;  ///< "rounds", "pool empty", "no candidate", "gate", "patience"
    std::vector<Sample> pool;
    std::vector<Example> pseudo[2];
    std::vector<double> warm[2];
    std::vector<RoundReport> reports;
    std::vector<LedgerRow> ledger;
    Detail labels_only, best, last;
    std::int64_t proven = 0;  ///< rounds after which the sets were proven disjoint and complete
};

class SplitRun {
  public:
    /// Borrows data and options. `state` of an earlier run to go on from; nothing: from the start.
    SplitRun(const TwoViews& data, const Options& options, std::uint64_t seed, std::int64_t index, std::optional<SplitState> state = {});
    bool finished() const { return state_.finished; }
    /// One round. Throws lab::CheckFailure where the sets are not disjoint and complete after it.
    void advance();

    const SplitState& state() const { return state_; }
    const Split& split() const { return split_; }
    const Features& features(int view) const { return prepared_[view] ? *prepared_[view] : data_.view[view]; }
    /// Labels and pseudo-labels of a view by rising sample, so that equal sets give equal bits.
    std::vector<Example> examples(int view) const;
    /// A model of the view on these examples.
    std::unique_ptr<Learner> fitted(int view, std::span<const Example> examples) const;
    /// Share of view 0 in a weighted vote, from how many validating samples each view alone has right; 0.5 without validation.
    double vote_share(std::size_t right0, std::size_t right1) const;
    /// Removes weights that a warm start of a network in round `round` or later does not need.
    void drop_starts(std::int64_t round) const;
    /// The round whose models are returned, and whether the guard chose the labels alone.
    const Detail& returned() const;
    bool guarded() const;

  private:
    /// Of all samples by both views, as the learners give them.
    struct Scores {
        Matrix raw[2];
        Matrix scaled[2];  ///< by the temperature
        double weight0 = 0.5;
    };
    /// Weights that networks of `round` leave for a warm start of the next.
    std::filesystem::path start_file(int view, std::int64_t round) const;
    Scores fit_and_score(RoundReport& report);
    void evaluate(const Scores& scores, RoundReport& report) const;
    void count_sets(RoundReport& report) const;
    void keep_details(const RoundReport& report, const Scores& scores);
    Matrix joint(const Matrix& scores0, const Matrix& scores1, double weight0, const std::vector<Sample>& rows) const;
    std::string reason_to_stop(const RoundReport& report) const;
    /// False where nothing was picked.
    bool exchange(RoundReport& report, const Scores& scores);
    std::vector<Pick> picks_of(const Opinion& own, const Opinion* must_agree) const;
    void give(int to, const std::vector<Pick>& picks);
    void write_down(int view, const std::vector<Pick>& picks, const Opinion& own, const Opinion& other, const char* fate);
    void drop_unchosen();
    void prove_sets();
    bool has_validation() const { return !split_.validation.empty(); }
    const std::vector<Sample>& candidates() const { return options_.training == Training::rechoose ? split_.pool : state_.pool; }

    const TwoViews& data_;
    const Options& options_;
    std::uint64_t seed_;
    std::int64_t index_;
    Split split_;
    std::optional<Features> prepared_[2];  ///< by components and scale
    std::vector<Sample> all_;
    std::vector<std::int32_t> test_labels_, validation_labels_;
    std::vector<std::int64_t> prior_;  ///< labelled samples by class
    std::int64_t first_pool_ = 0;
    SplitState state_;
};

}  // namespace plumb::families::cotrain
