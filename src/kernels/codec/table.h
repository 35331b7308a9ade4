// SPDX-License-Identifier: Apache-2.0
// One declaration for each codec; codecs.cpp puts them in order. To add one: see codec.h.
#pragma once
#include "kernels/codec/codec.h"

namespace plumb::kernels::codec {

Codec memcpy_codec();
Codec lz4_codec();
Codec lz4hc_codec();
Codec zstd_codec();
Codec snappy_codec();
Codec deflate_codec();
Codec igzip_codec();
Codec gdeflate_codec();
Codec cascaded_codec();
Codec bitcomp_codec();
Codec nvcomp_gdeflate_codec();

}  // namespace plumb::kernels::codec
