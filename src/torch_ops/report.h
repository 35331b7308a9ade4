// SPDX-License-Identifier: Apache-2.0
// The forward kernels at a level of protection, and what a call reports: one row of int64, whose columns have names.
// To add a column: the enum and the table in report.cpp, at the end; docs/libplumb_attention.md explains them.
#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/attention/attention.h"

namespace plumb::torch_ops {

enum Column { level, row_checks, alarms, corrected, false_alarms, unresolved, trusted, largest_residual_ppm, column_count };
using Row = std::array<std::int64_t, column_count>;

std::vector<std::string> column_names();
/// Of several calls that make up one.
Row joined(const Row& a, const Row& b);
/// 0, 1, 2 for "none", "detect", "correct". Throws Error{usage} for another word.
std::int64_t level_of(std::string_view protect);
/// Runs the kernel. Throws what it throws.
Row run_reported(const kernels::attention::Problem& problem, std::int64_t level, void* out, const kernels::attention::Strides& out_strides,
                 float* lse_BHN);

}  // namespace plumb::torch_ops
