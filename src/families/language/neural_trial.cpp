// SPDX-License-Identifier: Apache-2.0
#include "families/language/neural_trial.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <iterator>

#include "base/error.h"
#include "base/file.h"
#include "base/statistics.h"
#include "base/units.h"
#include "families/language/corpus_checks.h"
#include "families/language/curves.h"
#include "families/language/embedding_file.h"
#include "families/language/model_checks.h"
#include "families/language/neural_checks.h"
#include "families/language/notebook_logs.h"
#include "families/language/operations.h"

namespace plumb::families::language {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::int64_t prompt_ids = 8;

double seconds_since(Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
}

/// The first sequences of each split where only those are scored: floors and figures per word are then of the same ids.
Request shortened(Request request, std::int64_t sequences) {
    for (Split& split : request.held_out) {
        const std::vector<Chunk> chunks = cut(split.corpus->line_sizes, request.chunks);
        if (sequences == 0 || std::ssize(chunks) <= sequences) continue;
        const Chunk& last = chunks[static_cast<std::size_t>(sequences) - 1];
        split.corpus = std::make_shared<Corpus>(first_ids(*split.corpus, last.begin + last.targets + 1));
    }
    return request;
}

/// ln of how often each id occurs, one half added to each count.
std::vector<float> log_frequencies(std::span<const Id> ids, std::size_t vocabulary) {
    std::vector<double> counts(vocabulary, 0.5);
    for (const Id id : ids) ++counts[id];
    const double total = static_cast<double>(ids.size()) + 0.5 * static_cast<double>(vocabulary);
    std::vector<float> logs;
    for (const double count : counts) logs.push_back(static_cast<float>(std::log(count / total)));
    return logs;
}

}  // namespace

NeuralTrial::NeuralTrial(Request request, NeuralRequest neural, lab::Context context)
    : request_(shortened(std::move(request), neural.scored)),
      neural_(std::move(neural)),
      context_(std::move(context)),
      tokenizer_(request_.byte_pairs),
      epochs_(cut(request_.train->line_sizes, request_.chunks), request_.batch, request_.seed) {
    if (epochs_.steps_an_epoch() == 0)
        throw base::Error(base::ErrorKind::unsupported, "train has no id to predict when it is cut like this", "choose break=stream");
    neural_.schedule.steps = neural_.steps > 0 ? neural_.steps : neural_.epochs * epochs_.steps_an_epoch();
    for (const Split& split : request_.held_out) chunks_.push_back(cut(split.corpus->line_sizes, request_.chunks));
    trainer_ = nn::make_language_trainer(neural_.form, given_values());
}

nn::GivenValues NeuralTrial::given_values() const {
    nn::GivenValues given;
    if (!neural_.embeddings.empty()) given = read_embeddings(neural_.embeddings, neural_.form.model);
    if (neural_.bias_from_counts) given.output_bias = log_frequencies(request_.train->ids, tokenizer_.size());
    return given;
}

std::vector<lab::Check> NeuralTrial::verify() {
    const nn::LanguageForm& form = neural_.form.model;
    const std::span<const Id> stream = request_.held_out.front().corpus->ids;
    std::vector<lab::Check> checks = check_corpora(request_, tokenizer_);
    std::ranges::move(check_past_alone(*trainer_, form, stream, request_.seed), std::back_inserter(checks));
    if (form.causal) checks.push_back(check_step_by_step(*trainer_, form, stream));
    checks.push_back(check_output_layer(*trainer_, form, stream));
    checks.push_back(check_gradients(neural_.form));
    std::vector<std::span<const Id>> held_out;
    for (const Split& split : request_.held_out) held_out.push_back(split.corpus->ids);
    floors_ = measure_floors(request_.train->ids, held_out, tokenizer_.size(), request_.threads);
    return checks;
}

void NeuralTrial::resume(lab::Recorder& recorder) {
    progress_ = {};
    progress_.curves = curves_header();
    if (!std::filesystem::exists(last())) return recorder.rewind(0);
    progress_ = progress_from_metadata(trainer_->load(last()));
    recorder.rewind(trainer_->steps() + 1);
    context_.log("goes on behind step " + std::to_string(trainer_->steps()));
}

bool NeuralTrial::finished() const {
    return trainer_->steps() >= neural_.schedule.steps || (neural_.patience > 0 && progress_.since_best >= neural_.patience);
}

bool NeuralTrial::evaluation_due() const {
    const std::int64_t every = neural_.evaluate > 0 ? neural_.evaluate : epochs_.steps_an_epoch();
    return trainer_->steps() % every == 0 || trainer_->steps() == neural_.schedule.steps;
}

