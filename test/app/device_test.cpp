// SPDX-License-Identifier: Apache-2.0
// Devices and the codecs of GPUs, as the program tells of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "app/program.h"
#include "kernels/gpu/cuda.h"

namespace plumb {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class Devices : public ::testing::Test {
  protected:
    Devices() {
        std::ofstream words(place.path() / "words.txt");
        for (int i = 0; i < 3000; ++i) words << "word " << i * 7 % 11 << "\n";
    }
    test::Outcome run(const std::string& changes) { return place.shell("plumb run family:compression file=words.txt " + changes); }
    test::Workplace place;
};

TEST_F(Devices, AreListedWithTheirNamesOrTheReason) {
    const auto& cuda = kernels::gpu::cuda();
    const std::string out = place.shell("plumb list devices").out;
    EXPECT_THAT(out, AllOf(HasSubstr("cpu "), HasSubstr("cuda:0")));
    EXPECT_THAT(out, HasSubstr(cuda.devices.empty() ? cuda.missing : cuda.devices.front()));
    const std::string codecs = place.shell("plumb list codecs --json").out;
    for (const std::string codec : {"lz4", "snappy", "zstd", "gdeflate", "deflate", "cascaded", "bitcomp", "ans"})
        EXPECT_THAT(codecs, HasSubstr("\"nvcomp:" + codec + "\""));
}

TEST_F(Devices, WithoutOneTheRunEndsWithExitCodeFourAndTheReason) {
    const auto& cuda = kernels::gpu::cuda();
    if (!cuda.devices.empty()) GTEST_SKIP() << "a device is here: " << cuda.devices.front();
    for (const std::string codec : {"nvcomp:lz4", "nvcomp:zstd", "nvcomp:ans"}) {
        const auto outcome = run("device=cuda:0 codec=" + codec);
        EXPECT_EQ(outcome.exit_code, 4) << outcome.err;
        EXPECT_THAT(outcome.err, HasSubstr("device cuda:0: " + cuda.missing));
    }
}

TEST_F(Devices, WhatDoesNotGoTogetherIsARowWithTheReason) {
    const auto cpu_codec = run("device=cuda:0 codec=zstd");
    EXPECT_EQ(cpu_codec.exit_code, 3);
    EXPECT_THAT(cpu_codec.err, HasSubstr("codec zstd runs on the CPU only"));
    const auto gpu_codec = run("device=cpu codec=nvcomp:zstd");
    EXPECT_EQ(gpu_codec.exit_code, 3);
    EXPECT_THAT(gpu_codec.err, HasSubstr("codec nvcomp:zstd runs on a GPU only"));
    const auto large = run("device=cuda:0 codec=nvcomp:lz4 repeat_to=65536000 chunk=65536000");
    EXPECT_EQ(large.exit_code, 3) << "the notebook's largest chunks";
    EXPECT_THAT(large.err, HasSubstr("chunks of 65536000 bytes are above the limit of nvcomp:lz4, 16777216 bytes"));
}

}  // namespace
}  // namespace plumb
