// SPDX-License-Identifier: Apache-2.0
// Which kernels of an export count as compression and which as decompression: by name, or by the NVTX range that launched them.
// To add a kernel for good: one line of the table in kernel_choice.cpp; for one import: --kernels compress=PATTERN.
#pragma once
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "families/compression/nsys_export.h"

namespace plumb::families::compression {

/// `pattern` stands for whole names, short or demangled; * is any run of letters, ? any one. Letter case counts.
struct KernelPattern {
    std::string direction;  ///< "compress", "decompress", or what else the user calls it
    std::string pattern;
    std::string codec;  ///< where the name alone tells; empty: shared by several, or not known
};

/// Kernel names of nvCOMP 2.x.
const std::vector<KernelPattern>& known_kernels();
/// "compress=lz4*Kernel": everything after the first = is the pattern. Throws usage without both parts.
KernelPattern parse_kernel_pattern(std::string_view text);
bool matches(std::string_view pattern, std::string_view name);

/// NVTX ranges whose whole text `pattern` stands for.
struct RangePattern {
    std::string direction;
    std::string pattern;
};
RangePattern parse_range_pattern(std::string_view text);

/// The kernels of one direction, as indices into Export::kernels in order of start.
struct ChosenKernels {
    std::string direction;
    std::vector<std::size_t> kernels;
};

struct KernelChoice {
    std::vector<ChosenKernels> chosen;   ///< in the order in which the patterns name their directions; those without a kernel too
    std::vector<std::size_t> unmatched;  ///< kernels of no direction
    std::vector<std::string> notes;
};

/// The first pattern that fits decides.
KernelChoice choose_by_name(const Export& data, std::span<const KernelPattern> patterns);
/// An NVTX range is CPU time, and launches are asynchronous: its own times say nothing of the GPU. Instead the runtime calls that begin
/// inside it on its thread are followed to their kernels by (process, correlation). Ranges that were never closed are left out with a note.
KernelChoice choose_by_range(const Export& data, std::span<const RangePattern> ranges);

}  // namespace plumb::families::compression
