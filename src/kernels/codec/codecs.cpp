// SPDX-License-Identifier: Apache-2.0
// The table of codecs. To add one: its declaration in table.h, one line here.
#include "kernels/codec/table.h"

namespace plumb::kernels::codec {

const std::vector<Codec>& codecs() {
    static const std::vector<Codec> table = {
        memcpy_codec(),    //
        lz4_codec(),       //
        lz4hc_codec(),     //
        zstd_codec(),      //
        snappy_codec(),    //
        deflate_codec(),   //
        igzip_codec(),     //
        gdeflate_codec(),  //
        cascaded_codec(),  //
        bitcomp_codec(),   //
        nvcomp_gdeflate_codec(),
    };
    return table;
}

}  // namespace plumb::kernels::codec
