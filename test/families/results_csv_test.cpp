// SPDX-License-Identifier: Apache-2.0
// The notebook's own lines come out in bytes and bytes per second; what is wrong with a table is told by line and column.
#include "families/compression/results_csv.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "base/file.h"
#include "base/random.h"
#include "temporary_folder.h"

namespace plumb::families::compression {
namespace {

using testing::HasSubstr;

constexpr std::int64_t notebook_total = 524288000;
const std::string header = "Standard,File,chunks,decompression_throughput_GBps,compression_throughput_GBps,ratio\n";

std::vector<ImportedRow> parse(const std::string& text) {
    return parse_results_csv(text, {notebook_total, "A100"});
}

std::string failure(const std::string& text) {
    try {
        parse(text);
    } catch (const base::Error& error) {
        return std::string(name(error.kind())) + ": " + error.what() + " | " + error.hint();
    }
    return "no error";
}

const ImportedMetric& metric(const ImportedRow& row, const std::string& name) {
    for (const ImportedMetric& candidate : row.metrics) {
        if (candidate.name == name) return candidate;
    }
    throw std::logic_error("no metric " + name);
}

TEST(ResultsCsv, TheNotebooksLinesHaveItsFiguresInPlainUnits) {
    const auto rows = parse(header + "bitcomp,500mb_dickens,131072,66.7744,123.9354,1.1863\nsnappy,500mb_dickens,8,0.0174,0.0054,1.4984\n");
    ASSERT_EQ(rows.size(), 2u);
    EXPECT_EQ(rows[0].status, lab::Status::done);
    EXPECT_EQ(rows[0].device, "A100");
    EXPECT_EQ(rows[0].codec, "bitcomp");
    EXPECT_EQ(rows[0].file, "500mb_dickens");
    EXPECT_EQ(rows[0].source, "results.csv line 2");
    EXPECT_EQ(rows[0].chunks, 131072);
    EXPECT_EQ(rows[0].chunk_bytes, 4000);
    EXPECT_DOUBLE_EQ(metric(rows[0], "compress_throughput").value, 123.9354e9);
    EXPECT_DOUBLE_EQ(metric(rows[0], "decompress_throughput").value, 66.7744e9);
    EXPECT_EQ(metric(rows[0], "compress_throughput").unit, "B/s");
    EXPECT_EQ(metric(rows[0], "ratio").value, 1.1863);
    EXPECT_EQ(metric(rows[0], "ratio").low, 1.1863);
    EXPECT_EQ(metric(rows[0], "ratio").samples, 1);
    EXPECT_EQ(rows[1].chunk_bytes, 65536000);
}

TEST(ResultsCsv, LabelsCountChunksAndGiveSizesTheirUnit) {
    // The notebook printed "128kB chunks of 3.90625kBB" for the first of these.
    const std::pair<const char*, const char*> labels[] = {{"131072", "131072 chunks of 4 kB"},
                                                          {"8192", "8192 chunks of 64 kB"},
                                                          {"8", "8 chunks of 64000 KiB"},
                                                          {"1000", "1000 chunks of 512 KiB"}};
    for (const auto& [chunks, label] : labels) {
        EXPECT_EQ(chunk_label(parse(header + "lz4,mr," + chunks + ",1,1,1\n").at(0)), label);
    }
    EXPECT_EQ(chunk_label({}), "");
}

TEST(ResultsCsv, ChunkSizesThatDoNotDivideAreRoundedUpSoThatTheirNumberIsRight) {
    EXPECT_EQ(chunk_bytes_of(10, 3), 4);
    EXPECT_EQ(chunk_bytes_of(10, 10), 1);
    EXPECT_EQ(chunk_bytes_of(10, 1), 10);
    for (const auto& [total, chunks] : {std::pair{10, 11}, {0, 1}, {10, 0}, {-10, 2}, {10, -2}}) {
        EXPECT_THROW(chunk_bytes_of(total, chunks), base::Error) << total << " " << chunks;
    }
}

TEST(ResultsCsv, ColumnsComeInAnyOrderAndCaseWithOthersBetween) {
    const auto rows = parse(
        "\xEF\xBB\xBF,RATIO,note,file,CODEC,chunksize_Bytes,Chunks\r\n0,2.5,\"a, \"\"b\"\"\nc\",mr,zstd,4000.0,8.0\r\n\r\n1,3,,\" x,y "
        "\",lz4,,32\r\n");
    ASSERT_EQ(rows.size(), 2u);
    EXPECT_EQ(rows[0].codec, "zstd");
    EXPECT_EQ(rows[0].chunks, 8);
    EXPECT_EQ(metric(rows[0], "ratio").value, 2.5);
    EXPECT_EQ(rows[0].metrics.size(), 1u);
    EXPECT_EQ(rows[1].file, " x,y ");
    EXPECT_EQ(rows[1].source, "results.csv line 5") << "a quoted line end and an empty line count";
}

TEST(ResultsCsv, AMissingOrMeaninglessCellIsARowWithItsReason) {
    const std::tuple<const char*, const char*, const char*> cells[] = {
        {"zstd,mr,8,,2,3", "decompress_throughput", "line 2: column decompression_throughput_GBps is empty"},
        {"zstd,mr,8,1,nan,3", "compress_throughput", "line 2: column compression_throughput_GBps holds 'nan', no number"},
        {"zstd,mr,8,1,2,inf", "ratio", "line 2: column ratio holds 'inf', no number"},
        {"zstd,mr,8,1,2,3x", "ratio", "line 2: column ratio holds '3x', no number"},
        {"zstd,mr,8,1,2,-1", "ratio", "line 2: column ratio holds -1, which is not positive"},
        {"zstd,mr,8,0.0000,2,3", "decompress_throughput",
         "line 2: column decompression_throughput_GBps holds 0.0000, which is not positive"},
        {"zstd,mr,8,1,2", "ratio", "line 2: column ratio is empty"},
    };
    for (const auto& [line, name, reason] : cells) {
        const ImportedRow row = parse(header + line + "\n").at(0);
        EXPECT_EQ(row.status, lab::Status::failed) << line;
        EXPECT_EQ(row.reason, reason);
        EXPECT_TRUE(std::isnan(metric(row, name).value)) << line;
        EXPECT_NE(metric(row, name).reason, "");
        int sound = 0;
        for (const ImportedMetric& other : row.metrics) sound += other.reason.empty() ? 1 : 0;
        EXPECT_EQ(sound, 2) << "what is there is kept: " << line;
    }
    EXPECT_EQ(parse(header + "zstd,mr,many,1,2,3\n").at(0).reason, "line 2: column chunks holds 'many', no count");
    EXPECT_EQ(parse(header + "zstd,mr,2.5,1,2,3\n").at(0).reason, "line 2: column chunks holds '2.5', no count");
    EXPECT_EQ(parse(header + "zstd,mr,1e18,1,2,3\n").at(0).reason, "line 2: column chunks holds '1e18', more chunks than bytes");
    EXPECT_EQ(
        parse(header + ",,,1,,3\n").at(0).reason,
        "line 2: column Standard is empty; column File is empty; column chunks is empty; column compression_throughput_GBps is empty");
}

TEST(ResultsCsv, ATableThatIsWrongIsToldByLineAndColumn) {
    EXPECT_THAT(failure(""), HasSubstr("line 1: the table is empty"));
    EXPECT_THAT(failure("Standard,chunks,ratio\n"), HasSubstr("line 1: no column file | its columns are Standard, chunks, ratio"));
    EXPECT_THAT(failure("Standard,file,chunks,speed\n"), HasSubstr("line 1: no column with figures"));
    EXPECT_THAT(failure("standard,file,chunks,ratio,RATIO\n"), HasSubstr("line 1: columns 4 and 5 are both ratio"));
    EXPECT_THAT(failure("standard,codec,file,chunks,ratio\n"), HasSubstr("columns 1 and 2 are both standard or codec"));
    EXPECT_THAT(failure(header + "zstd,mr,8,1,2,3,4\n"), HasSubstr("line 2: column 7 has no header: 7 cells under 6 headers"));
    EXPECT_THAT(failure(header + "zstd,mr,8,1,2,3\nzstd,\"mr,8,1,2,3\n"), HasSubstr("line 3: column 2 opens a quote that is never closed"));
    EXPECT_THAT(failure(header + "zstd,\"mr\"x,8,1,2,3\n"), HasSubstr("line 2: column 2 goes on after its closing quote"));
    EXPECT_THAT(failure(header + "\n\n"), "no error") << "a table without rows has no rows";
}

TEST(ResultsCsv, TheSizeAndTheDeviceMustBeGiven) {
    EXPECT_THROW(parse_results_csv(header, {0, "A100"}), base::Error);
    EXPECT_THROW(parse_results_csv(header, {notebook_total, ""}), base::Error);
    const plumb::test::TemporaryFolder folder;
    EXPECT_THROW(read_results_csv(folder.path() / "absent.csv", {notebook_total, "A100"}), base::Error);
    base::write_file(folder.path() / "a.csv", header + "zstd,mr,8,1,2,3\n");
    EXPECT_EQ(read_results_csv(folder.path() / "a.csv", {notebook_total, "A100"}).at(0).source, "a.csv line 2");
}

TEST(ResultsCsv, AnyBytesAreRowsOrAnError) {
    constexpr std::uint64_t seed = 99;
    SCOPED_TRACE(seed);
    const base::RandomStream stream(seed, "csv");
    const std::string good = header + "zstd,\"m,r\",8,1,2,3\nlz4,xml,32,4,5,6\n";
    for (std::uint64_t round = 0; round < 2000; ++round) {
        std::string text = good;
        for (std::uint64_t i = 0; i < 4; ++i) {
            text[stream.below(round * 16 + 2 * i, text.size())] = static_cast<char>(stream.below(round * 16 + 2 * i + 1, 256));
        }
        try {
            for (const ImportedRow& row : parse(text)) EXPECT_EQ(row.status == lab::Status::done, row.reason.empty());
        } catch (const base::Error& error) {
            EXPECT_EQ(error.kind(), base::ErrorKind::usage) << error.what();
        }
    }
}

}  // namespace
}  // namespace plumb::families::compression
