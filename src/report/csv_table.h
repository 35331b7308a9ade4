// SPDX-License-Identifier: Apache-2.0
// A CSV file that a run left in its artifacts, as a table: the ledger of a co-training, the curves of a figure.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "report/table.h"

namespace plumb::report {

/// Rows of cells, RFC 4180: quotes around a cell that holds commas, quotes or line ends. Throws usage where a quote is not closed.
std::vector<std::vector<std::string>> read_csv(std::string_view text);

/// First row: names of the columns. A column whose cells are all numbers or empty is one of numbers. Short rows are filled up.
Table csv_table(std::string title, std::string_view text);

}  // namespace plumb::report
