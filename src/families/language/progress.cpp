// SPDX-License-Identifier: Apache-2.0
#include "families/language/progress.h"

#include <array>
#include <charconv>

#include "base/error.h"
#include "base/text.h"

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
const char* const shares_key = "peak_shares";

/// The shortest text that reads back as the same number.
template <class Number>
std::string exact_text(Number value) {
    std::array<char, 32> text{};
    return {text.data(), std::to_chars(text.data(), text.data() + text.size(), value).ptr};
}

template <class Number>
void read_exact(const std::string& name, std::string_view text, Number& value) {
    if (std::from_chars(text.data(), text.data() + text.size(), value).ptr != text.data() + text.size())
        throw base::Error(base::ErrorKind::failed, "a checkpoint's '" + name + "' is no number: " + std::string(text),
                          "remove the point's work folder and run it anew");
}

const std::string& member(const std::map<std::string, std::string>& metadata, const std::string& name) {
    const auto found = metadata.find(name);
    if (found != metadata.end()) return found->second;
    throw base::Error(base::ErrorKind::failed, "a checkpoint does not say '" + name + "'",
                      "remove the point's work folder and run it anew");
}

}  // namespace

std::map<std::string, std::string> to_metadata(const Progress& progress) {
    std::map<std::string, std::string> metadata = {{curves_key, progress.curves}, {shares_key, {}}};
    for (const double share : progress.peak_shares) metadata[shares_key] += exact_text(share) + ' ';
    walk_numbers([&](const char* name, const auto& value) { metadata[name] = exact_text(value); }, progress);
    return metadata;
}

Progress progress_from_metadata(const std::map<std::string, std::string>& metadata) {
    Progress progress;
    progress.curves = member(metadata, curves_key);
    for (const std::string& share : base::split(member(metadata, shares_key), ' '))
        if (!share.empty()) read_exact(shares_key, share, progress.peak_shares.emplace_back());
    walk_numbers([&](const char* name, auto& value) { read_exact(name, member(metadata, name), value); }, progress);
    return progress;
}

}  // namespace plumb::families::language
