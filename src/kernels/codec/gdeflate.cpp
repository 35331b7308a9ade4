// SPDX-License-Identifier: Apache-2.0
// plumb's own GDeflate. A chunk of up to 64 KiB is one page, as every implementation of the format reads and writes it; a larger one is a
// row of pages behind a head of their sizes. Both are described in gdeflate.md.
#include <algorithm>
#include <limits>
#include <optional>

#include "kernels/codec/checked_worker.h"
#include "kernels/codec/gdeflate_decode.h"
#include "kernels/codec/gdeflate_encode.h"
#include "kernels/codec/table.h"

namespace plumb::kernels::codec {
namespace {

using gdeflate::page_bytes;
using gdeflate::word_bytes;

constexpr std::size_t pages_of(std::size_t bytes) {
    return bytes / page_bytes + (bytes % page_bytes != 0 ? 1 : 0);
}

/// The head gives the size of each page but the last in words, 16 bits each, and is a whole number of words.
constexpr std::size_t bytes_a_size = 2;
constexpr std::size_t head_bytes(std::size_t pages) {
    if (pages < 2) return 0;
    return ((pages - 1) * bytes_a_size + word_bytes - 1) / word_bytes * word_bytes;
}
static_assert(gdeflate::page_bound(page_bytes) / word_bytes <= std::numeric_limits<std::uint16_t>::max());

constexpr std::size_t bound(std::size_t bytes) {
    const std::size_t rest = bytes % page_bytes;
    return head_bytes(pages_of(bytes)) + bytes / page_bytes * gdeflate::page_bound(page_bytes) +
           (rest > 0 ? gdeflate::page_bound(rest) : 0);
}

class GdeflateWorker final : public CheckedWorker {
  public:
    GdeflateWorker(const Codec& codec, int level) : CheckedWorker(codec), level_(level) {}

    std::size_t scratch_bytes() const override {
        return (encoder_ ? encoder_->scratch_bytes() : 0) + (decoder_ ? decoder_->scratch_bytes() : 0);
    }

  protected:
    std::size_t encode(Bytes in, MutableBytes out) override {
        if (!encoder_) encoder_.emplace(level_);
        const std::size_t pages = pages_of(in.size());
        std::size_t written = head_bytes(pages);
        std::fill_n(out.begin(), written, std::uint8_t{0});
        for (std::size_t page = 0; page < pages; ++page) {
            const Bytes content = in.subspan(page * page_bytes, std::min(page_bytes, in.size() - page * page_bytes));
            const std::size_t bytes = encoder_->encode(content, out.subspan(written));
            written += bytes;
            if (page + 1 == pages) break;
            const std::size_t words = bytes / word_bytes;
            out[page * bytes_a_size] = static_cast<std::uint8_t>(words & 0xff);
            out[page * bytes_a_size + 1] = static_cast<std::uint8_t>(words >> 8);
        }
        return written;
    }

    void decode(Bytes in, MutableBytes out) override {
        if (!decoder_) decoder_.emplace();
        const std::size_t pages = pages_of(out.size());
        if (pages == 0 && !in.empty()) damaged("a page where no bytes are expected");
        if (in.size() < head_bytes(pages)) damaged("the head ends early");
        const Bytes head = in.first(head_bytes(pages));
        Bytes rest = in.subspan(head.size());
        if (head.size() > (pages - std::min<std::size_t>(pages, 1)) * bytes_a_size && (head.end()[-1] != 0 || head.end()[-2] != 0))
            damaged("the head is not filled up with zeros");
        for (std::size_t page = 0; page < pages; ++page) {
            std::size_t bytes = rest.size();
            if (page + 1 < pages) bytes = word_bytes * (head[page * bytes_a_size] + std::size_t{256} * head[page * bytes_a_size + 1]);
            if (bytes > rest.size()) damaged("page " + std::to_string(page) + " ends behind the chunk");
            const MutableBytes content = out.subspan(page * page_bytes, std::min(page_bytes, out.size() - page * page_bytes));
            const std::string_view problem = decoder_->decode(rest.first(bytes), content);
            if (!problem.empty()) damaged("page " + std::to_string(page) + ": " + std::string(problem));
            rest = rest.subspan(bytes);
        }
    }

  private:
    int level_;
    std::optional<gdeflate::PageEncoder> encoder_;
    std::optional<gdeflate::PageDecoder> decoder_;
};

}  // namespace

Codec gdeflate_codec() {
    Codec codec;
    codec.name = "gdeflate";
    codec.summary =
        "GDeflate: DEFLATE with a window of 64 KiB, dealt out to 32 streams for vectors and GPUs; chunks above 64 KiB are rows of pages "
        "behind a "
        "head of plumb's own.";
    codec.library = "plumb";
    codec.format = "gdeflate";
    // The default is that of NVIDIA's encoder.
    codec.levels = {.low = gdeflate::lowest_level, .high = gdeflate::highest_level, .normal = 1};
    codec.largest_chunk = std::numeric_limits<std::size_t>::max() / 2;
    codec.bound = bound;
    codec.make = [](const Options& options) -> std::unique_ptr<Worker> {
        const Codec self = gdeflate_codec();
        return std::make_unique<GdeflateWorker>(self, *complete(self, options).level);
    };
    return codec;
}

}  // namespace plumb::kernels::codec
