// SPDX-License-Identifier: Apache-2.0
#include "app/session.h"

#include <algorithm>
#include <cstdlib>
#include <iostream>

#include "base/error.h"
#include "base/text.h"

namespace plumb::app {

namespace fs = std::filesystem;

lab::Store Session::store() const {
    return lab::Store(runs.empty() ? lab::Store::default_root() : fs::path(runs));
}

Terminal Session::out() const {
    return Terminal(1, colour);
}
Terminal Session::err() const {
    return Terminal(2, colour);
}

std::vector<fs::path> study_files() {
    std::vector<fs::path> folders = {"studies"};
    if (const char* given = std::getenv("PLUMB_STUDIES"); given && *given) folders.emplace_back(given);
    folders.emplace_back(fs::path(PLUMB_SOURCE_DIR) / "studies");
    std::vector<fs::path> files;
    for (const fs::path& folder : folders) {
        if (!fs::is_directory(folder)) continue;
        std::vector<fs::path> here;
        for (const auto& entry : fs::directory_iterator(folder)) {
            if (entry.path().extension() == ".toml") here.push_back(entry.path());
        }
        std::sort(here.begin(), here.end());
        for (const fs::path& file : here) {
            const auto same_name = [&](const fs::path& other) { return other.stem() == file.stem(); };
            if (std::none_of(files.begin(), files.end(), same_name)) files.push_back(file);
        }
    }
    return files;
}

lab::Study find_study(std::string_view word, const lab::Families& families) {
    if (word.starts_with("family:")) return lab::study_of_family(lab::family_named(families, word.substr(7)));
    if (word.ends_with(".toml")) return lab::read_study(fs::path(word), families);
    std::vector<std::string> names;
    for (const fs::path& file : study_files()) {
        if (file.stem() == word) return lab::read_study(file, families);
        names.push_back(file.stem().string());
    }
    for (const auto& family : families) {
        if (family->name() == word) return lab::study_of_family(*family);
        names.push_back(family->name());
    }
    throw base::Error(base::ErrorKind::usage, "no study or family '" + std::string(word) + "'", base::suggest(word, names));
}

void print_table(const Session& session, const report::Table& table, const OutputForm& form) {
    if (form.json)
        std::cout << report::to_json_lines(table);
    else if (form.csv)
        std::cout << report::to_csv(table);
    else if (form.markdown)
        std::cout << report::to_markdown(table);
    else
        std::cout << report::to_console(table, {session.out().width(), session.out().colour()});
}

}  // namespace plumb::app
