// SPDX-License-Identifier: Apache-2.0
#include "families/nsys_fixture.h"

#include <algorithm>
#include <stdexcept>

namespace plumb::families::compression::test {

namespace {

constexpr std::int64_t us = 1000;

FixtureColumn integer(const std::string& name, bool not_null = false) {
    return {name, Kind::integer, not_null};
}
FixtureColumn text(const std::string& name, bool not_null = false) {
    return {name, Kind::text, not_null};
}

/// Numbers in StringIds; a demangled name is three after its short one.
struct Text {
    enum : std::int64_t { lz4_compress = 11, lz4_decompress, fill, lz4_compress_full, lz4_decompress_full, fill_full, launch, registered };
};

FixtureTable string_ids() {
    return {"StringIds",
            {integer("id", true), text("value", true)},
            {{std::int64_t{Text::lz4_compress}, "lz4CompressBatchKernel"},
             {std::int64_t{Text::lz4_decompress}, "lz4DecompressBatchKernel"},
             {std::int64_t{Text::fill}, "fill_kernel"},
             {std::int64_t{Text::lz4_compress_full}, "void nvcomp::lz4CompressBatchKernel<unsigned char>(int)"},
             {std::int64_t{Text::lz4_decompress_full}, "void nvcomp::lz4DecompressBatchKernel<unsigned char>(int)"},
             {std::int64_t{Text::fill_full}, "void fill_kernel(int)"},
             {std::int64_t{Text::launch}, "cudaLaunchKernel_v7000"},
             {std::int64_t{Text::registered}, "decompress all"}}};
}

FixtureTable kernels(std::int64_t shift) {
    FixtureTable table{"CUPTI_ACTIVITY_KIND_KERNEL",
                       {integer("start", true), integer("end", true), integer("deviceId", true), integer("streamId", true),
                        integer("correlationId"), integer("globalPid"), integer("demangledName", true), integer("shortName", true),
                        integer("gridX", true), integer("gridY", true), integer("gridZ", true)},
                       {}};
    const auto add = [&](std::int64_t start, std::int64_t end, std::int64_t correlation, std::int64_t name) {
        table.rows.push_back({(start + shift) * us, (end + shift) * us, 0, 7, correlation, process, name + 3, name, 128, 2, 1});
    };
    // Not in order of start, as an export of several streams may be.
    add(1150, 1250, 102, Text::lz4_compress);
    add(1000, 1100, 101, Text::lz4_compress);
    add(2000, 2050, 103, Text::lz4_decompress);
    add(3000, 3400, 104, Text::fill);
    return table;
}

FixtureTable runtime(std::int64_t shift) {
    FixtureTable table{"CUPTI_ACTIVITY_KIND_RUNTIME",
                       {integer("start", true), integer("end", true), integer("globalTid"), integer("correlationId"),
                        integer("nameId", true), integer("returnValue", true)},
                       {}};
    const auto add = [&](std::int64_t start, std::int64_t correlation) {
        table.rows.push_back({(start + shift) * us, (start + 5 + shift) * us, thread, correlation, std::int64_t{Text::launch}, 0});
    };
    // All launched before the first kernel ends: the ranges below are over when decompression runs.
    add(910, 101);
    add(920, 102);
    add(940, 103);
    add(960, 104);
    return table;
}

FixtureTable nvtx(Generation generation, std::int64_t shift) {
    const bool plain = generation == Generation::plain;
    FixtureTable table{"NVTX_EVENTS",
                       {integer("start", true), integer("end", plain), integer("eventType", true), text("text", plain),
                        integer("globalTid", plain), integer("textId", plain)},
                       {}};
    const FixtureCell none = plain ? FixtureCell(0) : FixtureCell();
    const FixtureCell no_text = plain ? FixtureCell(std::string()) : FixtureCell();
    const auto at = [&](std::int64_t time) { return (time + shift) * us; };
    table.rows.push_back({at(905), at(930), 59, std::string("compress all"), thread, none});
    table.rows.push_back({at(935), at(950), 60, no_text, thread, std::int64_t{Text::registered}});
    table.rows.push_back({at(900), none, 59, std::string("never closed"), thread, none});
    table.rows.push_back({at(906), none, 34, std::string("a mark"), thread, none});
    return table;
}

struct NamedMetric {
    std::int64_t id;
    std::string name;
};

/// Numbers as real exports have them: on an RTX 2080 Ti, an A100 and an RTX 3050 Ti number 17 is another metric each.
std::vector<NamedMetric> metric_names(Generation generation) {
    switch (generation) {
        case Generation::plain:
            return {{6, "Unallocated Warps in Active SMs"},
                    {7, "Compute Warps In Flight"},
                    {16, "SM Active"},
                    {17, "SM Issue"},
                    {19, "Vertex/Tess/Geometry Warps In Flight"}};
        case Generation::units:
            return {{12, "SM Active [Throughput %]"},
                    {15, "Vertex/Tess/Geometry Warps in Flight [Throughput %]"},
                    {17, "Compute Warps in Flight [Throughput %]"},
                    {18, "Unallocated Warps in Active SMs [Throughput %]"}};
        case Generation::recent:
            return {{5, "SMs Active [Throughput %]"},
                    {8, "Vertex/Tess/Geometry Warps in Flight [Throughput %]"},
                    {14, "Compute Warps in Flight [Throughput %]"},
                    {15, "Compute Warps in Flight [Avg]"},
                    {16, "Compute Warps in Flight [Avg Warps per Cycle]"},
                    {17, "Unallocated Warps in Active SMs [Throughput %]"}};
    }
    return {};
}

std::int64_t percent_at(const std::string& metric, std::int64_t time) {
    const bool filling = time > 3000 && time <= 3400;
    if (metric == "Compute Warps In Flight" || metric == "Compute Warps in Flight [Throughput %]") {
        return time == 1100 ? 80 : time == 1200 ? 60 : time == 1300 ? 40 : time == 2100 ? 10 : filling ? 100 : 0;
    }
    if (metric.starts_with("SM Active") || metric.starts_with("SMs Active")) {
        return time >= 1100 && time <= 1300 ? 90 : time == 2100 ? 50 : 0;
    }
    return 99;
}

void add_metrics(Fixture& fixture, Generation generation, std::int64_t shift, std::int64_t type) {
    FixtureTable names{
        "TARGET_INFO_GPU_METRICS",
        {integer("typeId", true), integer("sourceId", true), text("typeName", true), integer("metricId", true), text("metricName", true)},
        {}};
    FixtureTable samples{
        "GPU_METRICS", {integer("timestamp"), integer("typeId", true), integer("metricId", true), integer("value", true)}, {}};
    if (generation == Generation::recent) samples.columns.insert(samples.columns.begin(), integer("rawTimestamp"));
    for (const NamedMetric& metric : metric_names(generation)) {
        names.rows.push_back({type, 1, std::string("GPU 0: general metrics"), metric.id, metric.name});
    }
    for (std::int64_t time = 800; time <= 3500; time += 100) {
        for (const NamedMetric& metric : metric_names(generation)) {
            std::vector<FixtureCell> row = {(time + shift) * us, type, metric.id, percent_at(metric.name, time)};
            if (generation == Generation::recent) row.insert(row.begin(), std::int64_t{1} << 50);
            samples.rows.push_back(row);
        }
    }
    fixture.push_back(names);
    fixture.push_back(samples);
}

FixtureTable gpus(Generation generation) {
    FixtureTable table{"TARGET_INFO_GPU",
                       {integer("vmId", true), integer("id", true), text("name"), text("busLocation"), integer("smCount"),
                        integer("pwGpuId"), text("uuid"), integer("cuDevice")},
                       {{0, 3, "NVIDIA A100", "0000:3b:00.0", 108, 1, "GPU-1", 0}}};
    if (generation == Generation::plain) {
        for (const char* column : {"pwGpuId", "uuid", "cuDevice"}) drop_column(table, column);
    }
    return table;
}

}  // namespace

const char* name(Generation generation) {
    return generation == Generation::plain ? "plain" : generation == Generation::units ? "units" : "recent";
}

FixtureTable& table(Fixture& fixture, const std::string& name) {
    for (FixtureTable& table : fixture) {
        if (table.name == name) return table;
    }
    throw std::logic_error("no table " + name);
}

void drop_column(FixtureTable& table, const std::string& column) {
    for (std::size_t i = 0; i < table.columns.size(); ++i) {
        if (table.columns[i].name != column) continue;
        table.columns.erase(table.columns.begin() + i);
        for (auto& row : table.rows) row.erase(row.begin() + i);
        return;
    }
    throw std::logic_error("no column " + column);
}

void drop_table(Fixture& fixture, const std::string& name) {
    std::erase_if(fixture, [&](const FixtureTable& table) { return table.name == name; });
}

Fixture story(Generation generation, std::int64_t shift_us) {
    Fixture fixture = {string_ids(), gpus(generation), kernels(shift_us), runtime(shift_us), nvtx(generation, shift_us)};
    add_metrics(fixture, generation, shift_us, type_base + 1);
    FixtureTable start{"TARGET_INFO_SESSION_START_TIME", {integer("utcEpochNs")}, {{std::int64_t{1700000000000000000}}}};
    fixture.push_back(start);
    if (generation == Generation::plain) drop_column(table(fixture, "CUPTI_ACTIVITY_KIND_KERNEL"), "globalPid");
    if (generation == Generation::recent) {
        table(fixture, "CUPTI_ACTIVITY_KIND_KERNEL").columns.push_back(integer("greenContextId"));
        for (auto& row : table(fixture, "CUPTI_ACTIVITY_KIND_KERNEL").rows) row.emplace_back();
        fixture.push_back({"TARGET_INFO_CUDA_DEVICE",
                           {integer("gpuId", true), integer("cudaId", true), integer("pid", true), text("uuid")},
                           {{3, 0, 4711, "GPU-1"}}});
        fixture.push_back({"META_DATA_EXPORT", {text("name", true), text("value")}, {{"EXPORT_PRODUCT_VERSION", "2024.6.2.225"}}});
        fixture.push_back({"DIAGNOSTIC_EVENT",
                           {integer("timestamp"), integer("severity"), text("text")},
                           {{0, 1, "Profiling has started."}, {10, 2, "Not all GPU metrics samples were collected."}}});
    }
    return fixture;
}

void add_second_gpu(Fixture& fixture, const std::string& gpu, std::int64_t percent) {
    table(fixture, "TARGET_INFO_GPU").rows.push_back({0, 4, gpu, "0000:5e:00.0", 20, 0, "GPU-0", 1});
    table(fixture, "CUPTI_ACTIVITY_KIND_KERNEL")
        .rows.push_back(
            {1000 * us, 2000 * us, 1, 7, 201, process, std::int64_t{Text::lz4_compress_full}, std::int64_t{Text::lz4_compress}, 1, 1, 1});
    const std::vector<NamedMetric> names = {{14, "Compute Warps in Flight [Throughput %]"},
                                            {17, "Unallocated Warps in Active SMs [Throughput %]"}};
    for (const NamedMetric& metric : names) {
        table(fixture, "TARGET_INFO_GPU_METRICS").rows.push_back({type_base, 1, "GPU 1", metric.id, metric.name});
        for (std::int64_t time = 800; time <= 3500; time += 100) {
            table(fixture, "GPU_METRICS").rows.push_back({time * us, type_base, metric.id, metric.id == 14 ? percent : 99});
        }
    }
}

}  // namespace plumb::families::compression::test
