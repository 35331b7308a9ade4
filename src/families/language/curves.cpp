// SPDX-License-Identifier: Apache-2.0
#include "families/language/curves.h"

#include <fmt/format.h>

#include <cmath>

#include "base/text.h"

namespace plumb::families::language {

std::string curves_header() {
    return "step,epoch,seconds,series,perplexity,nats,printed_nats,time\n";
}

std::string curve_rows(std::int64_t step, double epoch, double seconds, const std::vector<CurvePoint>& points) {
    std::string rows;
    for (const CurvePoint& point : points) {
        rows += fmt::format("{},{:.6g},{:.6g},{},{:.8g},{},{},{}\n", step, epoch, seconds, point.series, std::exp(point.nats), point.nats,
                            point.printed_nats, point.time);
    }
    return rows;
}

std::vector<CurvePoint> read_series(const std::string& curves, const std::string& series) {
    std::vector<CurvePoint> points;
    for (const std::string& line : base::split(curves, '\n')) {
        const std::vector<std::string> cells = base::split(line, ',');
        if (cells.size() == 8 && cells[3] == series)
            points.push_back({series, std::stod(cells[5]), std::stod(cells[6]), std::stod(cells[7])});
    }
    return points;
}

}  // namespace plumb::families::language
