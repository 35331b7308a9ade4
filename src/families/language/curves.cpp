// SPDX-License-Identifier: Apache-2.0
#include "families/language/curves.h"

#include <fmt/format.h>

#include <cmath>

namespace plumb::families::language {

std::string curves_header() {
    return "step,epoch,seconds,series,perplexity\n";
}

std::string curve_rows(std::int64_t step, double epoch, double seconds, const std::vector<CurvePoint>& points) {
    std::string rows;
    for (const CurvePoint& point : points)
        rows += fmt::format("{},{:.6g},{:.6g},{},{:.8g}\n", step, epoch, seconds, point.series, std::exp(point.nats));
    return rows;
}

}  // namespace plumb::families::language