NeuralTrial::Values NeuralTrial::train_step() {
    const auto start = Clock::now();
    const std::int64_t step = trainer_->steps();
    const double rate = rate_at(neural_.schedule, step);
    const std::vector<Chunk> chunks = epochs_.at(step);
    const Batch batch(request_.train->ids, chunks, neural_.weighting);
    const nn::StepReport report = trainer_->step(batch.pieces(neural_.accumulate), rate);
    const double seconds = seconds_since(start);
    progress_.nats += report.loss * static_cast<double>(batch.predictions());
    progress_.predictions += batch.predictions();
    progress_.places += request_.batch * request_.chunks.length;
    progress_.all_predictions += batch.predictions();
    progress_.seconds += seconds;
    progress_.peak_shares.push_back(training_operations(neural_.form.model, batch.view().rows, batch.view().length, batch.predictions()) /
                                    seconds / peak_);
    Values values = {{"loss", report.loss},
                     {"gradient_norm", report.gradient_norm},
                     {"rate", rate},
                     {"ids_per_second", static_cast<double>(batch.predictions()) / seconds},
                     {"peak_share", progress_.peak_shares.back()}};
    if (const auto peak = watch_->peak()) values.emplace_back("peak_memory", static_cast<double>(*peak));
    return values;
}

NeuralTrial::Scored NeuralTrial::score_split(const Split& split) {
    const std::vector<Chunk>& chunks = chunks_[static_cast<std::size_t>(&split - request_.held_out.data())];
    Scored scored{std::vector<double>(split.corpus->ids.size(), std::nan("")), {}};
    score(*trainer_, split.corpus->ids, chunks, request_.batch, scored.log_probabilities);
    scored.scores = summarize(scored.log_probabilities, chunks, request_.chunks.length, request_.batch);
    return scored;
}

NeuralTrial::Values NeuralTrial::evaluate() {
    const auto start = Clock::now();
    Values values;
    const double train_nats = progress_.nats / static_cast<double>(progress_.predictions);
    const double train_printed = progress_.nats / static_cast<double>(progress_.places);
    std::vector<CurvePoint> points = {{"train", train_nats, train_printed, progress_.seconds - progress_.seconds_before}};
    progress_.seconds_before = progress_.seconds;
    values.emplace_back("train_perplexity", std::exp(train_nats));
    values.emplace_back("train_printed_perplexity", std::exp(train_printed));
    double validation_nats = 0;
    for (std::size_t i = 0; i < request_.held_out.size(); ++i) {
        const Split& split = request_.held_out[i];
        const auto split_start = Clock::now();
        const Scores scores = score_split(split).scores;
        if (i == 0) validation_nats = scores.nats;
        points.push_back({split.name, scores.nats, scores.printed_nats, seconds_since(split_start)});
        values.emplace_back(split.name + "_perplexity", scores.perplexity());
        values.emplace_back(split.name + "_printed_perplexity", scores.printed_perplexity());
    }
    const Floor& floor = floors_.front();
    points.push_back({"floor: single ids", floor.unigram, floor.unigram, 0});
    points.push_back({"floor: " + std::to_string(floor_order) + "-grams", floor.ngram, floor.ngram, 0});
    const double epoch = static_cast<double>(trainer_->steps()) / static_cast<double>(epochs_.steps_an_epoch());
    progress_.curves += curve_rows(trainer_->steps(), epoch, progress_.seconds, points);
    progress_.nats = 0;
    progress_.predictions = progress_.places = 0;
    ++progress_.since_best;
    if (progress_.best_step < 0 || validation_nats < progress_.best_nats) {
        progress_.best_nats = validation_nats;
        progress_.best_step = trainer_->steps();
        progress_.since_best = 0;
        trainer_->save(best(), {{"validation_nats", base::format_number(validation_nats)}}, false);
    }
    write_sample();
    peak_ = measure_peak(request_.threads);
    progress_.evaluation_seconds += seconds_since(start);
    context_.log("step " + std::to_string(trainer_->steps()) + ": perplexity of train " + base::format_number(std::exp(train_nats)) +
                 ", of validation " + base::format_number(std::exp(validation_nats)));
    return values;
}

