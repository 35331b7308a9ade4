// SPDX-License-Identifier: Apache-2.0
#include "families/language/progress.h"

#include <array>
#include <charconv>

#include "base/error.h"

namespace plumb::families::language {

namespace {

// A reader and a writer go through the same members.
template <class Walk, class ProgressLike>
void walk_numbers(const Walk& walk, ProgressLike& progress) {
    walk("nats", progress.nats), walk("predictions", progress.predictions), walk("places", progress.places);
    walk("best_nats", progress.best_nats), walk("best_step", progress.best_step), walk("since_best", progress.since_best);
    walk("seconds", progress.seconds), walk("seconds_before", progress.seconds_before),
        walk("evaluation_seconds", progress.evaluation_seconds);
    walk("all_predictions", progress.all_predictions);
}

const char* const curves_key = "curves";

const std::string& member(const std::map<std::string, std::string>& metadata, const std::string& name) {
    const auto found = metadata.find(name);
    if (found != metadata.end()) return found->second;
    throw base::Error(base::ErrorKind::failed, "a checkpoint does not say '" + name + "'",
                      "remove the point's work folder and run it anew");
}

}  // namespace

std::map<std::string, std::string> to_metadata(const Progress& progress) {
    std::map<std::string, std::string> metadata = {{curves_key, progress.curves}};
    walk_numbers(
        [&](const char* name, const auto& value) {
            std::array<char, 32> text{};  // the shortest text that reads back as the same number
            metadata[name] = std::string(text.data(), std::to_chars(text.data(), text.data() + text.size(), value).ptr);
        },
        progress);
    return metadata;
}

Progress progress_from_metadata(const std::map<std::string, std::string>& metadata) {
    Progress progress;
    progress.curves = member(metadata, curves_key);
    walk_numbers(
        [&](const char* name, auto& value) {
            const std::string& text = member(metadata, name);
            if (std::from_chars(text.data(), text.data() + text.size(), value).ptr != text.data() + text.size())
                throw base::Error(base::ErrorKind::failed, std::string("a checkpoint's '") + name + "' is no number: " + text,
                                  "remove the point's work folder and run it anew");
        },
        progress);
    return progress;
}

}  // namespace plumb::families::language
