// SPDX-License-Identifier: Apache-2.0
// Ratios that somebody else printed for a cell that plumb can measure too: a codec that gives other ones is not the same codec.
#pragma once
#include <cstdint>
#include <optional>
#include <string>

namespace plumb::families::compression {

struct PublishedRatio {
    double ratio = 0;
    std::string source;
};

/// For default options. `file` as typed, `repeat_to` and `chunk` in bytes.
std::optional<PublishedRatio> published_ratio(const std::string& codec, const std::string& file, std::int64_t repeat_to,
                                              std::int64_t chunk);

}  // namespace plumb::families::compression
