// SPDX-License-Identifier: Apache-2.0
// What a point will cost, learnt from the finished runs of the whole store.
#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include "lab/plan.h"

namespace plumb::lab {
namespace {

constexpr std::size_t neighbours = 3;

struct Cost {
    double seconds = 0;
    double bytes = 0;
};

struct Experience {
    Settings settings;
    Cost cost;
};

/// Everything the store knows: costs of single points by hash, and all of a family's for comparison.
struct Knowledge {
    std::map<std::string, Cost> points;
    std::map<std::string, std::vector<Experience>> families;
};

Knowledge learn(const Store& store) {
    Knowledge knowledge;
    for (const std::string& study : store.studies()) {
        for (const auto& [hash, record] : store.latest(study)) {
            if (record.status != Status::done) continue;
            const Cost cost{record.seconds, static_cast<double>(record.bytes)};
            knowledge.points[hash] = cost;
            knowledge.families[record.point.family].push_back({record.point.settings, cost});
        }
    }
    return knowledge;
}

double as_number(const Value& value) {
    const auto* integer = std::get_if<std::int64_t>(&value);
    return integer != nullptr ? static_cast<double>(*integer) : std::get<double>(value);
}

bool is_number(const Value& value) {
    return std::holds_alternative<std::int64_t>(value) || std::holds_alternative<double>(value);
}

// 0 where equal. Numbers: octaves between them, so that 32 to 64 is as far as 4096 to 8192. Another name (implementation, codec, file) may
// cost many times more, so it counts as three octaves.
double distance(const Value& a, const Value& b) {
    if (a == b) return 0;
    if (!is_number(a) || !is_number(b)) return 3;
    const double x = as_number(a), y = as_number(b);
    if (x > 0 && y > 0) return std::abs(std::log2(x / y));
    return 1 + std::abs(std::asinh(x) - std::asinh(y));
}

// A run older than one of the parameters did what is now its default.
double distance(const Settings& point, const Settings& other, const Schema& schema) {
    double sum = 0;
    for (const Setting& setting : point) {
        const Value* value = find(other, setting.name);
        sum += distance(setting.value, value == nullptr ? schema.at(setting.name).default_value : *value);
    }
    return sum;
}

// Costs grow by factors along an axis, so logarithms are averaged; the floors keep free points from pulling the mean to nothing.
Cost weighted(const std::array<std::pair<double, const Experience*>, neighbours>& nearest, std::size_t count) {
    double weights = 0, seconds = 0, bytes = 0;
    for (std::size_t i = 0; i < count; ++i) {
        const double similarity = 1 / (0.01 + nearest[i].first * nearest[i].first);
        weights += similarity;
        seconds += similarity * std::log(std::max(nearest[i].second->cost.seconds, 1e-6));
        bytes += similarity * std::log(std::max(nearest[i].second->cost.bytes, 1.0));
    }
    return {std::exp(seconds / weights), std::exp(bytes / weights)};
}

Cost from_similar(const Settings& settings, const std::vector<Experience>& known, const Schema& schema) {
    std::vector<std::pair<double, const Experience*>> by_distance;
    for (const Experience& experience : known) by_distance.emplace_back(distance(settings, experience.settings, schema), &experience);
    const std::size_t count = std::min(neighbours, by_distance.size());
    std::array<std::pair<double, const Experience*>, neighbours> nearest{};
    std::partial_sort_copy(by_distance.begin(), by_distance.end(), nearest.begin(), nearest.begin() + static_cast<std::ptrdiff_t>(count),
                           [](const auto& a, const auto& b) { return a.first < b.first; });
    return weighted(nearest, count);
}

}  // namespace

std::vector<Estimate> estimate(const Plan& plan, const Store& store, const Families& families) {
    const Knowledge knowledge = learn(store);
    std::vector<Estimate> estimates;
    for (const PlannedPoint& planned : plan.points) {
        Estimate estimate;
        const auto known = knowledge.points.find(planned.point.hash());
        const auto similar = knowledge.families.find(planned.point.family);
        if (known != knowledge.points.end()) {
            estimate = {known->second.seconds, known->second.bytes, Estimate::Basis::same_point};
        } else if (similar != knowledge.families.end()) {
            const Cost cost = from_similar(planned.point.settings, similar->second, family_named(families, planned.point.family).schema());
            estimate = {cost.seconds, cost.bytes, Estimate::Basis::similar_points};
        }
        estimates.push_back(estimate);
    }
    return estimates;
}

}  // namespace plumb::lab
