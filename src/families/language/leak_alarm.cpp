// SPDX-License-Identifier: Apache-2.0
#include "families/language/leak_alarm.h"

#include <cmath>
#include <string>
#include <vector>

#include "base/units.h"

namespace plumb::families::language {

double mean_nats(const KneserNey& model, std::span<const Id> held_out, int threads) {
    std::vector<double> log_probabilities(held_out.size());
    model.score(held_out, log_probabilities, threads);
    double nats = 0;
    for (std::size_t t = 1; t < held_out.size(); ++t) nats -= log_probabilities[t];
    return nats / static_cast<double>(held_out.size() - 1);
}

double kneser_ney_floor(std::span<const Id> train, std::span<const Id> held_out, std::size_t vocabulary, int order, int threads) {
    return mean_nats(KneserNey(train, vocabulary, order), held_out, threads);
}

Floor measure_floor(std::span<const Id> train, std::span<const Id> held_out, std::size_t vocabulary, int threads) {
    return measure_floors(train, {held_out}, vocabulary, threads).front();
}

std::vector<Floor> measure_floors(std::span<const Id> train, const std::vector<std::span<const Id>>& held_out, std::size_t vocabulary,
                                  int threads) {
    const KneserNey unigram(train, vocabulary, 1), ngram(train, vocabulary, floor_order);
    std::vector<Floor> floors;
    for (const std::span<const Id> ids : held_out) floors.push_back({mean_nats(unigram, ids, threads), mean_nats(ngram, ids, threads)});
    return floors;
}

std::string_view name(Plausibility plausibility) {
    switch (plausibility) {
        case Plausibility::leak:
            return "leak";
        case Plausibility::plausible:
            return "plausible";
        case Plausibility::untaught:
            break;
    }
    return "untaught";
}

Plausibility judge(double nats, const Floor& floor) {
    if (!(nats >= floor.ngram - std::log(leak_factor))) return Plausibility::leak;  // NaN too
    return nats > floor.unigram ? Plausibility::untaught : Plausibility::plausible;
}

lab::Check leak_check(const std::string& split, double nats, const Floor& floor) {
    lab::Check check;
    check.name = split + " perplexity is plausible";
    check.reference =
        "Kneser-Ney of order " + std::to_string(floor_order) + " on the same ids, perplexity " + base::format_number(std::exp(floor.ngram));
    check.metric = "the reference's perplexity by the model's";
    check.measured = std::exp(floor.ngram - nats);
    check.bound = leak_factor;
    check.status = lab::CheckStatus::passed;
    const std::string perplexity = base::format_number(std::exp(nats));
    switch (judge(nats, floor)) {
        case Plausibility::leak:
            return lab::mistrust(check, "a perplexity of " + perplexity +
                                            " is under a quarter of what counting n-grams reaches: the model " +
                                            "sees the future, or saw this text before");
        case Plausibility::untaught:
            return lab::mistrust(check, "a perplexity of " + perplexity + " is above the " + base::format_number(std::exp(floor.unigram)) +
                                            " of counting single ids: little was learnt");
        case Plausibility::plausible:
            break;
    }
    return check;
}

}  // namespace plumb::families::language
