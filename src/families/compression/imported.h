// SPDX-License-Identifier: Apache-2.0
// What an import yields: one row for a cell of somebody else's measurement (device, codec, file, chunk size), measured or not.
#pragma once
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "lab/record.h"

namespace plumb::families::compression {

struct ImportedMetric {
    std::string name;  ///< "compress_throughput"
    std::string unit;  ///< "B/s", "s", "share" (0 to 1), "" for a bare number
    double value = std::numeric_limits<double>::quiet_NaN();
    double low = std::numeric_limits<double>::quiet_NaN();  ///< value itself where the source gives no interval
    double high = std::numeric_limits<double>::quiet_NaN();
    std::int64_t samples = 0;
    std::string reason;  ///< why there is no value (which is then NaN); empty: there is one
};

struct ImportedRow {
    std::string source;  ///< "results.csv line 12", "output_lz4_500mb_mr_8threads.h5"
    std::string device;
    std::string codec;
    std::string file;
    std::int64_t chunks = 0;       ///< 0: not known
    std::int64_t chunk_bytes = 0;  ///< 0: not known
    std::vector<ImportedMetric> metrics;
    lab::Status status = lab::Status::failed;
    std::string reason;               ///< why it is not done
    std::vector<std::string> doubts;  ///< what a reader should know: unmatched kernels, odd files
};

/// The chunk size that makes `chunks` chunks of `total_bytes`: the quotient, rounded up where it does not divide, so that only the last
/// chunk is shorter. Throws usage unless both are positive and there are not more chunks than bytes.
std::int64_t chunk_bytes_of(std::int64_t total_bytes, std::int64_t chunks);
/// "131072 chunks of 4 kB", "8 chunks", "chunks of 64 KiB", "": a count is bare, a size has its exact unit.
std::string chunk_label(const ImportedRow& row);

/// How a file name tells its cell: text with {codec}, {file}, {chunks}, {chunk_bytes} (with a unit, "64KiB") and {device}; what is not in
/// braces must stand in the name. {chunks} is digits. Where more than one reading fits, earlier places are as short as can be.
class CellName {
  public:
    /// Throws usage for an unknown or doubled place. A file extension of an export at the end is ignored, as it is in names.
    explicit CellName(std::string_view pattern);
    /// Fills codec, file, chunks, chunk_bytes and device as far as the pattern has them. False where the name is of another form.
    bool read(std::string_view file_name, ImportedRow& row) const;
    const std::string& pattern() const { return pattern_; }

  private:
    struct Piece {
        bool place = false;
        std::string text;  ///< literal, or the name of a place
    };
    static bool fits(std::string_view text, std::size_t piece, const std::vector<Piece>& pieces, std::vector<std::string_view>& found);

    std::string pattern_;
    std::vector<Piece> pieces_;
};

/// The notebook's: output_CODEC_FILE_NNthreads.
inline constexpr std::string_view notebook_cell_name = "output_{codec}_{file}_{chunks}threads";

}  // namespace plumb::families::compression