void NeuralTrial::write_sample() const {
    const std::span<const Id> ids = request_.held_out.front().corpus->ids;
    const auto prompt = ids.first(static_cast<std::size_t>(std::min({prompt_ids, std::ssize(ids), request_.chunks.length})));
    const std::int64_t count = std::min(neural_.sample, request_.chunks.length - std::ssize(prompt));
    if (count < 1) return;
    const std::vector<Id> text = trainer_->continue_text(prompt, count, 1, request_.seed);
    base::replace_file(context_.artifacts / ("sample-" + std::to_string(trainer_->steps()) + ".txt"),
                       tokenizer_.decode(prompt) + " | " + tokenizer_.decode(text) + "\n");
}

void NeuralTrial::save() {
    trainer_->save(last(), to_metadata(progress_), true);
    saved_ = Clock::now();
}

void NeuralTrial::run(lab::Recorder& recorder) {
    resume(recorder);
    watch_.emplace();
    peak_ = measure_peak(request_.threads);
    saved_ = Clock::now();
    while (!finished()) {
        if (recorder.stop_requested()) {
            save();
            throw base::Error(base::ErrorKind::interrupted,
                              "stopped by the user after " + std::to_string(trainer_->steps()) + " of " +
                                  std::to_string(neural_.schedule.steps) + " steps",
                              "run the same command again to go on");
        }
        Values values = train_step();
        const bool evaluated = evaluation_due();
        if (evaluated) std::ranges::move(evaluate(), std::back_inserter(values));
        recorder.step(trainer_->steps(), values);
        if (evaluated || seconds_since(saved_) >= neural_.save_every) save();
    }
    report(recorder);
}

void NeuralTrial::report(lab::Recorder& recorder) {
    const auto give = [&](const std::string& name, double value) { recorder.result(lab::exact(name, value)); };
    give("steps", static_cast<double>(trainer_->steps()));
    give("train_time", progress_.seconds);
    give("evaluation_time", progress_.evaluation_seconds);
    give("train_throughput", static_cast<double>(progress_.all_predictions) / progress_.seconds);
    give("peak_share", base::median(progress_.peak_shares));
    const double memory = static_cast<double>(watch_->peak().value_or(0));
    if (memory > 0) give("train_memory", memory);
    give("parameters", static_cast<double>(trainer_->parameters()));
    give("learnable", static_cast<double>(trainer_->learnable()));
    const Fit fit = fit_of(progress_.curves);
    give("train_perplexity", std::exp(fit.best_train_nats));
    give("overfitting", fit.overfitting);
    trainer_->load(best());
    give("best_step", static_cast<double>(trainer_->steps()));
    give("best_epoch", static_cast<double>(trainer_->steps()) / static_cast<double>(epochs_.steps_an_epoch()));
    for (std::size_t i = 0; i < request_.held_out.size(); ++i) {
        const Split& split = request_.held_out[i];
        final_.push_back(score_split(split));
        for (lab::MetricValue& value : named_scores(split.name, final_.back().scores, count(*split.corpus, tokenizer_)))
            recorder.result(std::move(value));
        give(split.name + "_floor", std::exp(floors_[i].ngram));
        give(split.name + "_unigram_floor", std::exp(floors_[i].unigram));
    }
    base::write_file(context_.artifacts / "curves.csv", progress_.curves);
    base::write_file(context_.artifacts / "evaluations.csv", evaluations_table(progress_.curves));
    // The notebook's logs have a test.
    if (!neural_.exp_id.empty() && request_.held_out.size() > 1)
        write_notebook_logs(context_.artifacts / "logs", request_, neural_, progress_.curves, memory);
    if (neural_.keep != "both") std::filesystem::remove(last());
    if (neural_.keep == "none") std::filesystem::remove(best());
}

std::vector<lab::Check> NeuralTrial::verify_after() {
    std::vector<lab::Check> checks =
        check_past_alone(*trainer_, neural_.form.model, request_.held_out.front().corpus->ids, request_.seed + 1);
    for (std::size_t i = 0; i < request_.held_out.size(); ++i) {
        const Split& split = request_.held_out[i];
        checks.push_back(leak_check(split.name, final_[i].scores.nats, floors_[i]));
        const auto part = std::span(chunks_[i]).first(std::min<std::size_t>(chunks_[i].size(), static_cast<std::size_t>(request_.batch)));
        std::vector<double> again(final_[i].log_probabilities.size(), std::nan(""));
        score(*trainer_, split.corpus->ids, part, request_.batch, again);
        const auto places = static_cast<std::size_t>(part.back().begin + part.back().targets + 1);
        checks.push_back(check_same_bits("scores again, " + split.name, "those that were recorded",
                                         std::span<const double>(again).first(places),
                                         std::span<const double>(final_[i].log_probabilities).first(places)));
    }
    return checks;
}

}  // namespace plumb::families::language
