// SPDX-License-Identifier: Apache-2.0
#include "kernels/codec/checked_worker.h"

#include <cstdint>

#include "base/error.h"

namespace plumb::kernels::codec {

using base::Error;
using base::ErrorKind;

CheckedWorker::CheckedWorker(const Codec& codec)
    : name_(codec.name), largest_chunk_(codec.largest_chunk), alignment_(codec.alignment), bound_(codec.bound) {}

std::size_t CheckedWorker::compress(Bytes in, MutableBytes out) {
    if (in.size() > largest_chunk_) {
        throw Error(ErrorKind::unsupported, name_ + ": a chunk of " + std::to_string(in.size()) + " bytes is above the codec's limit",
                    "at most " + std::to_string(largest_chunk_) + " bytes a chunk");
    }
    const std::size_t room = bound_(in.size());
    if (out.size() < room) {
        throw Error(ErrorKind::usage,
                    name_ + ": " + std::to_string(out.size()) + " bytes are too little room for a compressed chunk of " +
                        std::to_string(in.size()) + " bytes",
                    "at least " + std::to_string(room) + " bytes");
    }
    check_alignment(in.data(), "input");
    check_alignment(out.data(), "output");
    return encode(in, out.first(room));
}

void CheckedWorker::decompress(Bytes in, MutableBytes out) {
    if (out.size() > largest_chunk_) {
        damaged("an original size of " + std::to_string(out.size()) + " bytes, where at most " + std::to_string(largest_chunk_) +
                " are possible");
    }
    check_alignment(in.data(), "input");
    check_alignment(out.data(), "output");
    decode(in, out);
}

void CheckedWorker::damaged(const std::string& reason) const {
    throw Error(ErrorKind::failed, name_ + ": the compressed chunk is damaged or of another size: " + reason);
}

void CheckedWorker::gave_up(const std::string& reason) const {
    throw Error(ErrorKind::failed, name_ + ": the library gave up: " + reason);
}

void CheckedWorker::check_alignment(const void* address, const char* which) const {
    if (reinterpret_cast<std::uintptr_t>(address) % alignment_ == 0) return;
    throw Error(ErrorKind::usage, name_ + ": the " + which + " does not start at a multiple of " + std::to_string(alignment_) + " bytes");
}

const char* readable(Bytes bytes) {
    return bytes.data() != nullptr ? reinterpret_cast<const char*>(bytes.data()) : "";
}

char* writable(MutableBytes bytes) {
    static char nothing = 0;
    return bytes.data() != nullptr ? reinterpret_cast<char*>(bytes.data()) : &nothing;
}

}  // namespace plumb::kernels::codec
