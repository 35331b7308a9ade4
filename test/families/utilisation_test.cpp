// SPDX-License-Identifier: Apache-2.0
// Utilisation against answers worked out by hand from the story of nsys_fixture.h.
#include "families/compression/utilisation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "base/file.h"
#include "base/random.h"
#include "families/compression/export_rows.h"
#include "families/compression/sample_figures.h"
#include "families/nsys_fixture.h"
#include "temporary_folder.h"

namespace plumb::families::compression {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class UtilisationOf : public testing::TestWithParam<std::tuple<test::Generation, bool>> {
  protected:
    test::Generation generation() const { return std::get<0>(GetParam()); }
    Export read(const test::Fixture& fixture) {
        const bool hdf5 = std::get<1>(GetParam());
        const std::filesystem::path path = folder_.path() / (hdf5 ? "export.h5" : "export.sqlite");
        if (hdf5) test::write_hdf5(path, fixture);
        if (!hdf5) test::write_sqlite(path, fixture);
        return read_export(path);
    }
    plumb::test::TemporaryFolder folder_;
};

void expect_compression_of_the_story(const DirectionUse& use) {
    EXPECT_EQ(use.direction, "compress");
    EXPECT_EQ(use.kernels, 2);
    EXPECT_NEAR(use.busy_seconds, 200e-6, 1e-12);
    EXPECT_NEAR(use.span_seconds, 250e-6, 1e-12);
    EXPECT_NEAR(use.busy_share, 0.8, 1e-12);
    ASSERT_EQ(use.metrics.size(), 2u);
    const MetricUse& warps = use.metrics[1];
    EXPECT_EQ(warps.metric, "compute_warps");
    // 80 % over 100 us, 60 % over [1150, 1200), 40 % over [1200, 1250): (8000 + 3000 + 2000) / 200.
    EXPECT_EQ(warps.during.reason, "");
    EXPECT_NEAR(warps.during.mean, 0.65, 1e-12);
    EXPECT_EQ(warps.during.samples, 3);
    EXPECT_NEAR(warps.during.coverage, 1, 1e-12);
    // Half of the 200 us lies at or below 60 %, 95 % only at or below 80 %.
    EXPECT_EQ(warps.during.p50, 0.6);
    EXPECT_EQ(warps.during.p95, 0.8);
    // Steps of 1 %: at least 79 + max(0, 59 - 50) + max(0, 39 - 50), at most 81 + min(50, 61) + min(50, 41), of 200.
    EXPECT_NEAR(warps.during.low, 88.0 / 200, 1e-12);
    EXPECT_NEAR(warps.during.high, 172.0 / 200, 1e-12);
    // From the first start to the last end the gap counts: (80 * 100 + 60 * 100 + 40 * 50) / 250.
    EXPECT_NEAR(warps.span.mean, 0.64, 1e-12);
    EXPECT_NEAR(warps.resolution, 0.10, 1e-12) << "10, 40, 60, 80, 100 and 0";
    EXPECT_NEAR(warps.period, 100e-6, 1e-12);
    EXPECT_FALSE(warps.at_floor);
    EXPECT_NEAR(use.metrics[0].during.mean, 0.9, 1e-12) << use.metrics[0].during.reason;
}

TEST_P(UtilisationOf, TheStoryIsWhatThePenSaysAlsoAtNegativeTimes) {
    for (const std::int64_t shift : {0, -2000, -1'000'000}) {
        SCOPED_TRACE(shift);
        const Utilisation use = utilisation(read(test::story(generation(), shift)));
        ASSERT_EQ(use.devices.size(), 1u);
        EXPECT_EQ(use.devices[0].gpu, "NVIDIA A100");
        ASSERT_EQ(use.devices[0].directions.size(), 2u);
        expect_compression_of_the_story(use.devices[0].directions[0]);
        const DirectionUse& decompress = use.devices[0].directions[1];
        EXPECT_EQ(decompress.direction, "decompress");
        EXPECT_EQ(decompress.busy_share, 1);
        const MetricUse& warps = decompress.metrics[1];
        // Half of the sample's 100 us: 9 to 11 % of them may have been spent all inside, or not at all.
        EXPECT_NEAR(warps.during.mean, 0.10, 1e-12);
        EXPECT_EQ(warps.during.samples, 1);
        EXPECT_EQ(warps.during.low, 0);
        EXPECT_NEAR(warps.during.high, 11.0 / 50, 1e-12);
        EXPECT_TRUE(warps.at_floor) << "10 % is the smallest step that was seen";
    }
}

TEST_P(UtilisationOf, UnmatchedKernelTimeIsReportedByNameLargestFirst) {
    const Export data = read(test::story(generation()));
    const DeviceUse use = utilisation(data).devices.at(0);
    EXPECT_NEAR(use.kernel_seconds, 650e-6, 1e-12);
    EXPECT_NEAR(use.unmatched_seconds, 400e-6, 1e-12);
    ASSERT_EQ(use.unmatched.size(), 1u);
    EXPECT_EQ(use.unmatched[0].name, "fill_kernel");
    UtilisationOptions options;
    options.patterns = {parse_kernel_pattern("other=nothing_like_it")};
    const DeviceUse none = utilisation(data, options).devices.at(0);
    EXPECT_THAT(none.directions, IsEmpty());
    ASSERT_EQ(none.unmatched.size(), 3u);
    EXPECT_EQ(none.unmatched[0].name, "fill_kernel");
    EXPECT_EQ(none.unmatched[1].name, "lz4CompressBatchKernel");
    EXPECT_EQ(none.unmatched[1].kernels, 2);
    EXPECT_EQ(none.unmatched[2].name, "lz4DecompressBatchKernel");
}

TEST_P(UtilisationOf, AUsersPatternComesFirstAndMatchesShortOrDemangledNames) {
    const Export data = read(test::story(generation()));
    for (const char* text : {"fill=fill_kernel", "fill=fill*", "fill=void fill_kernel(*)", "fill=????_kernel"}) {
        SCOPED_TRACE(text);
        UtilisationOptions options;
        options.patterns.insert(options.patterns.begin(), parse_kernel_pattern(text));
        const DeviceUse use = utilisation(data, options).devices.at(0);
        EXPECT_EQ(use.directions.at(0).direction, "fill");
        EXPECT_NEAR(use.directions[0].metrics[1].during.mean, 1, 1e-12);
        EXPECT_EQ(use.unmatched_seconds, 0);
        expect_compression_of_the_story(use.directions.at(1));
    }
}

TEST_P(UtilisationOf, NvtxRangesReachTheKernelsThatTheyLaunched) {
    UtilisationOptions options;
    options.ranges = {parse_range_pattern("compress=compress all"), parse_range_pattern("decompress=decompress*")};
    const Utilisation use = utilisation(read(test::story(generation())), options);
    ASSERT_EQ(use.devices.at(0).directions.size(), 2u);
    // The range itself is over before the first kernel starts.
    expect_compression_of_the_story(use.devices[0].directions[0]);
    EXPECT_NEAR(use.devices[0].directions[1].busy_seconds, 50e-6, 1e-12);
    EXPECT_EQ(use.devices[0].unmatched.at(0).name, "fill_kernel");
    EXPECT_THAT(use.notes, IsEmpty());
}

TEST_P(UtilisationOf, UnclosedRangesAreLeftOutWithANote) {
    UtilisationOptions options;
    options.ranges = {parse_range_pattern("compress=never closed"), parse_range_pattern("decompress=no such range")};
    const Utilisation use = utilisation(read(test::story(generation())), options);
    EXPECT_THAT(use.devices.at(0).directions, IsEmpty());
    EXPECT_THAT(use.notes, testing::IsSupersetOf({std::string("1 matching NVTX ranges were never closed and were left out"),
                                                  std::string("no NVTX range is called 'no such range'")}));
}

INSTANTIATE_TEST_SUITE_P(EveryGenerationAndContainer, UtilisationOf,
                         testing::Combine(testing::ValuesIn(test::all_generations), testing::Bool()), [](const auto& instance) {
                             return std::string(test::name(std::get<0>(instance.param))) +
                                    (std::get<1>(instance.param) ? "_hdf5" : "_sqlite");
                         });

// From here on exports are made in memory.

Export one_gpu(std::vector<std::pair<std::int64_t, std::int64_t>> kernels, std::vector<Sample> samples) {
    Export data;
    data.gpus.resize(1);
    data.kernel_names = {{"compress_kernel", ""}};
    for (const auto& [start, end] : kernels) {
        Kernel kernel;
        kernel.start = start;
        kernel.end = end;
        kernel.gpu = 0;
        data.kernels.push_back(kernel);
    }
    MetricSeries series;
    series.name = "Compute Warps in Flight";
    series.unit = "Throughput %";
    series.gpu = 0;
    series.samples = std::move(samples);
    data.metrics = {series};
    return data;
}

MetricUse warps_of(const Export& data, UtilisationOptions options = {}) {
    options.metrics = {"compute_warps"};
    return utilisation(data, options).devices.at(0).directions.at(0).metrics.at(0);
}

TEST(Utilisation, WithoutSamplesThereIsNoFigureButTheReasonAndTheBusyShare) {
    for (const std::vector<Sample>& samples : {std::vector<Sample>{}, {{1000, 50}}, {{100, 50}, {200, 50}}, {{9000, 50}, {9100, 50}}}) {
        const Export data = one_gpu({{1000, 1500}, {2000, 2500}}, samples);
        const MetricUse use = warps_of(data);
        EXPECT_THAT(use.during.reason, HasSubstr("no data: 0 samples cover 0 % of 1.00 us"));
        EXPECT_EQ(use.during.samples, 0);
        EXPECT_NEAR(utilisation(data).devices[0].directions[0].busy_share, 2.0 / 3, 1e-12);
    }
}

TEST(Utilisation, BelowTheAskedCoverageThereIsNoFigure) {
    // The first sample covers nothing that is known: [1000, 1250) of [1000, 2000) is covered, by the second.
    const Export data = one_gpu({{1000, 2000}}, {{1000, 77}, {1250, 40}});
    UtilisationOptions options;
    options.least_coverage = 0.26;
    EXPECT_EQ(warps_of(data, options).during.reason, "no data: 1 samples cover 25 % of 1.00 us, one comes every 250 ns");
    EXPECT_EQ(warps_of(data, options).during.coverage, 0.25);
    options.least_coverage = 0.25;
    const MetricFigures figures = warps_of(data, options).during;
    EXPECT_EQ(figures.reason, "");
    EXPECT_NEAR(figures.mean, 0.4, 1e-12);
    // 40 % +- 1 of a quarter; of the other three nothing is known.
    EXPECT_NEAR(figures.low, 0.39 / 4, 1e-12);
    EXPECT_NEAR(figures.high, (0.41 + 3) / 4, 1e-12);
    options.least_samples = 2;
    EXPECT_THAT(warps_of(data, options).during.reason, HasSubstr("1 samples cover"));
}

TEST(Utilisation, AfterLostSamplesTheNextOneCoversOnePeriodOnly) {
    std::vector<Sample> samples;
    for (std::int64_t time = 0; time <= 2000; time += 100) samples.push_back({time, 50});
    samples.push_back({10'000, 100});
    const MetricFigures figures = warps_of(one_gpu({{1000, 10'000}}, samples),
                                           [] {
                                               UtilisationOptions options;
                                               options.least_coverage = 0;
                                               return options;
                                           }())
                                      .during;
    EXPECT_EQ(figures.samples, 11);
    EXPECT_NEAR(figures.coverage, 1100.0 / 9000, 1e-12) << "[1000, 2000) and [9900, 10000)";
    EXPECT_NEAR(figures.mean, (0.5 * 1000 + 1.0 * 100) / 1100, 1e-12);
}

TEST(Utilisation, OverlappingKernelsCountOnce) {
    const DirectionUse use = utilisation(one_gpu({{0, 100}, {50, 150}, {150, 160}, {160, 160}, {400, 500}}, {})).devices[0].directions[0];
    EXPECT_NEAR(use.busy_seconds, 260e-9, 1e-15);
    EXPECT_NEAR(use.span_seconds, 500e-9, 1e-15);
    EXPECT_NEAR(use.matched.at(0).seconds, 310e-9, 1e-15) << "the sum over kernels counts the overlap twice";
    EXPECT_TRUE(std::isnan(utilisation(one_gpu({{5, 5}}, {})).devices[0].directions[0].busy_share));
}

TEST(Utilisation, BoundsHoldWhateverHappenedInsideTheSamples) {
    // A device whose true load is known per ns: the sampler's averages, rounded to whole percents, must bound the true mean of any window.
    constexpr std::uint64_t seed = 5;
    SCOPED_TRACE(seed);
    const base::RandomStream stream(seed, "true load");
    for (std::uint64_t round = 0; round < 300; ++round) {
        constexpr std::int64_t period = 20;
        constexpr std::int64_t end = 400;
        std::vector<double> load;
        for (std::uint64_t i = 0; i < end; ++i) {
            load.push_back(stream.uniform(round * 4096 + i) < 0.5 ? 0 : stream.uniform(round * 4096 + 1000 + i));
        }
        std::vector<Sample> samples;
        for (std::int64_t time = 40; time <= end - 40; time += period) {
            double sum = 0;
            for (std::int64_t i = time - period; i < time; ++i) sum += load[i];
            samples.push_back({time, std::floor(100 * sum / period)});
        }
        const auto start = static_cast<std::int64_t>(stream.below(round * 4096 + 3000, 200));
        const auto stop = start + 1 + static_cast<std::int64_t>(stream.below(round * 4096 + 3001, 150));
        double truth = 0;
        for (std::int64_t i = start; i < stop; ++i) truth += load[i] / static_cast<double>(stop - start);
        UtilisationOptions options;
        options.least_coverage = 0;
        const MetricFigures figures = warps_of(one_gpu({{start, stop}}, samples), options).during;
        if (!figures.reason.empty()) continue;
        EXPECT_LE(figures.low, truth + 1e-12) << "round " << round;
        EXPECT_GE(figures.high, truth - 1e-12) << "round " << round;
        EXPECT_LE(figures.low, figures.mean);
        EXPECT_GE(figures.high, figures.mean);
    }
}

TEST(Utilisation, OnlyTheWholeNameWithItsUnitIsTheMetric) {
    const GpuMetric& warps = gpu_metric_named("compute_warps");
    const GpuMetric& sm = gpu_metric_named("sm_active");
    EXPECT_TRUE(is_metric(warps, "Compute Warps In Flight", ""));
    EXPECT_TRUE(is_metric(warps, "compute  warps in flight ", "throughput %"));
    EXPECT_TRUE(is_metric(sm, "SM Active", "Throughput %"));
    EXPECT_TRUE(is_metric(sm, "SMs Active", "Throughput %"));
    for (const char* name : {"Vertex/Tess/Geometry Warps in Flight", "Unallocated Warps in Active SMs", "Pixel Warps in Flight",
                             "Warps in Flight", "Compute Warps in Flight, more", ""}) {
        EXPECT_FALSE(is_metric(warps, name, "Throughput %")) << name;
        EXPECT_FALSE(is_metric(sm, name, "Throughput %")) << name;
    }
    for (const char* unit : {"Avg", "Avg Warps per Cycle", "Cycles Active"})
        EXPECT_FALSE(is_metric(warps, "Compute Warps in Flight", unit)) << unit;
    EXPECT_THROW(gpu_metric_named("warps"), base::Error);
}

TEST(Utilisation, AMetricThatIsAbsentOrDoubledIsAReasonThatNamesWhatIsThere) {
    Export data = one_gpu({{0, 100}}, {{0, 1}, {100, 1}});
    data.metrics[0].unit = "Avg Warps per Cycle";
    EXPECT_EQ(warps_of(data).during.reason,
              "no data: no metric 'compute warps in flight' among: Compute Warps in Flight [Avg Warps per Cycle]");
    data.metrics[0].unit = "Throughput %";
    data.metrics.push_back(data.metrics[0]);
    EXPECT_THAT(warps_of(data).during.reason, HasSubstr("more than once"));
    data.metrics[1].unit = "";
    EXPECT_EQ(warps_of(data).spelled, "Compute Warps in Flight [Throughput %]") << "the one with a unit goes first";
    data.metrics.clear();
    EXPECT_EQ(warps_of(data).during.reason, "no data: the export has no GPU metrics");
    EXPECT_EQ(warps_of(data).span.reason, "no data: the export has no GPU metrics");
}

TEST(Utilisation, SamplesOfAnotherGpuAreNeverTaken) {
    Export data = one_gpu({{0, 100}}, {{0, 1}, {100, 1}});
    data.gpus.resize(2);
    data.kernels[0].gpu = 1;
    EXPECT_EQ(warps_of(data).during.reason, "no data: this GPU was not sampled");
    data.kernels[0].gpu.reset();
    EXPECT_EQ(warps_of(data).during.reason, "no data: the file does not tell which GPU the samples are of");
    data.gpus.resize(1);
    data.metrics[0].gpu.reset();
    EXPECT_EQ(warps_of(data).during.reason, "") << "one GPU, one source";
    EXPECT_THAT(utilisation(data).notes, ElementsAre(HasSubstr("does not tell which GPU")));
}

TEST(Utilisation, ANegativeValueIsNoPercentage) {
    const Export data = one_gpu({{0, 100}}, {{0, 1}, {100, 4294967295.0}});
    EXPECT_EQ(warps_of(data).during.reason, "no data: a sample of 4294967295 is no percentage");
}

TEST(Utilisation, ResolutionIsTheSmallestStepZeroIncluded) {
    const auto resolution = [](std::vector<Sample> samples) { return sample_resolution(one_gpu({}, std::move(samples)).metrics[0]); };
    EXPECT_EQ(resolution({}), 0);
    EXPECT_EQ(resolution({{0, 0}, {1, 0}}), 0);
    EXPECT_EQ(resolution({{0, 1}, {1, 1}}), 0.01);
    EXPECT_EQ(resolution({{0, 4}, {1, 6}, {2, 100}}), 0.02);
}

TEST(Utilisation, ProcessesThatReuseACorrelationAreKeptApart) {
    Export data = one_gpu({{0, 100}, {200, 300}}, {});
    data.kernels[0].process = std::uint64_t{7} << 24;
    data.kernels[1].process = std::uint64_t{8} << 24;
    for (Kernel& kernel : data.kernels) kernel.correlation = 1;
    data.ranges = {{"pack", -50, -10, (std::uint64_t{8} << 24) + 1}};
    data.calls = {{-40, -39, (std::uint64_t{7} << 24) + 1, 1}, {-40, -39, (std::uint64_t{8} << 24) + 1, 1}};
    const std::vector<RangePattern> ranges = {{"compress", "pack"}};
    EXPECT_THAT(choose_by_range(data, ranges).chosen.at(0).kernels, ElementsAre(1));
    // Without a process on the kernels there is no telling which.
    for (Kernel& kernel : data.kernels) kernel.process = 0;
    const KernelChoice choice = choose_by_range(data, ranges);
    EXPECT_THAT(choice.chosen.at(0).kernels, IsEmpty());
    EXPECT_THAT(choice.notes, ElementsAre(HasSubstr("2 kernels name no process")));
}

TEST(Utilisation, CallsOfAnotherThreadAndCallsAfterTheRangeAreNotInIt) {
    Export data = one_gpu({{1000, 1100}, {1200, 1300}, {1400, 1500}}, {});
    for (std::size_t i = 0; i < 3; ++i) data.kernels[i].correlation = static_cast<std::int64_t>(i) + 1;
    data.ranges = {{"pack", 0, 50, 2}};
    data.calls = {{0, 5, 2, 1}, {10, 15, 1, 2}, {50, 60, 2, 3}};
    EXPECT_THAT(choose_by_range(data, std::vector<RangePattern>{{"compress", "p*k"}}).chosen.at(0).kernels, ElementsAre(0));
}

TEST(Utilisation, PatternsStandForWholeNames) {
    EXPECT_TRUE(matches("compress_kernel", "compress_kernel"));
    EXPECT_FALSE(matches("compress_kernel", "decompress_kernel"));
    EXPECT_FALSE(matches("compress", "compress_kernel"));
    EXPECT_TRUE(matches("*compress*", "decompress_kernel"));
    EXPECT_TRUE(matches("a*b*c", "a__b_bxc"));
    EXPECT_FALSE(matches("a*b*c", "a__b_bx"));
    EXPECT_TRUE(matches("*", ""));
    EXPECT_FALSE(matches("?", ""));
    for (const char* wrong : {"", "=", "compress", "compress=", "=lz4*"}) EXPECT_THROW(parse_kernel_pattern(wrong), base::Error) << wrong;
    EXPECT_EQ(parse_kernel_pattern("compress = f(a=b)").pattern, "f(a=b)");
}

TEST(Utilisation, OptionsOutsideTheirRangeAreErrors) {
    UtilisationOptions options;
    options.least_coverage = 1.01;
    EXPECT_THROW(utilisation(Export(), options), base::Error);
    options.least_coverage = std::nan("");
    EXPECT_THROW(utilisation(Export(), options), base::Error);
    options = {};
    options.metrics = {"sm_activ"};
    EXPECT_THROW(utilisation(Export(), options), base::Error);
    EXPECT_THAT(utilisation(Export()).devices, IsEmpty());
}

// Files to rows.

const ImportedMetric& metric(const ImportedRow& row, const std::string& name) {
    for (const ImportedMetric& candidate : row.metrics) {
        if (candidate.name == name) return candidate;
    }
    throw std::logic_error("no metric " + name);
}

TEST(ExportRows, AFolderGivesARowForEveryFileGoodOrBad) {
    const plumb::test::TemporaryFolder folder;
    test::write_hdf5(folder.path() / "output_lz4_500mb_dickens_8threads.h5", test::story(test::Generation::units));
    test::write_sqlite(folder.path() / "output_lz4_500mb_dickens_32threads.sqlite", test::story(test::Generation::recent));
    base::write_file(folder.path() / "output_zstd_500mb_mr_8threads.h5", "\x89HDF\r\n\x1a\n and then nothing");
    test::write_sqlite(folder.path() / "something else.sqlite", test::story(test::Generation::units));
    test::Fixture renamed = test::story(test::Generation::units);
    test::table(renamed, "StringIds").rows[0][1] = std::string("lz4_pack_v9");
    test::table(renamed, "StringIds").rows[1][1] = std::string("lz4_unpack_v9");
    test::write_sqlite(folder.path() / "output_new_500mb_mr_8threads.sqlite", renamed);
    base::write_file(folder.path() / "readme.txt", "not an export");
    ExportImport options;
    options.total_bytes = 524288000;
    const std::vector<ImportedRow> rows = import_exports(folder.path(), options);
    ASSERT_EQ(rows.size(), 5u);

    EXPECT_EQ(rows[0].source, "output_lz4_500mb_dickens_32threads.sqlite");
    EXPECT_EQ(rows[0].status, lab::Status::done) << rows[0].reason;
    EXPECT_EQ(rows[0].codec, "lz4");
    EXPECT_EQ(rows[0].file, "500mb_dickens");
    EXPECT_EQ(rows[0].device, "NVIDIA A100");
    EXPECT_EQ(rows[0].chunk_bytes, 16384000);
    EXPECT_EQ(chunk_label(rows[0]), "32 chunks of 16000 KiB");
    EXPECT_NEAR(metric(rows[0], "compress_busy").value, 0.8, 1e-12);
    EXPECT_NEAR(metric(rows[0], "compress_compute_warps").value, 0.65, 1e-12);
    EXPECT_NEAR(metric(rows[0], "compress_compute_warps").low, 0.44, 1e-12);
    EXPECT_EQ(metric(rows[0], "compress_compute_warps").unit, "share");
    EXPECT_EQ(metric(rows[0], "compress_compute_warps").samples, 3);
    EXPECT_NEAR(metric(rows[0], "compress_compute_warps_span").value, 0.64, 1e-12);
    EXPECT_NEAR(metric(rows[0], "decompress_busy_time").value, 50e-6, 1e-12);
    EXPECT_NEAR(metric(rows[0], "unmatched_kernel_share").value, 400.0 / 650, 1e-12);
    EXPECT_THAT(rows[0].doubts, testing::Contains(HasSubstr("fill_kernel 400 us")));
    EXPECT_THAT(rows[0].doubts, testing::Contains("the profiler warned: Not all GPU metrics samples were collected."));
    EXPECT_THAT(rows[0].doubts, testing::Contains(HasSubstr("decompress_compute_warps is at the resolution of its samples (10")));

    EXPECT_EQ(rows[1].source, "output_lz4_500mb_dickens_8threads.h5");
    EXPECT_EQ(rows[1].chunk_bytes, 65536000);
    EXPECT_NEAR(metric(rows[1], "compress_compute_warps").value, 0.65, 1e-12);

    EXPECT_EQ(rows[2].codec, "new");
    EXPECT_EQ(rows[2].status, lab::Status::failed);
    EXPECT_THAT(rows[2].reason, HasSubstr("the file has fill_kernel 400 us, lz4_pack_v9 200 us, lz4_unpack_v9 50.0 us"));
    EXPECT_EQ(metric(rows[2], "unmatched_kernel_share").value, 1);

    EXPECT_EQ(rows[3].codec, "zstd") << "a damaged file still has a name";
    EXPECT_EQ(rows[3].chunks, 8);
    EXPECT_EQ(rows[3].status, lab::Status::failed);
    EXPECT_THAT(rows[3].reason, HasSubstr("output_zstd_500mb_mr_8threads.h5: "));
    EXPECT_THAT(rows[3].metrics, IsEmpty());

    EXPECT_EQ(rows[4].reason, "the name something else.sqlite does not have the form output_{codec}_{file}_{chunks}threads");
}

TEST(ExportRows, AFileByItselfThrowsInsteadAndANamedDeviceWins) {
    const plumb::test::TemporaryFolder folder;
    ExportImport options;
    options.cell_name = "{device}-{codec}-{file}-{chunk_bytes}.sqlite";
    options.use.metrics = {"sm_active"};
    const std::filesystem::path path = folder.path() / "A100-lz4-mr-64KiB.sqlite";
    test::write_sqlite(path, test::story(test::Generation::units));
    std::vector<ImportedRow> rows = import_exports(path, options);
    ASSERT_EQ(rows.size(), 1u);
    EXPECT_EQ(rows[0].chunk_bytes, 65536);
    EXPECT_EQ(chunk_label(rows[0]), "chunks of 64 KiB");
    EXPECT_EQ(rows[0].device, "NVIDIA A100");
    EXPECT_NEAR(metric(rows[0], "compress_sm_active").value, 0.9, 1e-12);
    EXPECT_THROW(metric(rows[0], "compress_compute_warps"), std::logic_error) << "not asked for";
    options.device = "my GPU";
    EXPECT_EQ(import_exports(path, options).at(0).device, "my GPU");
    EXPECT_THROW(import_exports(folder.path() / "A100-lz4-mr-8KiB.sqlite", options), base::Error);
    base::write_file(path, "nothing");
    EXPECT_THROW(import_exports(path, options), base::Error);
    std::filesystem::remove(path);
    EXPECT_THROW(import_exports(folder.path(), options), base::Error) << "an empty folder";
}

TEST(ExportRows, EachGpuOfAFileHasItsRowWithItsOwnSamples) {
    const plumb::test::TemporaryFolder folder;
    test::Fixture fixture = test::story(test::Generation::units);
    test::add_second_gpu(fixture, "NVIDIA GeForce RTX 3050 Ti", 25);
    for (const char* name : {"output_lz4_mr_8threads.h5", "output_lz4_mr_8threads.sqlite"}) {
        SCOPED_TRACE(name);
        const std::filesystem::path path = folder.path() / name;
        if (path.extension() == ".h5") test::write_hdf5(path, fixture);
        if (path.extension() != ".h5") test::write_sqlite(path, fixture);
        const std::vector<ImportedRow> rows = import_exports(path, {});
        ASSERT_EQ(rows.size(), 2u);
        EXPECT_EQ(rows[0].device, "NVIDIA A100");
        EXPECT_NEAR(metric(rows[0], "compress_compute_warps").value, 0.65, 1e-12);
        EXPECT_EQ(rows[1].device, "NVIDIA GeForce RTX 3050 Ti");
        EXPECT_NEAR(metric(rows[1], "compress_compute_warps").value, 0.25, 1e-12);
        EXPECT_NEAR(metric(rows[1], "compress_busy_time").value, 1000e-6, 1e-12);
        EXPECT_THAT(metric(rows[1], "compress_sm_active").reason, HasSubstr("no metric 'SM active' among"));
        EXPECT_TRUE(std::isnan(metric(rows[1], "compress_sm_active").value)) << "nothing stands for a number that is not there";
        EXPECT_EQ(rows[0].chunk_bytes, 0) << "the size of the input was not given";
        ExportImport named;
        named.device = "one";
        EXPECT_THROW(import_exports(path, named), base::Error);
    }
}

TEST(ExportRows, NamesAreReadByTheirPattern) {
    const auto read = [](const std::string& pattern, const std::string& name) {
        ImportedRow row;
        if (!CellName(pattern).read(name, row)) return std::string("no");
        return row.codec + "|" + row.file + "|" + std::to_string(row.chunks) + "|" + std::to_string(row.chunk_bytes) + "|" + row.device;
    };
    const std::string notebook(notebook_cell_name);
    EXPECT_EQ(read(notebook, "output_gdeflate_500mb_dickens_131072threads.h5"), "gdeflate|500mb_dickens|131072|0|");
    EXPECT_EQ(read(notebook, "output_lz4_500mb_lineitem.parquet_8threads.hdf5"), "lz4|500mb_lineitem.parquet|8|0|");
    EXPECT_EQ(read(notebook, "output_lz4_2_8_32threads.h5"), "lz4|2_8|32|0|");
    EXPECT_EQ(read("{codec}_{file}_{chunks}.sqlite", "zstd_xml_32.sqlite"), "zstd|xml|32|0|");
    EXPECT_EQ(read("{codec}_{file}_{chunk_bytes}", "zstd_xml_1MB.h5"), "zstd|xml|0|1000000|");
    for (const char* name :
         {"", "output_lz4_mr_threads.h5", "output_lz4_mr_0threads.h5", "output_lz4__8threads.h5", "xoutput_lz4_mr_8threads.h5",
          "output_lz4_mr_8threads.h5.old", "output_lz4_mr_99999999999999999999threads.h5"}) {
        EXPECT_EQ(read(notebook, name), "no") << name;
    }
    for (const char* pattern : {"", "plain", "{codec", "{coder}_{file}", "{codec}_{codec}"})
        EXPECT_THROW(CellName{pattern}, base::Error) << pattern;
}

}  // namespace
}  // namespace plumb::families::compression
