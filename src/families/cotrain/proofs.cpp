// SPDX-License-Identifier: Apache-2.0
#include "families/cotrain/proofs.h"

#include <algorithm>
#include <map>
#include <set>

#include "families/cotrain/components.h"
#include "families/cotrain/near_copies.h"

namespace plumb::families::cotrain {

namespace {

lab::Check check_first_sets(const Request& request, std::uint64_t seed) {
    std::int64_t wrong = 0;
    for (std::int64_t index = 0; index < request.splits; ++index) {
        const Split split = make_split(*request.data, request.options.split, seed, index);
        wrong += misplaced(split, split.pool, {}, {}, request.data->samples()) + leaking_groups(*request.data, split);
        for (const auto* set : {&split.labelled, &split.validation, &split.test})
            wrong += std::ranges::count_if(*set, [&](Sample sample) { return request.data->truth[sample] == unknown_label; });
    }
    return lab::at_most("sets at the start", "the samples of the data set, " + std::to_string(request.splits) + " splits",
                        "samples in no set or in several, without a label where one is needed, or of a group on two sides",
                        static_cast<double>(wrong), 0, "samples");
}

lab::Check check_learner(const Request& request, const SplitRun& run, int view) {
    const std::vector<Example> examples = run.examples(view);
    const auto deviation = run.fitted(view, examples)->deviation(run.features(view), examples, run.split().test);
    return lab::at_most(request.options.learner.name + ", view " + std::to_string(view), deviation.reference, "largest deviation",
                        deviation.measured, deviation.bound);
}

/// Eigenvectors to half the digits of fp64: far above what the solver leaves, far below what a wrong direction gives.
lab::Check check_components(const Request& request, const SplitRun& run, int view) {
    const std::vector<Sample> visible = visible_samples(run.split());
    const Features& features = request.data->view[view];
    const Components components = principal_components(features, visible, request.options.components);
    return lab::at_most("components, view " + std::to_string(view), "covariance of labels and pool, plain sums",
                        "largest part of a direction that is no eigenvector's", deviation(components, features, visible), 1e-8);
}

lab::Check check_copies(const Request& request, std::uint64_t seed) {
    std::int64_t copies = 0, judging = 0;
    for (std::int64_t index = 0; index < request.splits; ++index) {
        const Split split = make_split(*request.data, request.options.split, seed, index);
        copies += copies_across(*request.data, split);
        judging += static_cast<std::int64_t>(split.validation.size() + split.test.size());
    }
    lab::Check check = lab::at_most("near copies", "perceptual hashes, " + std::to_string(near_bits) + " of 64 bits apart at most",
                                    "samples that validate or test and look like one that trains, of all that do",
                                    static_cast<double>(copies), static_cast<double>(judging), "samples");
    if (copies == 0) return check;
    return lab::mistrust(std::move(check), std::to_string(copies) + " of " + std::to_string(judging) +
                                               " look like a sample that trains: groups=near, or groups=FILE, keeps them on one side");
}

std::vector<Example> sorted(std::vector<Example> examples) {
    std::ranges::sort(examples, {}, &Example::sample);
    return examples;
}

std::vector<Sample> samples_of(const std::vector<Example>& examples) {
    std::vector<Sample> samples;
    for (const Example& example : examples) samples.push_back(example.sample);
    return samples;
}

/// Examples that only one of both has.
std::int64_t differing(const std::vector<Example>& a, const std::vector<Example>& b) {
    const auto less = [](const Example& x, const Example& y) {
        return std::tie(x.sample, x.label, x.weight) < std::tie(y.sample, y.label, y.weight);
    };
    std::vector<Example> only;
    std::ranges::set_symmetric_difference(a, b, std::back_inserter(only), less);
    return static_cast<std::int64_t>(only.size());
}

/// Samples that the replayed sets of a round put nowhere or twice, and rows whose counts differ from the report's.
std::int64_t wrong_in_round(const Request& request, const SplitRun& run, const RoundReport& report, const Replayed& replayed) {
    std::set<Sample> taken;
    std::vector<std::int64_t> counts(report.pseudo.size());
    for (const auto& given : replayed.pseudo) {
        for (const Example& example : given) {
            taken.insert(example.sample);
            ++counts[example.label];
        }
    }
    std::vector<Sample> pool = run.split().pool;
    std::erase_if(pool, [&](Sample sample) { return taken.contains(sample); });
    std::int64_t wrong =
        misplaced(run.split(), pool, samples_of(replayed.pseudo[0]), samples_of(replayed.pseudo[1]), request.data->samples());
    for (std::size_t c = 0; c < counts.size(); ++c) wrong += counts[c] != report.pseudo[c];
    return wrong + (static_cast<std::int64_t>(pool.size()) != report.pool);
}

/// Joint classes of all samples by models that are fitted on what the ledger says.
std::vector<std::int32_t> predict_again(const Request& request, const SplitRun& run) {
    const RoundReport& report = run.state().reports.back();
    const Replayed replayed = replay(run.state().ledger, report.round, request.options);
    std::vector<Sample> all;
    for (Sample sample = 0; sample < request.data->samples(); ++sample) all.push_back(sample);
    Matrix scores[2];
    std::size_t validated_right[2] = {0, 0};
    for (const int view : {0, 1}) {
        std::vector<Example> examples = replayed.pseudo[view];
        for (const Sample sample : run.split().labelled) examples.push_back({sample, request.data->truth[sample], 1});
        examples = sorted(std::move(examples));
        const Matrix raw = run.fitted(view, examples)->scores(run.features(view), all);
        const std::vector<std::int32_t> predicted = most_likely(raw);
        for (const Sample sample : run.split().validation) validated_right[view] += predicted[sample] == request.data->truth[sample];
        scores[view] = raw / report.temperature[view];
    }
    return most_likely(
        joint_probabilities(scores[0], scores[1], request.options.joint, run.vote_share(validated_right[0], validated_right[1])));
}

}  // namespace

Replayed replay(const std::vector<LedgerRow>& ledger, std::int64_t round, const Options& options) {
    std::map<Sample, Example> given[2];
    for (const LedgerRow& row : ledger) {
        const bool in_force = row.round <= round && (row.fate == "kept" || (row.fate == "dropped" && round < row.until));
        if (!in_force) continue;
        for (const int to : {0, 1}) {
            const bool receives = row.view == 2 || options.exchange == Exchange::shared || row.view != to;
            if (receives) given[to].emplace(row.sample, Example{row.sample, row.label, options.pseudo_weight});
        }
    }
    Replayed made;
    for (const int view : {0, 1}) {
        for (const auto& [sample, example] : given[view]) made.pseudo[view].push_back(example);
    }
    return made;
}

std::vector<lab::Check> checks_before(const Request& request, std::uint64_t seed) {
    const SplitRun run(*request.data, request.options, seed, 0);
    std::vector<lab::Check> checks = {check_first_sets(request, seed), check_learner(request, run, 0), check_learner(request, run, 1)};
    for (int view = 0; view < 2 && request.options.components > 0; ++view) checks.push_back(check_components(request, run, view));
    if (!request.data->hash[0].empty()) checks.push_back(check_copies(request, seed));
    if (request.options.notebook) {
        for (lab::Check& check : checks)
            check = lab::mistrust(std::move(check), "known defect: rule=notebook ranks raw outputs and drops picks that nobody disputes");
    }
    return checks;
}

std::vector<lab::Check> checks_after(const Request& request, const std::vector<SplitRun*>& splits) {
    std::int64_t wrong = 0, rounds = 0, other = 0, pseudo = 0, changed = 0;
    for (const SplitRun* run : splits) {
        for (const RoundReport& report : run->state().reports) {
            wrong += wrong_in_round(request, *run, report, replay(run->state().ledger, report.round, request.options));
            ++rounds;
        }
        const Replayed end = replay(run->state().ledger, run->state().reports.back().round, request.options);
        for (const int view : {0, 1}) {
            other += differing(end.pseudo[view], sorted(run->state().pseudo[view]));
            pseudo += static_cast<std::int64_t>(end.pseudo[view].size());
        }
    }
    const std::string all = std::to_string(rounds) + " rounds of " + std::to_string(splits.size()) + " splits";
    std::vector<lab::Check> checks = {
        lab::at_most("sets after every round", "the ledger replayed, " + all, "samples in no set or in several, and counts that differ",
                     static_cast<double>(wrong), 0, "samples"),
        lab::at_most("pseudo-labels at the end", "the ledger replayed", "pseudo-labels that only one of both has",
                     static_cast<double>(other), 0, "labels"),
    };
    if (pseudo == 0 && request.options.rounds > 0) checks[1] = lab::mistrust(checks[1], "no pseudo-label was given");
    if (request.options.training != Training::warm) {
        const std::vector<std::int32_t> again = predict_again(request, *splits.front());
        const std::vector<std::int32_t>& was = splits.front()->state().last.predicted;
        for (std::size_t i = 0; i < was.size(); ++i) changed += again[i] != was[i];
        lab::Check check = lab::at_most("last round, first split", "models fitted again from the ledger", "samples with another class",
                                        static_cast<double>(changed), 0, "samples");
        if (std::set<std::int32_t>(was.begin(), was.end()).size() < 2)
            check = lab::mistrust(std::move(check), "every sample got the same class");
        checks.push_back(std::move(check));
    }
    return checks;
}

}  // namespace plumb::families::cotrain
