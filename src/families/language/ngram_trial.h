// SPDX-License-Identifier: Apache-2.0
// One point of model=ngram: Kneser-Ney counted on train, scored on the held-out splits, timed with the tokenizer beside it.
#pragma once
#include <memory>
#include <optional>
#include <vector>

#include "families/language/kneser_ney.h"
#include "families/language/request.h"
#include "lab/trial.h"

namespace plumb::families::language {

class NgramTrial final : public lab::TimedTrial {
  public:
    explicit NgramTrial(Request request);

    std::vector<lab::Check> verify() override;
    std::vector<lab::Action> actions() override;
    std::vector<lab::MetricValue> metrics(const std::vector<lab::Timing>& timings) override;
    std::vector<lab::Check> verify_after() override;

  private:
    std::vector<double> scored(std::span<const Id> stream, int threads) const;
    std::vector<lab::Check> check_model() const;
    lab::Check check_formula() const;
    void tokenize_train();
    void write_all_ids() const;
    std::size_t count_unseen(const Corpus& held_out) const;

    Request request_;
    Tokenizer tokenizer_;
    std::string text_;          ///< of train; decoded where the source is ids
    std::vector<Id> text_ids_;  ///< what text_ was last tokenized to
    std::vector<Id> text_ids_checked_;
    std::optional<KneserNey> model_;
    std::vector<std::vector<double>> log_probabilities_;  ///< of each held-out split, as checked
    std::vector<double> scored_;                          ///< of the first one, as last timed
};

}  // namespace plumb::families::language
