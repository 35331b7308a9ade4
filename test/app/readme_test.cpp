// SPDX-License-Identifier: Apache-2.0
// The five-minute tour of README.md, run as it stands.
#include <gtest/gtest.h>

#include "app/program.h"
#include "base/file.h"
#include "base/text.h"

namespace plumb {
namespace {

/// Lines of the shell blocks between the tour's headline and the next one.
std::vector<std::string> tour_commands() {
    std::vector<std::string> commands;
    bool in_tour = false, in_block = false;
    for (const std::string& line : base::split(base::read_file(PLUMB_SOURCE_DIR "/README.md"), '\n')) {
        if (line.starts_with("## "))
            in_tour = line.find("tour") != std::string::npos;
        else if (line.starts_with("```"))
            in_block = line == "```sh";
        else if (in_tour && in_block && !line.empty() && !line.starts_with("#"))
            commands.push_back(line);
    }
    return commands;
}

TEST(Readme, EveryCommandOfTheTourWorks) {
    const auto commands = tour_commands();
    ASSERT_GE(commands.size(), 6u) << "the tour of README.md was not found";
    const test::Workplace place;
    for (const std::string& command : commands) {
        const auto outcome = place.shell(command);
        EXPECT_EQ(outcome.exit_code, 0) << command << "\n" << outcome.err;
    }
}

}  // namespace
}  // namespace plumb
