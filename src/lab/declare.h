// SPDX-License-Identifier: Apache-2.0
// Short forms for the declarations of a family: `using namespace lab::declare;` in its declarations.cpp.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "lab/figure.h"
#include "lab/schema.h"

namespace plumb::lab::declare {

Parameter text(std::string name, std::string help, std::string default_value = {});
Parameter choice(std::string name, std::string help, std::string default_value, const std::vector<std::string>& choices);
Parameter flag(std::string name, std::string help, bool default_value = false);
/// An integer from low to high, both included.
Parameter count(std::string name, std::string help, std::int64_t default_value, double low, double high);
/// The same, typed by the user as 4KiB.
Parameter bytes(std::string name, std::string help, std::int64_t default_value, double low, double high);
Parameter real(std::string name, std::string help, double default_value, double low = -1e308, double high = 1e308);
Metric metric(std::string name, std::string help, std::string unit, Metric::Better better, bool headline = false);

}  // namespace plumb::lab::declare
