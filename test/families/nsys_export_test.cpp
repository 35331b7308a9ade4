// SPDX-License-Identifier: Apache-2.0
// Exports of three generations in both containers say the same; damaged and foreign files are errors.
#include "families/compression/nsys_export.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "base/error.h"
#include "base/file.h"
#include "base/random.h"
#include "families/nsys_fixture.h"
#include "temporary_folder.h"

namespace plumb::families::compression {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

enum class Form { sqlite, hdf5_variable_strings, hdf5_fixed_strings };
constexpr Form all_forms[] = {Form::sqlite, Form::hdf5_variable_strings, Form::hdf5_fixed_strings};

const char* name(Form form) {
    return form == Form::sqlite ? "sqlite" : form == Form::hdf5_variable_strings ? "hdf5_variable_strings" : "hdf5_fixed_strings";
}

std::filesystem::path write(const plumb::test::TemporaryFolder& folder, const test::Fixture& fixture, Form form) {
    const std::filesystem::path path = folder.path() / (form == Form::sqlite ? "export.sqlite" : "export.h5");
    if (form == Form::sqlite) test::write_sqlite(path, fixture);
    if (form == Form::hdf5_variable_strings) test::write_hdf5(path, fixture, test::Strings::variable);
    if (form == Form::hdf5_fixed_strings) test::write_hdf5(path, fixture, test::Strings::fixed);
    return path;
}

class NsysExport : public testing::TestWithParam<std::tuple<test::Generation, Form>> {
  protected:
    test::Generation generation() const { return std::get<0>(GetParam()); }
    Form form() const { return std::get<1>(GetParam()); }
    Export read(const test::Fixture& fixture, const ReadOptions& options = {}) {
        return read_export(write(folder_, fixture, form()), options);
    }
    std::string failure(const test::Fixture& fixture) {
        try {
            read(fixture);
        } catch (const base::Error& error) {
            return std::string(name(error.kind())) + ": " + error.what() + " | " + error.hint();
        }
        return "no error";
    }
    plumb::test::TemporaryFolder folder_;
};

const MetricSeries& series(const Export& data, const std::string& name, const std::string& unit) {
    for (const MetricSeries& candidate : data.metrics) {
        if (candidate.name == name && candidate.unit == unit) return candidate;
    }
    throw std::logic_error("no series " + name);
}

TEST_P(NsysExport, ReadsKernelsInOrderOfStartWithTheirNames) {
    const Export data = read(test::story(generation()));
    ASSERT_EQ(data.kernels.size(), 4u);
    EXPECT_EQ(data.kernels[0].start, 1'000'000);
    EXPECT_EQ(data.kernels[0].end, 1'100'000);
    EXPECT_EQ(data.kernels[1].start, 1'150'000);
    EXPECT_EQ(data.kernels[1].correlation, 102);
    EXPECT_THAT(data.kernels[0].grid, ElementsAre(128, 2, 1));
    EXPECT_EQ(data.kernels[0].process, generation() == test::Generation::plain ? 0u : std::uint64_t{test::process});
    const KernelName& name = data.kernel_names[data.kernels[2].name];
    EXPECT_EQ(name.shortened, "lz4DecompressBatchKernel");
    EXPECT_EQ(name.demangled, "void nvcomp::lz4DecompressBatchKernel<unsigned char>(int)");
    EXPECT_EQ(data.kernel_names.size(), 3u) << "two kernels share one name";
    EXPECT_THAT(data.notes, testing::IsEmpty());
}

TEST_P(NsysExport, SplitsMetricNamesFromUnitsAndFindsTheGpu) {
    const Export data = read(test::story(generation()));
    ASSERT_EQ(data.gpus.size(), 1u);
    EXPECT_EQ(data.gpus[0].name, "NVIDIA A100");
    EXPECT_EQ(data.gpus[0].multiprocessors, 108);
    const bool plain = generation() == test::Generation::plain;
    const MetricSeries& warps =
        plain ? series(data, "Compute Warps In Flight", "") : series(data, "Compute Warps in Flight", "Throughput %");
    EXPECT_EQ(warps.type, std::uint64_t{test::type_base + 1});
    EXPECT_EQ(warps.gpu, 0u);
    EXPECT_TRUE(warps.whole_numbers);
    ASSERT_EQ(warps.samples.size(), 28u);
    EXPECT_EQ(warps.samples[0], (Sample{800'000, 0}));
    EXPECT_EQ(warps.samples[3], (Sample{1'100'000, 80}));
    EXPECT_EQ(data.kernels[0].gpu, 0u);
}

TEST_P(NsysExport, KeepsOnlyTheSamplesThatAreWanted) {
    ReadOptions options;
    options.wanted_metric = [](std::string_view name, std::string_view) { return name.starts_with("SM"); };
    const Export data = read(test::story(generation()), options);
    for (const MetricSeries& metric : data.metrics) {
        EXPECT_EQ(metric.samples.size(), metric.name.starts_with("SM") ? 28u : 0u) << metric.name;
    }
}

TEST_P(NsysExport, ReadsRangesClosedAndUnclosedByTextOrRegisteredText) {
    const Export data = read(test::story(generation()));
    ASSERT_EQ(data.ranges.size(), 3u) << "marks are no ranges";
    EXPECT_EQ(data.ranges[0].text, "compress all");
    EXPECT_EQ(data.ranges[0].end, 930'000);
    EXPECT_EQ(data.ranges[0].thread, std::uint64_t{test::thread});
    EXPECT_EQ(data.ranges[1].text, "decompress all");
    EXPECT_EQ(data.ranges[2].text, "never closed");
    EXPECT_EQ(data.ranges[2].end, std::nullopt);
    ASSERT_EQ(data.calls.size(), 4u);
    EXPECT_EQ(data.calls[0].correlation, 101);
    EXPECT_EQ(process_of(data.calls[0].thread), std::uint64_t{test::process});
}

TEST_P(NsysExport, ReadsSessionAndDiagnosticsWhereThereAreAny) {
    const Export data = read(test::story(generation()));
    EXPECT_EQ(data.session_start, 1700000000000000000);
    const bool recent = generation() == test::Generation::recent;
    EXPECT_EQ(data.product_version, recent ? "2024.6.2.225" : "");
    EXPECT_EQ(data.diagnostics.size(), recent ? 2u : 0u);
    if (recent) {
        EXPECT_EQ(data.diagnostics[1].text, "Not all GPU metrics samples were collected.");
    }
}

TEST_P(NsysExport, NegativeTimesAreTimes) {
    const Export data = read(test::story(generation(), -2000));
    EXPECT_EQ(data.kernels[0].start, -1'000'000);
    EXPECT_EQ(data.ranges[0].start, -1'095'000);
    EXPECT_EQ(data.ranges[0].end, -1'070'000);
    EXPECT_EQ(data.metrics[0].samples[0].timestamp, -1'200'000);
    EXPECT_EQ(data.ranges[2].end, std::nullopt) << "0 stands for no end where there is no NULL, though it is later than the start";
}

TEST_P(NsysExport, ARangeThatEndsAtZeroIsClosedWhereNullSaysOtherwise) {
    test::Fixture fixture = test::story(generation(), -2000);
    test::table(fixture, "NVTX_EVENTS").rows[0][1] = 0;
    const bool has_null = form() == Form::sqlite && generation() != test::Generation::plain;
    EXPECT_EQ(read(fixture).ranges[0].end, has_null ? std::optional<std::int64_t>(0) : std::nullopt);
}

TEST_P(NsysExport, AMissingTableMeansNoSuchEvents) {
    for (const char* gone : {"StringIds", "TARGET_INFO_GPU", "CUPTI_ACTIVITY_KIND_KERNEL", "CUPTI_ACTIVITY_KIND_RUNTIME", "NVTX_EVENTS",
                             "TARGET_INFO_GPU_METRICS", "GPU_METRICS", "TARGET_INFO_SESSION_START_TIME"}) {
        SCOPED_TRACE(gone);
        test::Fixture fixture = test::story(generation());
        test::drop_table(fixture, gone);
        const Export data = read(fixture);
        EXPECT_EQ(data.kernels.empty(), std::string(gone) == "CUPTI_ACTIVITY_KIND_KERNEL");
        EXPECT_EQ(data.ranges.empty(), std::string(gone) == "NVTX_EVENTS");
    }
    test::Fixture fixture = test::story(generation());
    test::drop_table(fixture, "StringIds");
    EXPECT_THAT(read(fixture).notes, ElementsAre(HasSubstr("names of kernels are not in StringIds")));
    fixture = test::story(generation());
    test::drop_table(fixture, "TARGET_INFO_GPU_METRICS");
    EXPECT_THAT(read(fixture).notes, ElementsAre(HasSubstr("belong to no metric")));
}

TEST_P(NsysExport, AMissingColumnIsNamedWithItsTableAndWhatIsThere) {
    const std::pair<const char*, const char*> needed[] = {{"CUPTI_ACTIVITY_KIND_KERNEL", "start"},
                                                          {"GPU_METRICS", "typeId"},
                                                          {"TARGET_INFO_GPU_METRICS", "metricName"},
                                                          {"NVTX_EVENTS", "eventType"},
                                                          {"StringIds", "value"}};
    for (const auto& [table, column] : needed) {
        test::Fixture fixture = test::story(generation());
        drop_column(test::table(fixture, table), column);
        const std::string text = failure(fixture);
        EXPECT_THAT(text, testing::StartsWith("failed: ")) << table;
        EXPECT_THAT(text, HasSubstr("export.")) << "the file is named";
        EXPECT_THAT(text, HasSubstr("table " + std::string(table) + " has no column " + column));
        EXPECT_THAT(text, HasSubstr("its columns are "));
    }
    test::Fixture fixture = test::story(generation());
    drop_column(test::table(fixture, "CUPTI_ACTIVITY_KIND_KERNEL"), "shortName");
    EXPECT_EQ(read(fixture).kernels.size(), 4u) << "the demangled name is enough";
    drop_column(test::table(fixture, "CUPTI_ACTIVITY_KIND_KERNEL"), "demangledName");
    EXPECT_THAT(failure(fixture), HasSubstr("shortName"));
}

TEST_P(NsysExport, ACellOfAnotherKindIsNamed) {
    test::Fixture fixture = test::story(generation());
    test::FixtureTable& ranges = test::table(fixture, "NVTX_EVENTS");
    ranges.columns[0].kind = test::Kind::text;
    for (auto& row : ranges.rows) row[0] = std::string("soon");
    EXPECT_THAT(failure(fixture), HasSubstr("NVTX_EVENTS.start holds the text 'soon' where a whole number was expected"));
    fixture = test::story(generation());
    test::table(fixture, "CUPTI_ACTIVITY_KIND_KERNEL").rows[0][0] = std::int64_t{1} << 62;
    EXPECT_THAT(failure(fixture), HasSubstr("CUPTI_ACTIVITY_KIND_KERNEL.start holds 4611686018427387904 where a time"));
}

TEST_P(NsysExport, KernelsThatEndBeforeTheyStartAreLeftOutAndCounted) {
    test::Fixture fixture = test::story(generation());
    test::table(fixture, "CUPTI_ACTIVITY_KIND_KERNEL").rows[0][1] = std::int64_t{1};
    const Export data = read(fixture);
    EXPECT_EQ(data.kernels.size(), 3u);
    EXPECT_THAT(data.notes, ElementsAre("1 kernels end before they start and were left out"));
}

TEST_P(NsysExport, NegativeValuesAreUnsignedOnesOfThirtyTwoBits) {
    test::Fixture fixture = test::story(generation());
    test::FixtureTable& samples = test::table(fixture, "GPU_METRICS");
    // 2.2 GHz in a signed 32-bit number.
    samples.rows[0].back() = std::int64_t{-2094967296};
    const Export data = read(fixture);
    EXPECT_EQ(data.metrics[0].samples[0].value, 2.2e9);
    EXPECT_THAT(data.notes, ElementsAre(HasSubstr("1 metric samples were negative")));
}

TEST_P(NsysExport, RealValuesAndUnsignedColumnsAreRead) {
    test::Fixture fixture = test::story(generation());
    test::FixtureTable& samples = test::table(fixture, "GPU_METRICS");
    samples.columns.back().kind = test::Kind::real;
    for (auto& row : samples.rows) row.back() = 12.5;
    for (test::FixtureColumn& column : test::table(fixture, "CUPTI_ACTIVITY_KIND_RUNTIME").columns) {
        if (column.name == "globalTid") column.kind = test::Kind::unsigned_integer;
    }
    const auto high = static_cast<std::int64_t>(0xFE00000000000000 | std::uint64_t{test::thread});
    for (auto& row : test::table(fixture, "CUPTI_ACTIVITY_KIND_RUNTIME").rows) row[2] = high;
    const Export data = read(fixture);
    EXPECT_EQ(data.metrics[1].samples[5].value, 12.5);
    EXPECT_FALSE(data.metrics[1].whole_numbers);
    EXPECT_EQ(data.calls[0].thread, 0xFE00000000000000 | std::uint64_t{test::thread});
}

TEST_P(NsysExport, TextIsBytesAndComesOutAsUtf8) {
    test::Fixture fixture = test::story(generation());
    test::table(fixture, "NVTX_EVENTS").rows[0][3] = std::string(
        "pr\xC3\xBC"
        "fen \xFF\x80 a\nb");
    EXPECT_EQ(read(fixture).ranges[0].text,
              "pr\xC3\xBC"
              "fen \xEF\xBF\xBD\xEF\xBF\xBD a b");
}

INSTANTIATE_TEST_SUITE_P(EveryGenerationAndContainer, NsysExport,
                         testing::Combine(testing::ValuesIn(test::all_generations), testing::ValuesIn(all_forms)),
                         [](const auto& instance) {
                             return std::string(test::name(std::get<0>(instance.param))) + "_" + name(std::get<1>(instance.param));
                         });

class NsysFiles : public testing::TestWithParam<Form> {
  protected:
    base::ErrorKind kind_of(const std::filesystem::path& path) {
        try {
            read_export(path);
        } catch (const base::Error& error) {
            message_ = error.what();
            return error.kind();
        }
        message_ = "no error";
        return base::ErrorKind::internal;
    }
    plumb::test::TemporaryFolder folder_;
    std::string message_;
};

TEST_P(NsysFiles, TwoGpusAreToldApartByPerfworksAndCudaNumbersThatDiffer) {
    test::Fixture fixture = test::story(test::Generation::units);
    test::add_second_gpu(fixture, "NVIDIA GeForce RTX 3050 Ti", 25);
    const Export data = read_export(write(folder_, fixture, GetParam()));
    ASSERT_EQ(data.gpus.size(), 2u);
    for (const MetricSeries& metric : data.metrics) {
        EXPECT_EQ(metric.gpu, metric.type == std::uint64_t{test::type_base + 1} ? 0u : 1u) << "pwGpuId 1 is CUDA device 0";
    }
    for (const Kernel& kernel : data.kernels) EXPECT_EQ(kernel.gpu, kernel.device == 0 ? 0u : 1u);
}

TEST_P(NsysFiles, AnOrdinalThatTwoGpusClaimBelongsToNeither) {
    test::Fixture fixture = test::story(test::Generation::units);
    test::add_second_gpu(fixture, "the other", 25);
    for (auto& row : test::table(fixture, "TARGET_INFO_GPU").rows) row.back() = std::int64_t{0};
    EXPECT_EQ(read_export(write(folder_, fixture, GetParam())).kernels[0].gpu, std::nullopt);
}

TEST_P(NsysFiles, ATableOfCudaDevicesDecidesByProcess) {
    test::Fixture fixture = test::story(test::Generation::units);
    test::add_second_gpu(fixture, "the other", 25);
    // Seen from its process, ordinal 0 is the GPU that the driver calls 1.
    fixture.push_back({"TARGET_INFO_CUDA_DEVICE",
                       {{"gpuId"}, {"cudaId"}, {"pid"}},
                       {{std::int64_t{4}, std::int64_t{0}, std::int64_t{4711}}, {std::int64_t{3}, std::int64_t{0}, std::int64_t{99}}}});
    EXPECT_EQ(read_export(write(folder_, fixture, GetParam())).kernels[0].gpu, 1u);
}

TEST_P(NsysFiles, AForeignFileIsNoExport) {
    const test::Fixture foreign = {{"songs", {{"id"}, {"title", test::Kind::text}}, {{std::int64_t{1}, "So What"}}}};
    EXPECT_EQ(kind_of(write(folder_, foreign, GetParam())), base::ErrorKind::usage);
    EXPECT_THAT(message_, HasSubstr("is no export of Nsight Systems"));
    EXPECT_EQ(kind_of(write(folder_, {}, GetParam())), base::ErrorKind::usage) << message_;
    // An empty SQLite file holds no header at all.
    base::write_file(folder_.path() / "notes.sqlite", "dear diary");
    EXPECT_EQ(kind_of(folder_.path() / "notes.sqlite"), base::ErrorKind::usage);
    EXPECT_THAT(message_, HasSubstr("neither SQLite nor HDF5"));
    EXPECT_EQ(kind_of(folder_.path() / "absent.sqlite"), base::ErrorKind::missing);
    EXPECT_EQ(kind_of(folder_.path()), base::ErrorKind::missing);
}

TEST_P(NsysFiles, AnyFileThatIsCutOffIsAnError) {
    const std::string whole = base::read_file(write(folder_, test::story(test::Generation::recent), GetParam()));
    const std::filesystem::path cut = folder_.path() / "cut";
    for (std::size_t kept = 0; kept < whole.size(); kept += kept < 200 ? 7 : 1021) {
        SCOPED_TRACE(kept);
        base::write_file(cut, whole.substr(0, kept));
        const base::ErrorKind kind = kind_of(cut);
        EXPECT_TRUE(kind == base::ErrorKind::failed || (kept < 16 && kind == base::ErrorKind::usage)) << message_;
        EXPECT_THAT(message_, HasSubstr("cut"));
    }
}

TEST_P(NsysFiles, FlippedBitsAreAnErrorOrGoUnseenButNeverACrash) {
    constexpr std::uint64_t seed = 20240817;
    SCOPED_TRACE(seed);
    const std::string whole = base::read_file(write(folder_, test::story(test::Generation::recent), GetParam()));
    const std::filesystem::path flipped = folder_.path() / "flipped";
    const base::RandomStream stream(seed, "flips");
    int errors = 0;
    constexpr int rounds = 200;
    for (std::uint64_t round = 0; round < rounds; ++round) {
        std::string damaged = whole;
        // One to four bits, half of them among the first 4 KiB where the structure is.
        const std::uint64_t flips = 1 + stream.below(round * 16, 4);
        for (std::uint64_t i = 0; i < flips; ++i) {
            const std::uint64_t range = i % 2 == 0 ? std::min<std::uint64_t>(4096, damaged.size()) : damaged.size();
            const std::uint64_t place = stream.below(round * 16 + 1 + 2 * i, range);
            damaged[place] = static_cast<char>(damaged[place] ^ (1 << stream.below(round * 16 + 2 + 2 * i, 8)));
        }
        std::ofstream(flipped, std::ios::binary) << damaged;
        try {
            read_export(flipped);
        } catch (const base::Error& error) {
            ++errors;
            EXPECT_NE(error.kind(), base::ErrorKind::internal) << error.what();
        }
    }
    EXPECT_GT(errors, rounds / 20) << "the flips reached nothing that matters";
}

INSTANTIATE_TEST_SUITE_P(EveryContainer, NsysFiles, testing::ValuesIn(all_forms),
                         [](const auto& instance) { return std::string(name(instance.param)); });

TEST(NsysSqlite, IsOpenedWithoutWritingAnythingBesideIt) {
    const plumb::test::TemporaryFolder folder;
    const std::filesystem::path path = folder.path() / "50% of #1? yes.sqlite";
    test::write_sqlite(path, test::story(test::Generation::units));
    const std::string before = base::read_file(path);
    EXPECT_EQ(read_export(path).kernels.size(), 4u) << "marks that mean something in an address are part of the name";
    EXPECT_EQ(base::read_file(path), before);
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1);
}

TEST(NsysSqlite, AnExportThatWasNeverFinishedIsAnError) {
    const plumb::test::TemporaryFolder folder;
    const std::filesystem::path path = folder.path() / "x.sqlite";
    test::write_sqlite(path, test::story(test::Generation::units));
    base::write_file(folder.path() / "x.sqlite-journal", "pages");
    EXPECT_THAT([&] { read_export(path); }, testing::ThrowsMessage<base::Error>(HasSubstr("x.sqlite-journal still holds a part of it")));
}

}  // namespace
}  // namespace plumb::families::compression
