// SPDX-License-Identifier: Apache-2.0
// What every worker checks alike, so that a codec's file holds only its own calls: sizes, room and alignment before a call.
#pragma once
#include <string>

#include "kernels/codec/codec.h"

namespace plumb::kernels::codec {

class CheckedWorker : public Worker {
  public:
    std::size_t compress(Bytes in, MutableBytes out) final;
    void decompress(Bytes in, MutableBytes out) final;

  protected:
    explicit CheckedWorker(const Codec& codec);

    /// `out` holds exactly bound(in.size()) bytes, so that the bytes written cannot depend on how much room there is.
    virtual std::size_t encode(Bytes in, MutableBytes out) = 0;
    virtual void decode(Bytes in, MutableBytes out) = 0;

    /// Throws failed: a compressed chunk that is no such thing, or of another size.
    [[noreturn]] void damaged(const std::string& reason) const;
    /// Throws failed: the library gave up on valid input.
    [[noreturn]] void gave_up(const std::string& reason) const;

  private:
    void check_alignment(const void* address, const char* which) const;

    std::string name_;
    std::size_t largest_chunk_;
    std::size_t alignment_;
    std::size_t (*bound_)(std::size_t);
};

/// Addresses for libraries that take no null pointer, not even for nothing.
const char* readable(Bytes bytes);
char* writable(MutableBytes bytes);

}  // namespace plumb::kernels::codec
