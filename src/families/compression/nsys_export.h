// SPDX-License-Identifier: Apache-2.0
// One export of NVIDIA Nsight Systems (nsys export --type sqlite or hdf), read into plain structures. The exporter's tables are made lazily
// and change between versions: a missing table means no such events, a missing optional column means not known, and what was odd about a
// file stands in Export::notes. Times are nanoseconds since the start of the session; negative ones are legal. To read another column: its
// Field in the reader of its table (nsys_export.cpp).
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace plumb::families::compression {

struct Gpu {
    std::string name;  ///< "NVIDIA A100-PCIE-40GB"
    std::string uuid;
    std::string bus;
    std::int64_t id = -1;                     ///< the file's own number
    std::optional<std::int64_t> perfworks;    ///< pwGpuId: what metric samples go by
    std::optional<std::int64_t> cuda_device;  ///< the ordinal that kernels go by; another number than `perfworks`
    std::int64_t multiprocessors = 0;         ///< 0: not known
};

/// "lz4CompressBatchKernel" and "void nvcomp::lz4CompressBatchKernel<...>(...)"; empty where the file has none.
struct KernelName {
    std::string shortened;
    std::string demangled;
    bool operator==(const KernelName&) const = default;
};

struct Kernel {
    std::int64_t start = 0;
    std::int64_t end = 0;          ///< never before start
    std::int64_t device = 0;       ///< CUDA ordinal
    std::uint64_t process = 0;     ///< globalPid; 0 where the file does not say
    std::int64_t correlation = 0;  ///< 0: none. Unique within a process only
    std::size_t name = 0;          ///< index into Export::kernel_names
    std::array<std::int64_t, 3> grid = {0, 0, 0};
    std::optional<std::size_t> gpu;  ///< index into Export::gpus; empty where the file does not tell
};

struct Sample {
    std::int64_t timestamp = 0;
    double value = 0;
    bool operator==(const Sample&) const = default;
};

/// One metric of one GPU. "SMs Active [Throughput %]" is split into name "SMs Active" and unit "Throughput %"; early exports have no unit.
struct MetricSeries {
    std::uint64_t type = 0;   ///< typeId, which tells the GPU
    std::int64_t metric = 0;  ///< metricId, which means something else in every file
    std::string name;
    std::string unit;
    std::optional<std::size_t> gpu;  ///< index into Export::gpus
    std::vector<Sample> samples;     ///< in order of time
    bool whole_numbers = true;       ///< no sample has a fraction
};

struct NvtxRange {
    std::string text;
    std::int64_t start = 0;
    std::optional<std::int64_t> end;  ///< empty: never closed
    std::uint64_t thread = 0;         ///< globalTid of where it began
};

/// A call of the CUDA runtime or driver that may have launched kernels.
struct RuntimeCall {
    std::int64_t start = 0;
    std::int64_t end = 0;
    std::uint64_t thread = 0;  ///< globalTid
    std::int64_t correlation = 0;
};

struct Diagnostic {
    std::int64_t timestamp = 0;
    std::int64_t severity = 0;  ///< the exporter's number: 1 information, 2 warning, 3 error
    std::string text;
};

struct Export {
    std::vector<Gpu> gpus;
    std::vector<KernelName> kernel_names;
    std::vector<Kernel> kernels;  ///< in order of start
    std::vector<MetricSeries> metrics;
    std::vector<NvtxRange> ranges;
    std::vector<RuntimeCall> calls;
    std::optional<std::int64_t> session_start;  ///< nanoseconds since 1970, UTC
    std::string product_version;                ///< of the exporter, "2024.6.2.225"; empty in early exports
    std::vector<Diagnostic> diagnostics;        ///< what the profiler itself warned of: lost samples, missing permissions
    std::vector<std::string> notes;             ///< what this reader left out or took for granted
};

struct ReadOptions {
    /// Samples are kept of metrics for which it is true (name, unit); the others stay in the list without samples. Empty: all are kept.
    std::function<bool(std::string_view, std::string_view)> wanted_metric;
};

enum class Container { none, sqlite, hdf5 };
/// By the first bytes. Throws missing where the file cannot be read.
Container container_of(const std::filesystem::path& path);

/// Throws missing where there is no such file, usage where it is no export, failed naming table and column where it is damaged or has
/// another shape than any known version's.
Export read_export(const std::filesystem::path& path, const ReadOptions& options = {});

/// The process of a thread: globalTid without its low 24 bits, as globalPid has it.
inline std::uint64_t process_of(std::uint64_t global_thread) {
    return global_thread & ~std::uint64_t{0xFFFFFF};
}

}  // namespace plumb::families::compression
