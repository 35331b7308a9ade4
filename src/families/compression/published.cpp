// SPDX-License-Identifier: Apache-2.0
#include "families/compression/published.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace plumb::families::compression {

namespace {

struct Cell {
    std::string_view file;
    std::int64_t chunk;
    double ratio;
    std::string_view source;
};

constexpr std::int64_t notebook_bytes = 524'288'000;
constexpr std::string_view a100 = "notebook 000, A100";
constexpr std::string_view rtx3050ti = "notebook 000, RTX 3050 Ti";

// Bitcomp, default algorithm on bytes. 64,000 and 256,000: the columns that the notebook prints in full.
constexpr std::array<Cell, 9> bitcomp{{{"silesia/dickens", 4'000, 1.1863, a100},
                                       {"silesia/dickens", 16'000, 1.2040, a100},
                                       {"silesia/dickens", 64'000, 1.2077, a100},
                                       {"silesia/dickens", 256'000, 1.2087, a100},
                                       {"silesia/dickens", 1'024'000, 1.2090, a100},
                                       {"silesia/samba", 4'000, 1.2083, a100},
                                       {"silesia/nci", 4'000, 1.5250, rtx3050ti},
                                       {"silesia/nci", 65'536'000, 1.5563, a100},
                                       {"silesia/mr", 4'000, 1.7534, rtx3050ti}}};

}  // namespace

std::optional<PublishedRatio> published_ratio(const std::string& codec, const std::string& file, std::int64_t repeat_to,
                                              std::int64_t chunk) {
    if (codec != "bitcomp" || repeat_to != notebook_bytes) return std::nullopt;
    const auto found = std::ranges::find_if(bitcomp, [&](const Cell& cell) { return cell.file == file && cell.chunk == chunk; });
    if (found == bitcomp.end()) return std::nullopt;
    return PublishedRatio{found->ratio, std::string(found->source)};
}

}  // namespace plumb::families::compression
