// SPDX-License-Identifier: Apache-2.0
// What the tables of an export mean, for every version and both containers; the containers themselves are nsys_sqlite.cpp and
// nsys_hdf5.cpp.
#include "families/compression/nsys_export.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>
#include <set>
#include <unordered_map>
#include <utility>

#include "base/error.h"
#include "base/text.h"
#include "families/compression/isolated_tables.h"
#include "families/compression/nsys_rows.h"

namespace plumb::families::compression {

namespace {

/// The tables that tell an export from any other database.
const std::vector<std::string>& telling_tables() {
    static const std::vector<std::string> tables = {
        "StringIds", "CUPTI_ACTIVITY_KIND_KERNEL", "CUPTI_ACTIVITY_KIND_RUNTIME", "GPU_METRICS", "NVTX_EVENTS", "TARGET_INFO_GPU"};
    return tables;
}

/// "SMs Active [Throughput %]" -> {"SMs Active", "Throughput %"}.
std::pair<std::string, std::string> split_unit(std::string_view full) {
    full = base::trim(full);
    const std::size_t opening = full.rfind('[');
    if (opening == std::string_view::npos || !full.ends_with(']')) return {std::string(full), ""};
    const std::string_view unit = full.substr(opening + 1, full.size() - opening - 2);
    return {std::string(base::trim(full.substr(0, opening))), std::string(base::trim(unit))};
}

class Reader {
  public:
    Reader(const std::filesystem::path& path, const Tables& tables, const ReadOptions& options)
        : file_(path.string()), tables_(tables), rows_(file_, tables), options_(options) {}

    Export read() {
        require_export();
        read_strings();
        read_gpus();
        read_cuda_devices();
        read_kernels();
        read_metric_names();
        read_samples();
        read_ranges();
        read_calls();
        read_session();
        read_diagnostics();
        return std::move(result_);
    }

  private:
    void require_export() const {
        const std::vector<std::string> names = tables_.names();
        for (const std::string& telling : telling_tables()) {
            if (std::find(names.begin(), names.end(), telling) != names.end()) return;
        }
        throw base::Error(base::ErrorKind::usage,
                          file_ + " is no export of Nsight Systems: it has none of the tables " + base::join(telling_tables(), ", "),
                          "nsys export --type sqlite REPORT makes one");
    }

    void note(const std::string& text) { result_.notes.push_back(text); }
    void note_count(std::size_t count, const std::string& text) {
        if (count > 0) note(std::to_string(count) + " " + text);
    }

    void read_strings() {
        rows_.each("StringIds", {{"id"}, {"value"}}, [&](const Row& row) { strings_[row.integer(0)] = row.text(1); });
    }

    void read_gpus() {
        rows_.each("TARGET_INFO_GPU",
                   {{"id", Need::optional},
                    {"name", Need::optional},
                    {"uuid", Need::optional},
                    {"busLocation", Need::optional},
                    {"pwGpuId", Need::optional},
                    {"cuDevice", Need::optional},
                    {"smCount", Need::optional}},
                   [&](const Row& row) {
                       Gpu gpu;
                       gpu.id = row.integer(0, -1);
                       gpu.name = row.text(1);
                       gpu.uuid = row.text(2);
                       gpu.bus = row.text(3);
                       if (!row.empty(4)) gpu.perfworks = row.integer(4);
                       if (!row.empty(5)) gpu.cuda_device = row.integer(5);
                       gpu.multiprocessors = row.integer(6);
                       result_.gpus.push_back(gpu);
                   });
    }

    /// Later exports map each process's ordinals to the GPUs' own numbers.
    void read_cuda_devices() {
        rows_.each("TARGET_INFO_CUDA_DEVICE", {{"gpuId"}, {"cudaId"}, {"pid", Need::optional}}, [&](const Row& row) {
            for (std::size_t i = 0; i < result_.gpus.size(); ++i) {
                if (result_.gpus[i].id == row.integer(0)) devices_[{row.integer(2), row.integer(1)}].insert(i);
            }
        });
    }

    /// The GPU behind a CUDA ordinal; empty where none or several claim it.
    std::optional<std::size_t> gpu_of_device(std::int64_t device, std::uint64_t process) const {
        const auto pid = static_cast<std::int64_t>(process >> 24 & 0xFFFFFF);
        for (const std::int64_t owner : {pid, std::int64_t{0}}) {
            const auto found = devices_.find({owner, device});
            if (found != devices_.end() && found->second.size() == 1) return *found->second.begin();
        }
        if (result_.gpus.size() == 1) return 0;
        return the_only_gpu([&](const Gpu& gpu) { return gpu.cuda_device == device; });
    }

    template <typename Match>
    std::optional<std::size_t> the_only_gpu(const Match& match) const {
        std::optional<std::size_t> found;
        for (std::size_t i = 0; i < result_.gpus.size(); ++i) {
            if (!match(result_.gpus[i])) continue;
            if (found) return std::nullopt;
            found = i;
        }
        return found;
    }

