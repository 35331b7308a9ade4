// SPDX-License-Identifier: Apache-2.0
// Co-training on every split of a point: splits on threads, checkpoints on the way, tables at the end.
#pragma once
#include <chrono>
#include <filesystem>
#include <mutex>
#include <string>
#include <vector>

#include "families/cotrain/request.h"
#include "lab/trial.h"

namespace plumb::families::cotrain {

class CotrainTrial final : public lab::LongTrial {
  public:
    CotrainTrial(Request request, lab::Context context) : request_(std::move(request)), context_(std::move(context)) {}

    std::vector<lab::Check> verify() override;
    /// Goes on from artifacts/checkpoint.json where there is one: any round of any split, to the same bits.
    void run(lab::Recorder& recorder) override;
    std::vector<lab::Check> verify_after() override;

  private:
    void open_splits();
    void work(std::atomic<std::size_t>& next, const lab::Recorder& recorder);
    void remember(std::size_t split);
    void save();
    bool finished() const;
    std::filesystem::path checkpoint() const { return context_.artifacts / "checkpoint.json"; }

    Request request_;
    lab::Context context_;
    std::vector<std::unique_ptr<SplitRun>> runs_;
    std::mutex guard_;                            ///< of all below
    std::vector<std::string> remembered_;         ///< state of every split as JSON, after its last remembered round
    std::vector<std::int64_t> remembered_round_;  ///< that each of them goes on with
    std::chrono::steady_clock::time_point saved_ = std::chrono::steady_clock::now();
    std::exception_ptr problem_;
};

}  // namespace plumb::families::cotrain
