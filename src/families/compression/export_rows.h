// SPDX-License-Identifier: Apache-2.0
// Nsight exports as rows: a file or a folder of files, each one cell of the sweep, told by its name.
#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "families/compression/imported.h"
#include "families/compression/utilisation.h"

namespace plumb::families::compression {

struct ExportImport {
    UtilisationOptions use;
    std::string cell_name = std::string(notebook_cell_name);
    std::int64_t total_bytes = 0;  ///< of the input, to get the chunk size from the number of chunks; 0: chunk sizes stay unknown
    std::string device;            ///< instead of the GPU's name in the file; only for files of one GPU
};

/// Rows of an export, or of every *.h5, *.hdf5, *.hdf and *.sqlite in a folder (not below it), in order of name. A file of several GPUs
/// gives a row for each that ran kernels. In a folder a file that cannot be read, is named otherwise or has no matching kernel is a row
/// with its reason; a file named by itself throws what read_export() throws. Throws missing where nothing is there.
///
/// Metrics of direction D ("compress", "decompress"): D_kernels, D_busy_time and D_span_time (s), D_busy (share of the span), and for each
/// sampled metric M: D_M (mean during kernels, with its bounds), D_M_p50, D_M_p95, D_M_coverage, D_M_resolution, and D_M_span (mean from
/// the first start to the last end). Of the whole GPU: unmatched_kernel_time (s) and unmatched_kernel_share.
std::vector<ImportedRow> import_exports(const std::filesystem::path& path, const ExportImport& options);

}  // namespace plumb::families::compression
