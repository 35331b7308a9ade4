// SPDX-License-Identifier: Apache-2.0
// What is refused before a GPU is asked for, and what is said when there is none.
#include <gtest/gtest.h>

#include "families/gpu_cases.h"

namespace plumb::families::compression {
namespace {

namespace kc = kernels::codec;

class GpuRequests : public OnAFakeGpu {};
class EveryGpuRequest : public OnAFakeGpu, public ::testing::WithParamInterface<std::string> {};
INSTANTIATE_TEST_SUITE_P(Codecs, EveryGpuRequest, ::testing::ValuesIn(gpu_codec_names()), short_name);

TEST_P(EveryGpuRequest, IsUnsupportedAboveItsLimitAndBeforeADeviceIsAskedFor) {
    const std::size_t limit = kc::nvcomp_batched_codec(GetParam())->facts.largest_chunk;
    static const kernels::gpu::Cuda none = [] {
        kernels::gpu::Cuda cuda;
        cuda.missing = "no driver";
        return cuda;
    }();
    EngineRequest made = gpu_request(GetParam());
    // Nothing reads the content by then.
    made.chunks = {{0, limit + 1}};
    expect_error(base::ErrorKind::unsupported, {std::to_string(limit + 1), GetParam() + ", " + std::to_string(limit)}, [&] {
        make_gpu_engine(made, {none, test::fake_gpu_tables().nvcomp});
    });
    made.chunks = {{0, limit}};
    expect_error(base::ErrorKind::missing, {"cuda:0", "no driver"}, [&] { make_gpu_engine(made, {none, test::fake_gpu_tables().nvcomp}); });
}

TEST_F(GpuRequests, WhatDoesNotGoTogetherIsUnsupported) {
    const auto refuses = [](EngineRequest made, const std::vector<std::string>& parts) {
        expect_error(base::ErrorKind::unsupported, parts, [&] { engine(std::move(made)); });
    };
    EngineRequest made = gpu_request("nvcomp:zstd");
    made.codec = "zstd";
    refuses(made, {"codec zstd runs on the CPU only", "codec=nvcomp:zstd"});
    made.codec = "lz4hc";
    refuses(made, {"codec lz4hc runs on the CPU only", "device=cpu"});
    made = gpu_request("nvcomp:zstd");
    made.options.level = 3;
    refuses(made, {"nvcomp:zstd", "takes no option 'level'"});
    made = gpu_request("nvcomp:deflate");
    made.options.level = 6;
    refuses(made, {"level=6", "0 to 5"});
    made = gpu_request("nvcomp:cascaded");
    made.options.rle = 2;
    refuses(made, {"rle=2", "0, 1"});
    made = gpu_request("nvcomp:cascaded");
    made.options.element.reset();
    refuses(made, {"4001 bytes is no whole number of elements of 4 bytes", "element=u8"});
    made = gpu_request("nvcomp:lz4");
    made.workers = 2;
    refuses(made, {"workers=2", "workers=1"});
    for (const char* device : {"cuda", "cuda:", "cuda:x", "cuda:0x", "cuda:-1", "cuda:99999"}) {
        made = gpu_request("nvcomp:lz4");
        made.device = device;
        refuses(made, {std::string("device ") + device, "cuda:0"});
    }
    made = gpu_request("nvcomp:lz4");
    made.device = "cpu";
    expect_error(base::ErrorKind::unsupported, {"nvcomp:lz4 runs on a GPU only", "device=cuda:0"}, [&] { make_engine(made); });
}

TEST_F(GpuRequests, SaysWhatIsMissing) {
    EngineRequest made = gpu_request("nvcomp:lz4");
    made.device = "cuda:1";
    expect_error(base::ErrorKind::missing, {"cuda:1 is none of the 1 here", "plumb list devices"}, [&] { engine(made); });
    const kc::NvcompBatched none = kc::find_nvcomp_batched([](const char*) { return nullptr; });
    expect_error(base::ErrorKind::missing, {"nvcomp:lz4", "nvcompBatchedLZ4CompressGetRequiredAlignments", "deps/setup nvcomp"}, [&] {
        make_gpu_engine(gpu_request("nvcomp:lz4"), {test::fake_gpu_tables().cuda, none});
    });
}

}  // namespace
}  // namespace plumb::families::compression
