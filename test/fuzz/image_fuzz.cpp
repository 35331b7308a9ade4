// SPDX-License-Identifier: Apache-2.0
// Image files of any bytes. The first byte chooses what is done with the rest: whether EXIF's orientation is followed, which section is
// cropped. What decodes must decode to the same bytes again, as a whole and in a crop on every instruction set.
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "base/error.h"
#include "kernels/image/pipeline.h"
#include "kernels/isa.h"

namespace plumb::kernels::image {
namespace {

/// Large enough for several blocks and rows of turned pixels, small enough to be quick.
constexpr std::int64_t most_pixels = 1 << 15;

void require(bool holds, const char* what) {
    if (holds) return;
    std::fprintf(stderr, "%s\n", what);
    std::abort();
}

void crop_any(std::span<const std::uint8_t> file, Pipeline pipeline) {
    std::vector<std::uint8_t> first(pipeline.crop_bytes()), again(pipeline.crop_bytes());
    try {
        decode(file, "input", pipeline.decode);
        set_isa(Isa::scalar);
        Cropper(pipeline).crop(file, "input", first);
        set_isa(available_isas().back());
        Cropper(pipeline).crop(file, "input", again);
        require(first == again, "instruction sets differ");
    } catch (const base::Error& error) {
        require(error.kind() == base::ErrorKind::failed || error.kind() == base::ErrorKind::unsupported, "another error than damage");
    }
}

}  // namespace
}  // namespace plumb::kernels::image

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace plumb::kernels::image;
    if (size == 0) return 0;
    Pipeline pipeline;
    pipeline.short_side = data[0] % 3 == 0 ? 0 : 20;
    pipeline.crop = 17;
    pipeline.section = static_cast<Section>(data[0] / 4 % 5);
    pipeline.decode.exif_orientation = data[0] >= 128;
    pipeline.decode.most_pixels = most_pixels;
    crop_any({data + 1, size - 1}, pipeline);
    return 0;
}
