// SPDX-License-Identifier: Apache-2.0
// model=lstm and model=gpt1: trains, scores, keeps the best. A run that was killed goes on from artifacts/last.safetensors to the same
// bits.
#pragma once
#include <chrono>
#include <memory>
#include <optional>
#include <vector>

#include "base/memory_watch.h"
#include "families/language/leak_alarm.h"
#include "families/language/neural_request.h"
#include "families/language/progress.h"
#include "families/language/scores.h"
#include "lab/trial.h"

namespace plumb::families::language {

class NeuralTrial final : public lab::LongTrial {
  public:
    NeuralTrial(Request request, NeuralRequest neural, lab::Context context);

    /// The corpora, then the model as it is before training: what fails here is never trained.
    std::vector<lab::Check> verify() override;
    void run(lab::Recorder& recorder) override;
    /// The best model once more: the past alone, plausible scores, and the same scores again.
    std::vector<lab::Check> verify_after() override;

  private:
    using Values = std::vector<std::pair<std::string, double>>;
    struct Scored {
        std::vector<double> log_probabilities;
        Scores scores;
    };
    nn::GivenValues given_values() const;
    void resume(lab::Recorder& recorder);
    bool finished() const;
    bool evaluation_due() const;
    Values train_step();
    Values evaluate();
    Scored score_split(const Split& split);
    void write_sample() const;
    void save();
    void report(lab::Recorder& recorder);
    std::filesystem::path last() const { return context_.artifacts / "last.safetensors"; }
    std::filesystem::path best() const { return context_.artifacts / "best.safetensors"; }

    Request request_;
    NeuralRequest neural_;
    lab::Context context_;
    Tokenizer tokenizer_;
    Epochs epochs_;
    std::vector<std::vector<Chunk>> chunks_;  ///< by split
    std::vector<Floor> floors_;               ///< by split
    std::unique_ptr<nn::LanguageTrainer> trainer_;
    Progress progress_;
    std::vector<Scored> final_;  ///< by split: the best model's
    std::optional<base::MemoryWatch> watch_;
    double peak_ = 0;  ///< operations a second that this machine reached when last probed: before training and at each evaluation
    std::chrono::steady_clock::time_point saved_;
};

}  // namespace plumb::families::language