    void read_kernels() {
        const std::string table = "CUPTI_ACTIVITY_KIND_KERNEL";
        const Need need_short = rows_.has_column(table, "demangledName") ? Need::optional : Need::required;
        std::map<std::pair<std::string, std::string>, std::size_t> known;
        std::size_t unfinished = 0;
        std::size_t unnamed = 0;
        const auto name_of = [&](const Row& row, std::size_t field) -> std::string {
            if (row.empty(field)) return {};
            const auto found = strings_.find(row.integer(field));
            if (found != strings_.end()) return found->second;
            ++unnamed;
            return {};
        };
        rows_.each(table,
                   {{"start"},
                    {"end"},
                    {"deviceId", Need::optional},
                    {"globalPid", Need::optional},
                    {"correlationId", Need::optional},
                    {"shortName", need_short},
                    {"demangledName", Need::optional},
                    {"gridX", Need::optional},
                    {"gridY", Need::optional},
                    {"gridZ", Need::optional}},
                   [&](const Row& row) {
                       Kernel kernel;
                       kernel.start = row.time(0);
                       kernel.end = row.time(1);
                       if (row.empty(1) || kernel.end < kernel.start) {
                           ++unfinished;
                           return;
                       }
                       kernel.device = row.integer(2);
                       kernel.process = row.identifier(3);
                       kernel.correlation = row.integer(4);
                       const KernelName name{name_of(row, 5), name_of(row, 6)};
                       const auto [place, added] = known.try_emplace({name.shortened, name.demangled}, result_.kernel_names.size());
                       if (added) result_.kernel_names.push_back(name);
                       kernel.name = place->second;
                       kernel.grid = {row.integer(7), row.integer(8), row.integer(9)};
                       kernel.gpu = gpu_of_device(kernel.device, kernel.process);
                       result_.kernels.push_back(kernel);
                   });
        std::stable_sort(result_.kernels.begin(), result_.kernels.end(),
                         [](const Kernel& a, const Kernel& b) { return a.start < b.start; });
        note_count(unfinished, "kernels end before they start and were left out");
        note_count(unnamed, "names of kernels are not in StringIds");
    }

    void read_metric_names() {
        rows_.each("TARGET_INFO_GPU_METRICS", {{"typeId"}, {"metricId"}, {"metricName"}}, [&](const Row& row) {
            MetricSeries& series = series_of(row.identifier(0), row.integer(1));
            std::tie(series.name, series.unit) = split_unit(row.text(2));
        });
        std::set<std::uint64_t> types;
        for (const MetricSeries& series : result_.metrics) types.insert(series.type);
        for (MetricSeries& series : result_.metrics) {
            // The low byte is pwGpuId; the rest numbers the host and the source.
            const auto perfworks = static_cast<std::int64_t>(series.type & 0xFF);
            series.gpu = the_only_gpu([&](const Gpu& gpu) { return gpu.perfworks == perfworks; });
            if (!series.gpu && types.size() == 1 && result_.gpus.size() == 1) series.gpu = 0;
        }
    }

    MetricSeries& series_of(std::uint64_t type, std::int64_t metric) {
        const auto [place, added] = series_.try_emplace({type, metric}, result_.metrics.size());
        if (added) {
            MetricSeries series;
            series.type = type;
            series.metric = metric;
            result_.metrics.push_back(series);
        }
        return result_.metrics[place->second];
    }

    /// Version 2025.3 wrote unsigned values as signed ones. Clocks above 2^31 Hz are what it shows on, so the width is 32 bits; what is
    /// below -2^31 can only have had 64.
    static double unsigned_value(double value) { return value >= 0 ? value : value + (value >= -0x1p31 ? 0x1p32 : 0x1p64); }

    void read_samples() {
        std::size_t untimed = 0;
        std::size_t unknown = 0;
        std::size_t negative = 0;
        std::vector<bool> wanted;
        for (const MetricSeries& series : result_.metrics) {
            wanted.push_back(!options_.wanted_metric || options_.wanted_metric(series.name, series.unit));
        }
        rows_.each("GPU_METRICS", {{"timestamp"}, {"typeId"}, {"metricId"}, {"value"}}, [&](const Row& row) {
            const auto place = series_.find({row.identifier(1), row.integer(2)});
            if (place == series_.end()) {
                ++unknown;
                return;
            }
            if (!wanted[place->second]) return;
            const double value = row.number(3);
            if (row.empty(0) || row.empty(3) || !std::isfinite(value)) {
                ++untimed;
                return;
            }
            MetricSeries& series = result_.metrics[place->second];
            if (value < 0) ++negative;
            series.samples.push_back({row.time(0), unsigned_value(value)});
            series.whole_numbers = series.whole_numbers && value == std::floor(value);
        });
        for (MetricSeries& series : result_.metrics) {
            std::stable_sort(series.samples.begin(), series.samples.end(),
                             [](const Sample& a, const Sample& b) { return a.timestamp < b.timestamp; });
        }
        note_count(unknown, "metric samples belong to no metric of TARGET_INFO_GPU_METRICS");
        note_count(untimed, "metric samples have no time or no value");
        note_count(negative, "metric samples were negative and were read as unsigned (a defect of exporter 2025.3)");
    }

