// SPDX-License-Identifier: Apache-2.0
// The engine for GPUs on the device of fake_gpu.h. What this cannot show is whether NVIDIA's library and device behave as documented.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <set>

#include "base/error.h"
#include "families/compression/declarations.h"
#include "families/compression/trial.h"
#include "families/gpu_cases.h"
#include "kernels/codec/nvcomp_options.h"

namespace plumb::families::compression {
namespace {

namespace kc = kernels::codec;
using test::fake_gpu;
using test::FakeGpu;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;

CompressionTrial trial(const EngineRequest& made) {
    Request whole;
    whole.engine = made;
    whole.directions = {Direction::compress, Direction::decompress};
    whole.metadata_bytes_per_chunk = 16;
    return {whole, make_gpu_engine(made, test::fake_gpu_tables())};
}

double value_of(const std::vector<lab::MetricValue>& metrics, const std::string& name) {
    const auto found = std::ranges::find(metrics, name, &lab::MetricValue::name);
    EXPECT_NE(found, metrics.end()) << name;
    return found == metrics.end() ? 0 : found->value;
}

lab::Timing timing(double seconds) {
    lab::Timing made;
    made.samples = {seconds, seconds};
    made.median = {seconds, seconds, seconds};
    return made;
}

class EveryGpuCodec : public OnAFakeGpu, public ::testing::WithParamInterface<std::string> {};
INSTANTIATE_TEST_SUITE_P(Codecs, EveryGpuCodec, ::testing::ValuesIn(gpu_codec_names()), short_name);

TEST_P(EveryGpuCodec, ComesBackByteForByteBeforeAndAfterTiming) {
    CompressionTrial made = trial(gpu_request(GetParam()));
    for (const lab::Check& check : made.verify()) EXPECT_EQ(check.status, lab::CheckStatus::passed) << check.name << check.note;
    for (const lab::Action& action : made.actions()) action.run();
    for (const lab::Check& check : made.verify_after()) EXPECT_EQ(check.status, lab::CheckStatus::passed) << check.name << check.note;
    const auto metrics = made.metrics({timing(0.01), timing(0.005)});
    EXPECT_DOUBLE_EQ(value_of(metrics, "compress_throughput"), 3e7) << "by the wall clock";
    EXPECT_NEAR(value_of(metrics, "compress_device_time"), FakeGpu::compress_seconds, 1e-6);
    EXPECT_NEAR(value_of(metrics, "decompress_device_time"), FakeGpu::decompress_seconds, 1e-6);
    EXPECT_NEAR(value_of(metrics, "compress_device_throughput"), 300'000 / FakeGpu::compress_seconds, 1e4);
    // 75 chunks, each at a multiple of 16.
    EXPECT_NEAR(value_of(metrics, "upload_time"), 75 * 4016 * FakeGpu::seconds_per_byte, 1e-6);
    EXPECT_NEAR(value_of(metrics, "download_time"), 75 * 4016 * FakeGpu::seconds_per_byte, 1e-6);
    EXPECT_EQ(value_of(metrics, "compress_scratch"), 1000 + 17 * 75);
    EXPECT_EQ(value_of(metrics, "decompress_scratch"), 2000 + 3 * 75);
    EXPECT_EQ(value_of(metrics, "scratch_memory"), 1000 + 17 * 75);
    EXPECT_EQ(std::ranges::find(metrics, "peak_memory", &lab::MetricValue::name), metrics.end()) << "that of this CPU says nothing";
    std::set<std::string> declared;
    for (const lab::Metric& metric : compression::metrics()) declared.insert(metric.name);
    for (const lab::MetricValue& metric : metrics) EXPECT_TRUE(declared.contains(metric.name)) << metric.name;
}

TEST_P(EveryGpuCodec, GivesAllMemoryBack) {
    {
        // Few chunks: the other scratch is the larger one.
        const auto made = engine(gpu_request(GetParam(), 32'768));
        made->compress();
        made->decompress();
        EXPECT_EQ(value_of(made->metrics(), "scratch_memory"), 2000 + 3 * 10);
        EXPECT_GT(fake_gpu().live_bytes, 900'000u) << "input, output and chunks are on the device";
    }
    EXPECT_EQ(fake_gpu().live_bytes, 0u);
}

TEST_F(OnAFakeGpu, DecodersOfThisCpuReadItsChunks) {
    const std::vector<std::pair<std::string, std::string>> shared = {
        {"nvcomp:lz4", "lz4"},   {"nvcomp:lz4", "lz4hc"},       {"nvcomp:snappy", "snappy"},
        {"nvcomp:zstd", "zstd"}, {"nvcomp:deflate", "deflate"}, {"nvcomp:deflate", "igzip"},
    };
    for (const auto& [codec, decoder] : shared) {
        const auto checks = trial(gpu_request(codec)).verify();
        const auto check = std::ranges::find(checks, "decoded by " + decoder, &lab::Check::name);
        ASSERT_NE(check, checks.end()) << codec << " by " << decoder;
        EXPECT_EQ(check->status, lab::CheckStatus::passed);
    }
}

TEST_F(OnAFakeGpu, HostFunctionsReadGdeflateChunks) {
    const kc::Codec& decoder = kc::codec_named("nvcomp-gdeflate");
    if (!decoder.missing.empty()) GTEST_SKIP() << decoder.missing;
    const auto checks = trial(gpu_request("nvcomp:gdeflate")).verify();
    EXPECT_NE(std::ranges::find(checks, "decoded by nvcomp-gdeflate", &lab::Check::name), checks.end());
    // Pages end at 64 KiB: nothing here can look into larger chunks.
    const auto larger = trial(gpu_request("nvcomp:gdeflate", 100'000)).verify();
    EXPECT_EQ(std::ranges::find(larger, "decoded by nvcomp-gdeflate", &lab::Check::name), larger.end());
}

TEST_F(OnAFakeGpu, AFormatThatOnlyItsOwnDecoderReadsIsCaught) {
    fake_gpu().dialect = true;
    const auto checks = trial(gpu_request("nvcomp:lz4")).verify();
    EXPECT_EQ(checks.front().status, lab::CheckStatus::passed) << "the device understands itself";
    const auto check = std::ranges::find(checks, "decoded by lz4", &lab::Check::name);
    ASSERT_NE(check, checks.end());
    EXPECT_EQ(check->status, lab::CheckStatus::failed);
    EXPECT_EQ(check->measured, 75) << "chunks";
}

TEST_F(OnAFakeGpu, NamesTheChunkAndTheStatusThatFailed) {
    const auto run = [](Direction direction) {
        const auto made = engine(gpu_request("nvcomp:zstd"));
        made->compress();
        if (direction == Direction::decompress) made->decompress();
    };
    fake_gpu().fault = {Direction::decompress, 7, 12, {}};
    expect_error(base::ErrorKind::failed,
                 {"nvcomp:zstd", "chunk 7 of 75", "4001 bytes from byte 28007", "status 12, nvcompErrorCannotDecompress"},
                 [&] { run(Direction::decompress); });
    fake_gpu().fault = {Direction::compress, 74, 19, {}};
    expect_error(base::ErrorKind::failed, {"chunk 74 of 75", "3926 bytes", "status 19, nvcompErrorCannotCompress"},
                 [&] { run(Direction::compress); });
    fake_gpu().fault = {Direction::compress, 3, {}, {}};
    expect_error(base::ErrorKind::failed, {"chunk 3 of 75", "unknown status"}, [&] { run(Direction::compress); });
}

TEST_F(OnAFakeGpu, AStatusOfTheCallBeforeCountsForNothing) {
    const auto made = engine(gpu_request("nvcomp:snappy"));
    made->compress();
    made->decompress();
    fake_gpu().fault = {Direction::decompress, 0, {}, {}};
    expect_error(base::ErrorKind::failed, {"chunk 0 of 75"}, [&] { made->decompress(); });
}

TEST_F(OnAFakeGpu, DoubtsSizesThatCannotBe) {
    const auto made = engine(gpu_request("nvcomp:lz4"));
    for (const std::size_t size : {std::size_t{0}, std::size_t{1} << 40}) {
        fake_gpu().fault = {Direction::compress, 5, 0, size};
        expect_error(base::ErrorKind::failed, {"chunk 5 of 75", "became " + std::to_string(size) + " bytes"}, [&] { made->compress(); });
    }
    fake_gpu().fault.reset();
    made->compress();
    fake_gpu().fault = {Direction::decompress, 5, 0, 4000};
    expect_error(base::ErrorKind::failed, {"chunk 5 of 75", "came back as 4000 bytes"}, [&] { made->decompress(); });
}

TEST_F(OnAFakeGpu, TellsWhatALaunchOrTheDeviceRefused) {
    const auto made = engine(gpu_request("nvcomp:ans"));
    fake_gpu().launch_status = 1000;
    expect_error(base::ErrorKind::failed, {"nvcomp:ans", "CompressAsync", "status 1000, nvcompErrorCudaError"}, [&] { made->compress(); });
    fake_gpu().launch_status = 0;
    fake_gpu().wait_result = 700;
    expect_error(base::ErrorKind::failed, {"cuStreamSynchronize", "(700)", "--isolate"}, [&] { made->compress(); });
}

TEST_F(OnAFakeGpu, SaysForWhatThereWasNoMemory) {
    std::set<std::string> purposes;
    for (std::size_t most = 0; most < 3'000'000; most += 20'000) {
        test::reset_fake_gpu();
        fake_gpu().most_bytes = most;
        try {
            engine(gpu_request("nvcomp:zstd"));
        } catch (const base::Error& error) {
            EXPECT_EQ(error.kind(), base::ErrorKind::failed);
            EXPECT_THAT(error.what(), AllOf(HasSubstr("CUDA_ERROR_OUT_OF_MEMORY (2)"), HasSubstr(" bytes of ")));
            purposes.insert(std::string(error.what()).substr(0, std::string(error.what()).find(':')));
        }
        EXPECT_EQ(fake_gpu().live_bytes, 0u) << most;
    }
    EXPECT_THAT(purposes, Contains(HasSubstr("of input")));
    EXPECT_THAT(purposes, Contains(HasSubstr("of output")));
    EXPECT_THAT(purposes, Contains(HasSubstr("of compressed chunks")));
}

TEST_F(OnAFakeGpu, WorksOnAfterAnotherDeviceWasAtWork) {
    const auto made = engine(gpu_request("nvcomp:lz4"));
    fake_gpu().switch_away();
    made->compress();
    fake_gpu().switch_away();
    made->spoil_output();
    fake_gpu().switch_away();
    made->decompress();
    fake_gpu().switch_away();
    EXPECT_TRUE(std::ranges::equal(made->decompressed(74), words(300'000)->at({296'074, 3926})));
    fake_gpu().switch_away();
    EXPECT_GT(made->compressed(0).size(), 0u);
    fake_gpu().switch_away();
    EXPECT_FALSE(made->metrics().empty());
}

TEST_F(OnAFakeGpu, SpoiltOutputIsSeen) {
    const auto made = engine(gpu_request("nvcomp:lz4"));
    made->compress();
    made->decompress();
    made->spoil_output();
    const kc::Bytes output = made->decompressed(1);
    EXPECT_TRUE(std::ranges::all_of(output, [](std::uint8_t byte) { return byte == 0xA5; }));
}

TEST_F(OnAFakeGpu, WhatItHandsOutIsOfTheLastCall) {
    const auto made = engine(gpu_request("nvcomp:ans"));
    const auto chunk = [&](bool decompressed) {
        const kc::Bytes bytes = decompressed ? made->decompressed(3) : made->compressed(3);
        return std::vector<std::uint8_t>(bytes.begin(), bytes.end());
    };
    made->compress();
    const auto compressed = chunk(false);
    fake_gpu().dialect = true;
    made->compress();
    EXPECT_NE(chunk(false), compressed);
    made->decompress();
    const auto original = chunk(true);
    fake_gpu().dialect = false;
    made->decompress();
    EXPECT_NE(chunk(true), original);
}

TEST_F(OnAFakeGpu, TellsTheLogWhichDeviceItWas) {
    const auto made = engine(gpu_request("nvcomp:lz4"));
    EXPECT_THAT(made->note(), AllOf(HasSubstr("cuda:0 is Fake GPU"), HasSubstr("nvcomp"), HasSubstr("CUDA backend")));
    EngineRequest here = gpu_request("nvcomp:lz4");
    here.device = "cpu";
    here.codec = "memcpy";
    here.options = {};
    EXPECT_EQ(make_engine(here)->note(), "");
}

TEST_F(OnAFakeGpu, HandsTheOptionsToTheCodec) {
    EngineRequest made = gpu_request("nvcomp:gdeflate");
    made.options.level = 5;
    const auto packed = engine(made);
    packed->compress();
    packed->decompress();
    ASSERT_EQ(fake_gpu().compress_options.size(), 1u);
    EXPECT_EQ(std::bit_cast<kc::nvcomp::DeflateCompression>(fake_gpu().compress_options[0]).algorithm, 5);
    EXPECT_EQ(std::bit_cast<kc::nvcomp::BackendOptions>(fake_gpu().decompress_options.at(0)).backend, kc::nvcomp::backend_cuda);
    EXPECT_EQ(value_of(packed->metrics(), "used_level"), 5);
}

}  // namespace
}  // namespace plumb::families::compression
