// SPDX-License-Identifier: Apache-2.0
#include "families/compression/utilisation.h"

#include <algorithm>
#include <limits>
#include <map>
#include <set>

#include "base/error.h"
#include "families/compression/sample_figures.h"

namespace plumb::families::compression {

namespace {

/// A GPU where the file tells, otherwise a CUDA ordinal.
using DeviceKey = std::pair<std::optional<std::size_t>, std::int64_t>;

DeviceKey key_of(const Kernel& kernel) {
    return {kernel.gpu, kernel.gpu ? 0 : kernel.device};
}

double seconds_of(const Kernel& kernel) {
    return static_cast<double>(kernel.end - kernel.start) * 1e-9;
}

std::string shown_name(const KernelName& name) {
    if (!name.shortened.empty()) return name.shortened;
    return name.demangled.empty() ? "(no name)" : name.demangled;
}

std::vector<NamedTime> by_name(const Export& data, std::span<const std::size_t> kernels) {
    std::map<std::string, NamedTime> times;
    for (const std::size_t index : kernels) {
        const Kernel& kernel = data.kernels[index];
        NamedTime& time = times[shown_name(data.kernel_names[kernel.name])];
        ++time.kernels;
        time.seconds += seconds_of(kernel);
    }
    std::vector<NamedTime> result;
    for (auto& [name, time] : times) result.push_back({name, time.kernels, time.seconds});
    std::stable_sort(result.begin(), result.end(), [](const NamedTime& a, const NamedTime& b) { return a.seconds > b.seconds; });
    return result;
}

double total(std::span<const NamedTime> times) {
    double sum = 0;
    for (const NamedTime& time : times) sum += time.seconds;
    return sum;
}

/// The typeId whose samples are of this device, or empty with `why` filled in.
std::optional<std::uint64_t> type_of(const Export& data, const DeviceKey& key, bool only_device, std::string& why,
                                     std::vector<std::string>& notes) {
    std::set<std::uint64_t> all;
    std::set<std::uint64_t> of_gpu;
    bool any_mapped = false;
    for (const MetricSeries& series : data.metrics) {
        all.insert(series.type);
        any_mapped = any_mapped || series.gpu.has_value();
        if (key.first && series.gpu == key.first) of_gpu.insert(series.type);
    }
    if (of_gpu.size() == 1) return *of_gpu.begin();
    if (all.empty()) {
        why = "no data: the export has no GPU metrics";
    } else if (of_gpu.size() > 1) {
        why = "no data: several sources sampled this GPU";
    } else if (key.first && any_mapped) {
        why = "no data: this GPU was not sampled";
    } else if (only_device && data.gpus.size() <= 1 && all.size() == 1) {
        notes.push_back("the file does not tell which GPU the samples are of; as only one was at work, they were taken for its own");
        return *all.begin();
    } else {
        why = "no data: the file does not tell which GPU the samples are of";
    }
    return std::nullopt;
}

MetricUse use_of(const Export& data, const GpuMetric& metric, std::optional<std::uint64_t> type, const std::string& why_no_type,
                 std::span<const Interval> window, std::span<const Interval> span, const UtilisationOptions& options) {
    MetricUse use;
    use.metric = metric.name;
    std::string why = why_no_type;
    const MetricSeries* series = nullptr;
    if (type) {
        series = find_series(metric, data.metrics, *type, why);
        if (!series) why = "no data: " + why;
    }
    if (!series) {
        use.during.reason = use.span.reason = why;
        return use;
    }
    use.spelled = series->unit.empty() ? series->name : series->name + " [" + series->unit + "]";
    use.resolution = sample_resolution(*series);
    use.period = sample_period(*series) * 1e-9;
    use.during = figures(*series, window, options);
    use.span = figures(*series, span, options);
    use.at_floor = use.during.reason.empty() && use.during.mean <= use.resolution;
    return use;
}

DirectionUse direction_use(const Export& data, const std::string& direction, std::span<const std::size_t> kernels,
                           std::optional<std::uint64_t> type, const std::string& why_no_type, const UtilisationOptions& options) {
    DirectionUse use;
    use.direction = direction;
    use.kernels = std::ssize(kernels);
    use.matched = by_name(data, kernels);
    std::vector<Interval> intervals;
    Interval whole{data.kernels[kernels.front()].start, data.kernels[kernels.front()].end};
    for (const std::size_t index : kernels) {
        const Kernel& kernel = data.kernels[index];
        intervals.push_back({kernel.start, kernel.end});
        whole.start = std::min(whole.start, kernel.start);
        whole.end = std::max(whole.end, kernel.end);
    }
    const std::vector<Interval> window = merged(std::move(intervals));
    const std::vector<Interval> span = merged({whole});
    use.busy_seconds = length(window) * 1e-9;
    use.span_seconds = length(span) * 1e-9;
    use.busy_share = use.span_seconds > 0 ? use.busy_seconds / use.span_seconds : std::numeric_limits<double>::quiet_NaN();
    for (const std::string& name : options.metrics) {
        use.metrics.push_back(use_of(data, gpu_metric_named(name), type, why_no_type, window, span, options));
    }
    return use;
}

std::vector<std::size_t> on_device(const Export& data, std::span<const std::size_t> kernels, const DeviceKey& key) {
    std::vector<std::size_t> result;
    for (const std::size_t index : kernels) {
        if (key_of(data.kernels[index]) == key) result.push_back(index);
    }
    return result;
}

void require_sound(const UtilisationOptions& options) {
    for (const std::string& name : options.metrics) gpu_metric_named(name);
    if (!(options.least_coverage >= 0 && options.least_coverage <= 1)) {
        throw base::Error(base::ErrorKind::usage, "a coverage of " + std::to_string(options.least_coverage) + " cannot be asked for",
                          "0 to 1; 0.8 is usual");
    }
}

}  // namespace

bool wants(const UtilisationOptions& options, std::string_view name, std::string_view unit) {
    return std::any_of(options.metrics.begin(), options.metrics.end(),
                       [&](const std::string& metric) { return is_metric(gpu_metric_named(metric), name, unit); });
}

Utilisation utilisation(const Export& data, const UtilisationOptions& options) {
    require_sound(options);
    const KernelChoice choice = options.ranges.empty() ? choose_by_name(data, options.patterns) : choose_by_range(data, options.ranges);
    Utilisation result;
    result.notes = data.notes;
    result.notes.insert(result.notes.end(), choice.notes.begin(), choice.notes.end());
    std::map<DeviceKey, std::vector<std::size_t>> devices;
    for (std::size_t i = 0; i < data.kernels.size(); ++i) devices[key_of(data.kernels[i])].push_back(i);
    for (const auto& [key, kernels] : devices) {
        DeviceUse use;
        use.gpu = key.first ? data.gpus[*key.first].name : "";
        use.device = data.kernels[kernels.front()].device;
        std::string why_no_type;
        const auto type = type_of(data, key, devices.size() == 1, why_no_type, result.notes);
        for (const ChosenKernels& chosen : choice.chosen) {
            const std::vector<std::size_t> here = on_device(data, chosen.kernels, key);
            if (here.empty()) continue;
            use.directions.push_back(direction_use(data, chosen.direction, here, type, why_no_type, options));
        }
        use.kernel_seconds = total(by_name(data, kernels));
        use.unmatched = by_name(data, on_device(data, choice.unmatched, key));
        use.unmatched_seconds = total(use.unmatched);
        result.devices.push_back(std::move(use));
    }
    return result;
}

}  // namespace plumb::families::compression
