// SPDX-License-Identifier: Apache-2.0
#include "families/language/curves.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

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

std::string evaluations_table(const std::string& curves) {
    const std::array<const char*, 3> parts = {"train", "validation", "test"};
    std::string table = "step,epoch,seconds";
    for (const char* part : parts) table += fmt::format(",{0}_perplexity,{0}_nats", part);
    table += '\n';
    std::string place;
    std::map<std::string, std::string> numbers;  // of the evaluation at `place`
    const auto end_row = [&] {
        if (place.empty()) return;
        table += place;
        for (const char* part : parts) table += numbers.contains(part) ? numbers[part] : ",,";
        table += '\n';
        numbers.clear();
    };
    for (const std::string& line : base::split(curves, '\n')) {
        const std::vector<std::string> cells = base::split(line, ',');
        if (cells.size() != 8 || cells[0] == "step") continue;
        const std::string here = cells[0] + ',' + cells[1] + ',' + cells[2];
        if (here != place) end_row();
        place = here;
        numbers[cells[3]] = ',' + cells[4] + ',' + cells[5];
    }
    end_row();
    return table;
}

Fit fit_of(const std::string& curves) {
    const std::vector<CurvePoint> train = read_series(curves, "train"), validation = read_series(curves, "validation");
    const auto best = std::ranges::min_element(validation, {}, &CurvePoint::nats) - validation.begin();
    return {train[static_cast<std::size_t>(best)].nats, validation.back().nats - train.back().nats};
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
