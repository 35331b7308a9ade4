// SPDX-License-Identifier: Apache-2.0
// What the tests of the engine for GPUs share: inputs, requests, a fixture with a fresh fake GPU.
#pragma once
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/error.h"
#include "families/fake_gpu.h"

namespace plumb::families::compression {

/// Words, so many bytes of them.
std::shared_ptr<const Content> words(std::size_t bytes);

/// 300,000 bytes; chunks of 4,001 so that neither their starts nor the last of them fit any alignment.
EngineRequest gpu_request(const std::string& codec, std::size_t chunk = 4001);

class OnAFakeGpu : public ::testing::Test {
  protected:
    OnAFakeGpu() { test::reset_fake_gpu(); }
    static std::unique_ptr<Engine> engine(EngineRequest made) { return make_gpu_engine(std::move(made), test::fake_gpu_tables()); }
};

std::vector<std::string> gpu_codec_names();
/// "lz4" for "nvcomp:lz4", as the names of tests want it.
std::string short_name(const ::testing::TestParamInfo<std::string>& codec);

template <class Call>
void expect_error(base::ErrorKind kind, const std::vector<std::string>& parts, const Call& call) {
    try {
        call();
        ADD_FAILURE() << "accepted: " << parts.front();
    } catch (const base::Error& error) {
        EXPECT_EQ(error.kind(), kind) << error.what();
        const std::string all = error.what() + std::string(" | ") + error.hint();
        for (const std::string& part : parts) EXPECT_THAT(all, ::testing::HasSubstr(part));
    }
}

}  // namespace plumb::families::compression
