// SPDX-License-Identifier: Apache-2.0
#include "families/compression/export_rows.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/units.h"
#include "families/compression/printable.h"

namespace plumb::families::compression {

namespace {

/// Kernels that no pattern matched are named in a row's doubts when they take more of the kernel time than this.
constexpr double unmatched_worth_a_doubt = 0.01;
constexpr std::size_t most_names_shown = 5;

ImportedMetric exact(const std::string& name, const std::string& unit, double value, std::int64_t samples, const std::string& reason = {}) {
    return {name, unit, value, value, value, samples, reason};
}

std::string listed(const std::vector<NamedTime>& times) {
    std::string text;
    for (std::size_t i = 0; i < times.size() && i < most_names_shown; ++i) {
        text += (i > 0 ? ", " : "") + times[i].name + " " + base::format_seconds(times[i].seconds);
    }
    if (times.size() > most_names_shown) text += " and " + std::to_string(times.size() - most_names_shown) + " more";
    return text;
}

void add_figures(ImportedRow& row, const std::string& name, const MetricUse& use) {
    const MetricFigures& during = use.during;
    const double nothing = std::numeric_limits<double>::quiet_NaN();
    const bool there = during.reason.empty();
    if (there) {
        row.metrics.push_back({name, "share", during.mean, during.low, during.high, during.samples, ""});
    } else {
        row.metrics.push_back(exact(name, "share", nothing, during.samples, during.reason));
    }
    row.metrics.push_back(exact(name + "_p50", "share", there ? during.p50 : nothing, during.samples, during.reason));
    row.metrics.push_back(exact(name + "_p95", "share", there ? during.p95 : nothing, during.samples, during.reason));
    row.metrics.push_back(exact(name + "_coverage", "share", during.coverage, during.samples));
    row.metrics.push_back(exact(name + "_resolution", "share", use.resolution > 0 ? use.resolution : nothing, during.samples,
                                use.resolution > 0 ? "" : "no data: no two different samples"));
    if (use.span.reason.empty()) {
        row.metrics.push_back({name + "_span", "share", use.span.mean, use.span.low, use.span.high, use.span.samples, ""});
    } else {
        row.metrics.push_back(exact(name + "_span", "share", nothing, use.span.samples, use.span.reason));
    }
    if (use.at_floor) {
        row.doubts.push_back(name + " is at the resolution of its samples (" + base::format_quantity(use.resolution, "share") +
                             "): dividing by it shows the step, not the work");
    }
}

void add_direction(ImportedRow& row, const DirectionUse& use) {
    const std::string& name = use.direction;
    row.metrics.push_back(exact(name + "_kernels", "", static_cast<double>(use.kernels), use.kernels));
    row.metrics.push_back(exact(name + "_busy_time", "s", use.busy_seconds, use.kernels));
    row.metrics.push_back(exact(name + "_span_time", "s", use.span_seconds, use.kernels));
    row.metrics.push_back(
        exact(name + "_busy", "share", use.busy_share, use.kernels, std::isnan(use.busy_share) ? "no data: its kernels took no time" : ""));
    for (const MetricUse& metric : use.metrics) add_figures(row, name + "_" + metric.metric, metric);
}

void add_device(ImportedRow& row, const DeviceUse& use) {
    for (const DirectionUse& direction : use.directions) add_direction(row, direction);
    const double share = use.kernel_seconds > 0 ? use.unmatched_seconds / use.kernel_seconds : 0;
    row.metrics.push_back(exact("unmatched_kernel_time", "s", use.unmatched_seconds, std::ssize(use.unmatched)));
    row.metrics.push_back(exact("unmatched_kernel_share", "share", share, std::ssize(use.unmatched)));
    if (share > unmatched_worth_a_doubt) {
        row.doubts.push_back(base::format_quantity(share, "share") +
                             " of the kernel time is of kernels that belong to neither direction: " + listed(use.unmatched));
    }
    if (use.directions.empty()) {
        row.status = lab::Status::failed;
        row.reason = "no kernel of a known name; the file has " + listed(use.unmatched) + " (--kernels compress=NAME says which are meant)";
    } else {
        row.status = lab::Status::done;
    }
}

ImportedRow row_of(const std::filesystem::path& file, const CellName& cell, const ExportImport& options) {
    ImportedRow row;
    row.source = printable(file.filename().string());
    if (!cell.read(row.source, row)) {
        throw base::Error(base::ErrorKind::usage, "the name " + row.source + " does not have the form " + cell.pattern(),
                          "--pattern gives another form");
    }
    if (row.chunk_bytes == 0 && row.chunks > 0 && options.total_bytes > 0) {
        row.chunk_bytes = chunk_bytes_of(options.total_bytes, row.chunks);
    }
    return row;
}

std::vector<ImportedRow> rows_of(const std::filesystem::path& file, const CellName& cell, const ExportImport& options) {
    const ImportedRow named = row_of(file, cell, options);
    ReadOptions read;
    read.wanted_metric = [&](std::string_view name, std::string_view unit) { return wants(options.use, name, unit); };
    const Export data = read_export(file, read);
    const Utilisation use = utilisation(data, options.use);
    std::vector<ImportedRow> rows;
    for (const DeviceUse& device : use.devices) {
        ImportedRow row = named;
        if (!device.gpu.empty()) row.device = device.gpu;
        if (!options.device.empty()) row.device = options.device;
        if (row.device.empty()) row.device = "GPU " + std::to_string(device.device);
        row.doubts = use.notes;
        for (const Diagnostic& diagnostic : data.diagnostics) {
            constexpr std::int64_t information = 1;
            if (diagnostic.severity > information) row.doubts.push_back("the profiler warned: " + diagnostic.text);
        }
        add_device(row, device);
        rows.push_back(row);
    }
    if (rows.size() > 1 && !options.device.empty()) {
        throw base::Error(base::ErrorKind::usage, file.string() + " has kernels of " + std::to_string(rows.size()) + " GPUs",
                          "leave --device out; the file names them");
    }
    if (rows.empty()) {
        rows.push_back(named);
        if (!options.device.empty()) rows[0].device = options.device;
        rows[0].reason = "no CUDA kernel was recorded";
    }
    return rows;
}

bool is_export_name(const std::filesystem::path& file) {
    const std::string extension = file.extension().string();
    return extension == ".h5" || extension == ".hdf5" || extension == ".hdf" || extension == ".sqlite";
}

}  // namespace

std::vector<ImportedRow> import_exports(const std::filesystem::path& path, const ExportImport& options) {
    const CellName cell(options.cell_name);
    if (!std::filesystem::exists(path)) {
        throw base::Error(base::ErrorKind::missing, "no file or folder " + path.string(), "give an export or a folder of exports");
    }
    if (!std::filesystem::is_directory(path)) return rows_of(path, cell, options);
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(path)) {
        if (entry.is_regular_file() && is_export_name(entry.path())) files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end());
    if (files.empty()) {
        throw base::Error(base::ErrorKind::missing, "no *.h5, *.hdf5, *.hdf or *.sqlite in " + path.string(),
                          "nsys export --type sqlite REPORT makes one");
    }
    std::vector<ImportedRow> rows;
    for (const std::filesystem::path& file : files) {
        try {
            const std::vector<ImportedRow> more = rows_of(file, cell, options);
            rows.insert(rows.end(), more.begin(), more.end());
        } catch (const base::Error& error) {
            ImportedRow row;
            cell.read(printable(file.filename().string()), row);
            row.source = printable(file.filename().string());
            if (!options.device.empty()) row.device = options.device;
            row.reason = error.what();
            rows.push_back(row);
        }
    }
    return rows;
}

}  // namespace plumb::families::compression
