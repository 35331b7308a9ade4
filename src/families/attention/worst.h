// SPDX-License-Identifier: Apache-2.0
// How one kind of comparison went over the tries of a point: each try can only make it worse.
#pragma once
#include <cstddef>
#include <string>

namespace plumb::families::attention {

/// Largest measured / bound.
struct Worst {
    std::size_t tries = 0;
    double measured = 0;
    double bound = 0;
    std::string note;

    void take(double new_measured, double new_bound, const std::string& new_note);
};

}  // namespace plumb::families::attention
