// SPDX-License-Identifier: Apache-2.0
#include "families/cotrain/rounds.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>
#include <tuple>

#include "base/random.h"
#include "families/cotrain/components.h"
#include "lab/check.h"

namespace plumb::families::cotrain {

namespace {

std::vector<std::int32_t> labels_of(const TwoViews& data, const std::vector<Sample>& samples) {
    std::vector<std::int32_t> labels;
    for (const Sample sample : samples) labels.push_back(data.truth[sample]);
    return labels;
}

/// How much a vote counts that is right as often among `classes`: the logarithm of its odds against each other class.
double vote(std::size_t right, std::size_t validated, std::size_t classes) {
    const double smoothed = (static_cast<double>(right) + 1) / (static_cast<double>(validated) + 2);
    return std::max(1e-3, std::log(smoothed / (1 - smoothed) * (static_cast<double>(classes) - 1)));
}

/// KL divergence of shares of `counts` from shares of `prior`, nats.
double divergence(const std::vector<std::int64_t>& counts, const std::vector<std::int64_t>& prior) {
    const auto all = static_cast<double>(std::accumulate(counts.begin(), counts.end(), std::int64_t{0}));
    const auto all_prior = static_cast<double>(std::accumulate(prior.begin(), prior.end(), std::int64_t{0}));
    double sum = 0;
    for (std::size_t c = 0; c < counts.size(); ++c) {
        if (counts[c] == 0) continue;
        const double share = static_cast<double>(counts[c]) / all;
        sum += share * std::log(share * all_prior / static_cast<double>(prior[c]));
    }
    return sum;
}

std::vector<Sample> samples_of(const std::vector<Example>& examples) {
    std::vector<Sample> samples;
    for (const Example& example : examples) samples.push_back(example.sample);
    return samples;
}

}  // namespace

SplitRun::SplitRun(const TwoViews& data, const Options& options, std::uint64_t seed, std::int64_t index, std::optional<SplitState> state)
    : data_(data), options_(options), seed_(seed), index_(index), split_(make_split(data, options.split, seed, index)) {
    all_.resize(static_cast<std::size_t>(data.samples()));
    std::iota(all_.begin(), all_.end(), 0);
    test_labels_ = labels_of(data, split_.test);
    validation_labels_ = labels_of(data, split_.validation);
    prior_.resize(data.classes.size());
    for (const Sample sample : split_.labelled) ++prior_[data.truth[sample]];
    first_pool_ = static_cast<std::int64_t>(split_.pool.size());
    for (const int view : {0, 1}) {
        const std::vector<Sample> visible = visible_samples(split_);
        if (options.components > 0)
            prepared_[view] = projected(data.view[view], principal_components(data.view[view], visible, options.components));
        if (options.standardise) prepared_[view] = standardised(features(view), visible);
        if (options.even) prepared_[view] = evened(features(view), visible);
    }
    if (state)
        state_ = std::move(*state);
    else
        state_.pool = split_.pool;
}

std::vector<Example> SplitRun::examples(int view) const {
    std::vector<Example> made = state_.pseudo[view];
    for (const Sample sample : split_.labelled) made.push_back({sample, data_.truth[sample], 1});
    std::ranges::sort(made, {}, &Example::sample);
    return made;
}

std::unique_ptr<Learner> SplitRun::fitted(int view, std::span<const Example> examples) const {
    LearnerOptions own = options_.learner;
    const std::string number = std::to_string(index_) + "-" + std::to_string(view);
    own.seed = base::RandomStream(seed_, "learner " + number).bits(0);
    const bool warm = options_.training == Training::warm;
    if (warm && !own.keep.empty() && is_network(own.name)) {
        if (state_.round > 0) own.begin_with = start_file(view, state_.round - 1);
        own.leave = start_file(view, state_.round);
    }
    if (!own.keep.empty()) own.keep /= "fit-" + number + ".safetensors";
    auto learner = make_learner(own);
    std::vector<Example> validating;
    for (const Sample sample : split_.validation) validating.push_back({sample, data_.truth[sample], 1});
    learner->validate_by(validating);
    learner->fit(features(view), examples, static_cast<std::int64_t>(data_.classes.size()),
                 warm ? state_.warm[view] : std::vector<double>());
    return learner;
}

std::filesystem::path SplitRun::start_file(int view, std::int64_t round) const {
    return options_.learner.keep /
           ("start-" + std::to_string(index_) + "-" + std::to_string(view) + "-" + std::to_string(round) + ".safetensors");
}

void SplitRun::drop_starts(std::int64_t round) const {
    if (options_.learner.keep.empty()) return;
    for (const int view : {0, 1}) {
        for (std::int64_t older = round - 2; older >= 0 && std::filesystem::remove(start_file(view, older)); --older) {
        }
    }
}

SplitRun::Scores SplitRun::fit_and_score(RoundReport& report) {
    Scores scores;
    std::size_t right[2] = {0, 0};
    for (const int view : {0, 1}) {
        const std::vector<Example> known = examples(view);
        const auto learner = fitted(view, known);
        if (options_.training == Training::warm) state_.warm[view] = learner->parameters();
        scores.raw[view] = learner->scores(features(view), all_);
        if (options_.calibrate && has_validation())
            report.temperature[view] = fit_temperature(scores.raw[view](split_.validation, Eigen::all), validation_labels_);
        scores.scaled[view] = scores.raw[view] / report.temperature[view];
        const std::vector<std::int32_t> predicted = most_likely(scores.raw[view]);
        for (const Sample sample : split_.validation) right[view] += predicted[sample] == data_.truth[sample];
    }
    scores.weight0 = vote_share(right[0], right[1]);
    return scores;
}

double SplitRun::vote_share(std::size_t right0, std::size_t right1) const {
    if (!has_validation()) return 0.5;
    const double vote0 = vote(right0, validation_labels_.size(), data_.classes.size());
    return vote0 / (vote0 + vote(right1, validation_labels_.size(), data_.classes.size()));
}

Matrix SplitRun::joint(const Matrix& scores0, const Matrix& scores1, double weight0, const std::vector<Sample>& rows) const {
    return joint_probabilities(scores0(rows, Eigen::all), scores1(rows, Eigen::all), options_.joint, weight0);
}

void SplitRun::evaluate(const Scores& scores, RoundReport& report) const {
    for (const int view : {0, 1}) {
        const std::vector<std::int32_t> predicted = most_likely(scores.raw[view]);
        const auto accuracy_on = [&](const std::vector<Sample>& rows) {
            const auto right = std::ranges::count_if(rows, [&](Sample row) { return predicted[row] == data_.truth[row]; });
            return static_cast<double>(right) / static_cast<double>(rows.size());
        };
        report.test[view] = accuracy_on(split_.test);
        if (has_validation()) report.validation[view] = accuracy_on(split_.validation);
    }
    const Matrix test = joint(scores.scaled[0], scores.scaled[1], scores.weight0, split_.test);
    report.test[2] = accuracy(most_likely(test), test_labels_);
    if (has_validation()) {
        const Matrix validation = joint(scores.scaled[0], scores.scaled[1], scores.weight0, split_.validation);
        report.validation[2] = accuracy(most_likely(validation), validation_labels_);
        report.loss = log_loss(validation, validation_labels_);
    }
    Reliability before, after;
    before.add(joint(scores.raw[0], scores.raw[1], scores.weight0, split_.test), test_labels_);
    after.add(test, test_labels_);
    report.ece_before = before.error();
    report.ece_after = after.error();
    const std::vector<std::int32_t> first = most_likely(scores.raw[0]), second = most_likely(scores.raw[1]);
    const auto different = std::ranges::count_if(state_.pool, [&](Sample row) { return first[row] != second[row]; });
    report.pool = static_cast<std::int64_t>(state_.pool.size());
    report.disagreement = state_.pool.empty() ? 0 : static_cast<double>(different) / static_cast<double>(report.pool);
}

void SplitRun::count_sets(RoundReport& report) const {
    const std::size_t classes = data_.classes.size();
    report.pseudo.assign(classes, 0);
    report.right = report.known = report.pseudo;
    report.labelled = prior_;
    for (std::int64_t& count : report.labelled) count *= 2;
    for (const auto& given : state_.pseudo) {
        for (const Example& example : given) {
            ++report.labelled[example.label];
            ++report.pseudo[example.label];
            report.known[example.label] += data_.truth[example.sample] != unknown_label;
            report.right[example.label] += data_.truth[example.sample] == example.label;
        }
    }
    report.drift = divergence(report.pseudo, prior_);
}

void SplitRun::keep_details(const RoundReport& report, const Scores& scores) {
    Detail detail;
    detail.round = report.round;
    const Matrix everything = joint(scores.scaled[0], scores.scaled[1], scores.weight0, all_);
    detail.predicted = most_likely(everything);
    detail.after.add(everything(split_.test, Eigen::all), test_labels_);
    detail.before.add(joint(scores.raw[0], scores.raw[1], scores.weight0, split_.test), test_labels_);
    const std::size_t classes = data_.classes.size();
    detail.confusion.assign(classes * classes, 0);
    for (const Sample sample : split_.test) ++detail.confusion[data_.truth[sample] * classes + detail.predicted[sample]];
    if (report.round == 0) state_.labels_only = detail;
    // Of equal validation the later round has seen more.
    if (report.round == 1 || (report.round > 1 && report.loss <= state_.reports[state_.best.round].loss)) state_.best = detail;
    state_.last = std::move(detail);
}

std::string SplitRun::reason_to_stop(const RoundReport& report) const {
    if (state_.round == options_.rounds) return "rounds";
    if (candidates().empty()) return "pool empty";
    if (has_validation() && options_.gate > 0) {
        std::vector<std::int64_t> counts(data_.classes.size());
        for (const std::int32_t label : validation_labels_) ++counts[label];
        const double majority = static_cast<double>(*std::ranges::max_element(counts)) / static_cast<double>(validation_labels_.size());
        if (std::min(report.validation[0], report.validation[1]) < majority + options_.gate) return "gate";
    }
    if (has_validation() && options_.patience > 0) {
        std::int64_t best = 0;
        for (const RoundReport& each : state_.reports) {
            if (each.loss < state_.reports[best].loss) best = each.round;
        }
        if (report.round - best >= options_.patience) return "patience";
    }
    return {};
}

std::vector<Pick> SplitRun::picks_of(const Opinion& own, const Opinion* must_agree) const {
    std::vector<bool> eligible(own.samples.size(), true);
    if (options_.selection == Selection::pool) {
        for (std::size_t at = static_cast<std::size_t>(options_.pool); at < eligible.size(); ++at) eligible[at] = false;
    }
    for (std::size_t at = 0; must_agree != nullptr && at < eligible.size(); ++at)
        eligible[at] = eligible[at] && own.label[at] == must_agree->label[at];
    const std::int64_t times = options_.training == Training::rechoose ? state_.round + 1 : 1;
    SelectionRequest request{options_.selection, 0, {}, options_.floor};
    request.count = static_cast<std::int64_t>(options_.take * static_cast<double>(first_pool_)) * times;
    request.counts = options_.selection == Selection::pool ? options_.picks : proportional(request.count, prior_);
    for (std::int64_t& count : request.counts) count *= options_.selection == Selection::pool ? times : 1;
    return select(own, request, eligible);
}

void SplitRun::give(int to, const std::vector<Pick>& picks) {
    std::vector<Example>& given = state_.pseudo[to];
    for (const Pick& pick : picks) {
        const auto same = std::ranges::find(given, pick.sample, &Example::sample);
        if (same == given.end()) given.push_back({pick.sample, pick.label, options_.pseudo_weight});
    }
}

void SplitRun::write_down(int view, const std::vector<Pick>& picks, const Opinion& own, const Opinion& other, const char* fate) {
    for (const Pick& pick : picks) {
        state_.ledger.push_back({state_.round + 1, view, pick.sample, pick.label, own.confidence(pick.at, pick.label),
                                 own.margin(pick.at, pick.label), other.label[pick.at], other.confidence(pick.at, other.label[pick.at]),
                                 fate, 0});
    }
}

/// Under `rechoose` a label that is not chosen again has an end, and one that is needs no second row.
void SplitRun::drop_unchosen() {
    const std::int64_t now = state_.round + 1;
    using Key = std::tuple<std::int32_t, Sample, std::int32_t>;
    const auto key = [](const LedgerRow& row) { return Key{row.view, row.sample, row.label}; };
    std::set<Key> older, chosen;
    for (const LedgerRow& row : state_.ledger) {
        if (row.fate == "kept") (row.round == now ? chosen : older).insert(key(row));
    }
    std::erase_if(state_.ledger, [&](const LedgerRow& row) { return row.round == now && row.fate == "kept" && older.contains(key(row)); });
    for (LedgerRow& row : state_.ledger) {
        if (row.fate != "kept" || chosen.contains(key(row))) continue;
        row.fate = "dropped";
        row.until = now;
    }
}

bool SplitRun::exchange(RoundReport& report, const Scores& scores) {
    const std::vector<Sample> from = candidates();
    Opinion opinion[2];
    for (const int view : {0, 1}) {
        const Matrix& ranked = options_.notebook ? scores.raw[view] : scores.scaled[view];
        opinion[view] = make_opinion(from, ranked(from, Eigen::all), options_.notebook);
    }
    const bool again = options_.training == Training::rechoose;
    if (again) state_.pseudo[0].clear(), state_.pseudo[1].clear();

    Uncollided picked;
    if (options_.exchange == Exchange::weighted) {
        const Matrix both = scores.weight0 * softmax(scores.scaled[0](from, Eigen::all), 1) +
                            (1 - scores.weight0) * softmax(scores.scaled[1](from, Eigen::all), 1);
        const Opinion together = make_opinion(from, both.cwiseMax(1e-300).array().log().matrix(), false);
        const std::vector<Pick> picks = picks_of(together, nullptr);
        write_down(2, picks, together, opinion[scores.weight0 >= 0.5 ? 1 : 0], "kept");
        report.picked[0] = report.picked[1] = static_cast<std::int64_t>(picks.size());
        give(0, picks);
        give(1, picks);
        picked.picks0 = picks;
    } else {
        const bool agree = options_.exchange == Exchange::agree;
        const std::vector<Pick> picks0 = picks_of(opinion[0], agree ? &opinion[1] : nullptr),
                                picks1 = picks_of(opinion[1], agree ? &opinion[0] : nullptr);
        picked = options_.notebook ? remove_collisions_like_notebook(picks0, picks1) : remove_collisions(picks0, picks1);
        const std::vector<Pick>* chosen[2] = {&picks0, &picks1};
        const std::vector<Pick>* left[2] = {&picked.picks0, &picked.picks1};
        for (const int view : {0, 1}) {
            report.picked[view] = static_cast<std::int64_t>(chosen[view]->size());
            std::vector<Pick> disputed, lost;
            for (const Pick& pick : *chosen[view]) {
                if (std::ranges::find(*left[view], pick.sample, &Pick::sample) != left[view]->end()) continue;
                const bool collided = std::ranges::find(picked.collisions, pick.sample, &Collision::sample) != picked.collisions.end();
                (collided ? disputed : lost).push_back(pick);
            }
            write_down(view, *left[view], opinion[view], opinion[1 - view], "kept");
            write_down(view, disputed, opinion[view], opinion[1 - view], "conflict");
            write_down(view, lost, opinion[view], opinion[1 - view], "lost");
        }
        give(1, picked.picks0);
        give(0, picked.picks1);
        if (options_.exchange == Exchange::shared) {
            give(0, picked.picks0);
            give(1, picked.picks1);
        }
    }
    report.collisions = static_cast<std::int64_t>(picked.collisions.size());
    if (again) drop_unchosen();
    std::vector<bool> taken(all_.size());
    for (const auto& given : state_.pseudo) {
        for (const Example& example : given) taken[example.sample] = true;
    }
    state_.pool = split_.pool;
    std::erase_if(state_.pool, [&](Sample sample) { return taken[sample]; });
    return !picked.picks0.empty() || !picked.picks1.empty();
}

void SplitRun::prove_sets() {
    const std::int64_t wrong = misplaced(split_, state_.pool, samples_of(state_.pseudo[0]), samples_of(state_.pseudo[1]), data_.samples());
    ++state_.proven;
    if (wrong == 0) return;
    lab::Check check =
        lab::at_most("sets after round " + std::to_string(state_.round), "the samples of the data set, split " + std::to_string(index_),
                     "samples in no set or in several", static_cast<double>(wrong), 0, "samples");
    throw lab::CheckFailure({std::move(check)});
}

void SplitRun::advance() {
    RoundReport report;
    report.round = state_.round;
    const Scores scores = fit_and_score(report);
    evaluate(scores, report);
    count_sets(report);
    state_.reports.push_back(report);
    keep_details(report, scores);
    state_.stop = reason_to_stop(report);
    if (state_.stop.empty() && !exchange(state_.reports.back(), scores)) state_.stop = "no candidate";
    state_.finished = !state_.stop.empty();
    prove_sets();
    if (!state_.finished) ++state_.round;
}

bool SplitRun::guarded() const {
    if (!options_.guard || !has_validation() || state_.last.round == 0) return false;
    const Detail& candidate = options_.restore ? state_.best : state_.last;
    return state_.reports.front().loss < state_.reports[candidate.round].loss;
}

const Detail& SplitRun::returned() const {
    if (state_.last.round == 0 || guarded()) return state_.labels_only;
    return options_.restore && has_validation() ? state_.best : state_.last;
}

}  // namespace plumb::families::cotrain
