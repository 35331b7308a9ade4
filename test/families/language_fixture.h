// SPDX-License-Identifier: Apache-2.0
// A made-up text in files, and trainings on it through the lab's own runner.
#pragma once
#include <filesystem>
#include <string>

#include "lab/runner.h"
#include "temporary_folder.h"

namespace plumb::test {

/// Sentences of a small grammar, so that there is something to learn: 300 lines to train on, 40 others to score.
struct TextFiles {
    TextFiles();
    /// A model of four numbers an embedding on one thread, and what is changed of that.
    lab::Settings settings(const lab::Settings& changed) const;
    TemporaryFolder folder;
    std::string train, validation;
};

/// One point of the family language with these settings, as a study "language".
lab::Study language_study(const lab::Settings& settings);
/// Runs it into the store; the exit code.
int run_language(const lab::Store& store, const lab::Study& study);
/// The only run of the study.
lab::Record only_language_record(const lab::Store& store);

}  // namespace plumb::test
