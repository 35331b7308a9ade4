// SPDX-License-Identifier: Apache-2.0
// What is timed contains no code for injection: the object files of the library say so.
#include <array>
#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace plumb::kernels::protect {
namespace {

struct ClosePipe {
    void operator()(std::FILE* pipe) const { pclose(pipe); }
};

/// Names in each object file of the library, defined or asked for.
std::map<std::string, std::vector<std::string>> symbols() {
    const std::string command = std::string(PLUMB_NM) + " -C '" + PLUMB_KERNELS_ARCHIVE + "' 2>/dev/null";
    const std::unique_ptr<std::FILE, ClosePipe> pipe(popen(command.c_str(), "r"));
    std::map<std::string, std::vector<std::string>> found;
    std::string member;
    std::string line;
    for (int letter = std::fgetc(pipe.get()); letter != EOF; letter = std::fgetc(pipe.get())) {
        if (letter != '\n') {
            line.push_back(static_cast<char>(letter));
            continue;
        }
        if (line.ends_with(".o:")) member = line.substr(0, line.size() - 3);
        if (!line.empty() && !line.ends_with(":")) found[member].push_back(line);
        line.clear();
    }
    return found;
}

bool mentions_injection(const std::string& symbol) {
    // The table of schemes hands both functions out; what it must not have is the code itself.
    constexpr std::array words = {"protect::corrupted(", "protect::shows_in_block(", "InjectedFault"};
    for (const char* word : words) {
        if (symbol.find(word) != std::string::npos) return true;
    }
    return false;
}

bool is_for_injection(const std::string& member) {
    return member.starts_with("fault") || member.find("inject") != std::string::npos;
}

TEST(InjectionSymbols, OnlyFilesForInjectionHaveCodeForIt) {
    const auto all = symbols();
    if (all.empty()) GTEST_SKIP() << "no symbols to read: " << PLUMB_NM << " on " << PLUMB_KERNELS_ARCHIVE;
    int with_code = 0;
    for (const auto& [member, names] : all) {
        for (const std::string& name : names) {
            if (!mentions_injection(name)) continue;
            ++with_code;
            EXPECT_TRUE(is_for_injection(member)) << member << ": " << name;
        }
    }
    EXPECT_GT(with_code, 0) << "the words that are looked for are in no file: the test would see nothing";
    ASSERT_TRUE(all.contains("unfused.cpp"));
}

}  // namespace
}  // namespace plumb::kernels::protect
