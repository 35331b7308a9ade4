// SPDX-License-Identifier: Apache-2.0
// The notebook's table of throughputs and ratios (results.csv), as rows.
//
// Columns, in any order and letter case: standard (or codec), file, chunks, and at least one of ratio, compression_throughput_GBps,
// decompression_throughput_GBps; GB = 10^9 bytes. Others are left alone. Cells may be quoted.
#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "families/compression/imported.h"

namespace plumb::families::compression {

struct CsvImport {
    std::int64_t total_bytes = 0;  ///< of the input; the chunk size is this over `chunks`
    std::string device;            ///< the table does not say where it was measured
};

/// One row for each line below the header, in order. Metrics compress_throughput and decompress_throughput (B/s) and ratio. A cell that is
/// missing, no number or not positive is a metric without a value; the row then is not done, and its reason names line and column.
/// Throws usage naming line and column where the table itself is wrong: a needed column is missing or there twice, a line has more cells
/// than the header, a quote is never closed. `name` stands in messages.
std::vector<ImportedRow> parse_results_csv(std::string_view text, const CsvImport& options, const std::string& name = "results.csv");
/// The same from a file. Throws missing where it cannot be read.
std::vector<ImportedRow> read_results_csv(const std::filesystem::path& path, const CsvImport& options);

}  // namespace plumb::families::compression