    void read_ranges() {
        constexpr std::int64_t push_pop = 59;
        constexpr std::int64_t start_end = 60;
        const std::string table = "NVTX_EVENTS";
        // Where there is no NULL, an end that is not known reads 0.
        bool zero_is_none = false;
        for (const Column& column : tables_.columns(table)) zero_is_none |= column.name == "end" && !column.nullable;
        rows_.each(table,
                   {{"start"},
                    {"end", Need::optional},
                    {"eventType"},
                    {"text", Need::optional},
                    {"textId", Need::optional},
                    {"globalTid", Need::optional}},
                   [&](const Row& row) {
                       const std::int64_t type = row.integer(2);
                       if (type != push_pop && type != start_end) return;
                       NvtxRange range;
                       range.start = row.time(0);
                       if (!row.empty(1) && !(zero_is_none && row.integer(1) == 0) && row.time(1) >= range.start) range.end = row.time(1);
                       range.text = row.text(3);
                       if (range.text.empty() && !row.empty(4)) {
                           const auto found = strings_.find(row.integer(4));
                           if (found != strings_.end()) range.text = found->second;
                       }
                       range.thread = row.identifier(5);
                       result_.ranges.push_back(range);
                   });
    }

    void read_calls() {
        rows_.each("CUPTI_ACTIVITY_KIND_RUNTIME",
                   {{"start"}, {"end", Need::optional}, {"globalTid", Need::optional}, {"correlationId", Need::optional}},
                   [&](const Row& row) {
                       if (row.integer(3) == 0) return;
                       result_.calls.push_back({row.time(0), row.time(1), row.identifier(2), row.integer(3)});
                   });
    }

    void read_session() {
        rows_.each("TARGET_INFO_SESSION_START_TIME", {{"utcEpochNs", Need::optional}}, [&](const Row& row) {
            if (!row.empty(0)) result_.session_start = row.integer(0);
        });
        rows_.each("META_DATA_EXPORT", {{"name"}, {"value", Need::optional}}, [&](const Row& row) {
            if (row.text(0) == "EXPORT_PRODUCT_VERSION") result_.product_version = row.text(1);
        });
    }

    void read_diagnostics() {
        rows_.each("DIAGNOSTIC_EVENT", {{"timestamp", Need::optional}, {"severity", Need::optional}, {"text", Need::optional}},
                   [&](const Row& row) {
                       result_.diagnostics.push_back({row.integer(0), row.integer(1), row.text(2)});
                   });
    }

    std::string file_;
    const Tables& tables_;
    TableRows rows_;
    const ReadOptions& options_;
    Export result_;
    std::unordered_map<std::int64_t, std::string> strings_;
    std::map<std::pair<std::int64_t, std::int64_t>, std::set<std::size_t>> devices_;  ///< (pid or 0, ordinal) -> GPUs
    std::map<std::pair<std::uint64_t, std::int64_t>, std::size_t> series_;            ///< (typeId, metricId) -> series
};

}  // namespace

Container container_of(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file || std::filesystem::is_directory(path)) {
        throw base::Error(base::ErrorKind::missing, "cannot read " + path.string(), "name a file that nsys export has made");
    }
    constexpr std::string_view sqlite("SQLite format 3\0", 16);
    constexpr std::string_view hdf5("\x89HDF\r\n\x1a\n", 8);
    std::string first(sqlite.size(), '\0');
    file.read(first.data(), static_cast<std::streamsize>(first.size()));
    first.resize(static_cast<std::size_t>(file.gcount()));
    if (first == sqlite) return Container::sqlite;
    if (std::string_view(first).substr(0, hdf5.size()) == hdf5) return Container::hdf5;
    return Container::none;
}

Export read_export(const std::filesystem::path& path, const ReadOptions& options) {
    std::unique_ptr<Tables> tables;
    switch (container_of(path)) {
        case Container::sqlite:
            tables = open_sqlite_tables(path);
            break;
        case Container::hdf5:
            tables = isolated(path.string(), [&] { return open_hdf5_tables(path); });
            break;
        case Container::none:
            throw base::Error(base::ErrorKind::usage, path.string() + " is neither SQLite nor HDF5, going by its first bytes",
                              "nsys export --type sqlite REPORT makes a file that can be read; the report itself cannot");
    }
    return Reader(path, *tables, options).read();
}

}  // namespace plumb::families::compression
