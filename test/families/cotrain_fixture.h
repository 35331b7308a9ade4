// SPDX-License-Identifier: Apache-2.0
// Made-up two-view data in files, and runs of the family on it through the lab's own runner.
#pragma once
#include <filesystem>
#include <functional>
#include <string>

#include "lab/runner.h"
#include "temporary_folder.h"

namespace plumb::test {

/// Three classes as clouds in two views of 6 columns, 360 samples; noise 1 is easy, 3 is hard, and far more says nothing.
struct TwoViewFiles {
    TwoViewFiles(double noise0, double noise1);
    lab::Settings settings(const lab::Settings& changed) const;
    TemporaryFolder folder;
    std::string view0, view1;
};

/// One point of the family cotrain with these settings, as a study "cotrain".
lab::Study cotrain_study(const lab::Settings& settings);
/// Runs it into the store; the exit code. `started` is called when the point is begun.
int run_cotrain(
    const lab::Store& store, const lab::Study& study, const std::function<void()>& started = [] {});
/// The only run of the study.
lab::Record only_record(const lab::Store& store);
std::string artifact(const lab::Store& store, const std::string& name);

}  // namespace plumb::test
