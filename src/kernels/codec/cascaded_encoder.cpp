// SPDX-License-Identifier: Apache-2.0
// An inner chunk is put together in scratch memory, where kernels may write beyond their arrays, and moved to the output if it fits.
#include "kernels/codec/cascaded_encoder.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace plumb::kernels::codec::cascaded {
namespace {

template <class Word>
class InnerEncoder {
  public:
    /// With `sizes_only` nothing is packed.
    InnerEncoder(const Layers& layers, Scratch& scratch, bool sizes_only)
        : layers_(layers),
          scratch_(scratch),
          chunk_(scratch.inner_chunk()),
          kernels_(layer_kernels(current_isa())),
          is_signed_(static_cast<int>(layers.element) % 2 == 0),
          sizes_only_(sizes_only) {}

    /// Writes the inner chunk of 1 or more elements to scratch memory; returns its size.
    std::size_t encode(const std::uint8_t* in, std::size_t elements) {
        Word* values = scratch_.words<Word>(0);
        Word* next = scratch_.words<Word>(1);
        std::memcpy(values, in, elements * sizeof(Word));
        std::uint8_t* first_value = chunk_ + first_values_at(layers_, sizeof(Word));
        end_ = inner_head_bytes(layers_, sizeof(Word));
        std::memset(chunk_, 0, end_);

        const LayerKernels<Word>& kernels = kernels_.of<Word>();
        for (int layer = 0; layer < std::max(layers_.rle, layers_.delta); ++layer) {
            if (layer < layers_.rle) {
                elements = kernels.find_runs(values, elements, next, scratch_.run_lengths());
                std::swap(values, next);
                append(layer, scratch_.run_lengths(), elements, false);
            }
            if (layer < layers_.delta && elements > 0) {
                store(first_value + static_cast<std::size_t>(layer) * sizeof(Word), values[0]);
                kernels.differences(values, elements, next);
                std::swap(values, next);
                --elements;
            }
        }
        pad_to(alignment_of(sizeof(Word)));
        append(layers_.rle, values, elements, is_signed_ || layers_.delta > 0);
        pad_to(alignment_of(sizeof(Word)));
        store(chunk_, static_cast<std::uint32_t>(end_));
        return end_;
    }

  private:
    /// Appends array number `which`, writes its size into the head and fills up to a multiple of 4.
    template <class Number>
    void append(int which, const Number* numbers, std::size_t elements, bool as_signed) {
        const std::size_t size = layers_.bitpack ? append_packed(numbers, elements, as_signed) : append_plain(numbers, elements);
        store(chunk_ + 4 * (static_cast<std::size_t>(which) + 1), static_cast<std::uint32_t>(size));
        end_ += size;
        pad_to(4);
    }

    template <class Number>
    std::size_t append_plain(const Number* numbers, std::size_t elements) {
        if (!sizes_only_) std::memcpy(chunk_ + end_, numbers, elements * sizeof(Number));
        return elements * sizeof(Number);
    }

    template <class Number>
    std::size_t append_packed(const Number* numbers, std::size_t elements, bool as_signed) {
        const LayerKernels<Number>& kernels = kernels_.of<Number>();
        const Range<Number> range = elements > 0 ? kernels.range(numbers, elements, as_signed) : Range<Number>();
        const auto bits = static_cast<unsigned>(std::bit_width(static_cast<Number>(range.high - range.low)));
        std::uint8_t* array = chunk_ + end_;
        if (!sizes_only_) {
            std::memset(array, 0, packed_data_at(sizeof(Number)));
            store(array, range.low);
            store(array + packed_count_at(sizeof(Number)), static_cast<std::uint32_t>(bits << 16 | elements));
            if (bits > 0) kernels.pack(numbers, elements, range.low, bits, array + packed_data_at(sizeof(Number)));
        }
        return packed_data_at(sizeof(Number)) + packed_data_bytes(elements, bits);
    }

    void pad_to(std::size_t multiple) {
        const std::size_t padded = round_up(end_, multiple);
        std::memset(chunk_ + end_, 0, padded - end_);
        end_ = padded;
    }

    const Layers& layers_;
    Scratch& scratch_;
    std::uint8_t* chunk_;
    const Kernels& kernels_;
    bool is_signed_;
    bool sizes_only_;
    std::size_t end_ = 0;
};

void store_head(int rle, int delta, bool bitpack, Element element, std::size_t bytes, std::uint8_t* out) {
    out[0] = static_cast<std::uint8_t>(rle);
    out[1] = static_cast<std::uint8_t>(delta);
    out[2] = bitpack ? 1 : 0;
    out[3] = static_cast<std::uint8_t>(element);
    store(out + 4, static_cast<std::uint32_t>(bytes));
}

/// Copies `bytes` and fills up to a multiple of 4 with zeros; returns where that ends.
std::size_t store_padded(Bytes bytes, std::uint8_t* out) {
    const std::size_t padded = round_up(bytes.size(), 4);
    if (!bytes.empty()) std::memcpy(out, bytes.data(), bytes.size());
    std::memset(out + bytes.size(), 0, padded - bytes.size());
    return padded;
}

bool does_anything(const Layers& layers) {
    return layers.rle > 0 || layers.delta > 0 || layers.bitpack;
}

}  // namespace

std::optional<std::size_t> encode(const Layers& layers, Bytes in, MutableBytes out, std::size_t limit, Scratch& scratch) {
    if (!does_anything(layers) || limit < head_bytes) return std::nullopt;
    const std::size_t tail_bytes = in.size() % size_of(layers.element);
    const std::size_t whole_bytes = in.size() - tail_bytes;
    std::size_t end = head_bytes;
    const bool fits = with_word_of(layers.element, [&](auto word) {
        using Word = decltype(word);
        InnerEncoder<Word> encoder(layers, scratch, false);
        for (std::size_t first = 0; first < whole_bytes; first += inner_bytes) {
            const std::size_t size = encoder.encode(in.data() + first, std::min(inner_bytes, whole_bytes - first) / sizeof(Word));
            if (size > limit - end) return false;
            std::memcpy(out.data() + end, scratch.inner_chunk(), size);
            end += size;
        }
        return true;
    });
    if (!fits || round_up(tail_bytes, 4) > limit - end) return std::nullopt;
    store_head(layers.rle, layers.delta, layers.bitpack, layers.element, in.size(), out.data());
    return end + store_padded(in.last(tail_bytes), out.data() + end);
}

std::size_t encode_raw(Element element, Bytes in, MutableBytes out) {
    store_head(0, 0, false, element, in.size(), out.data());
    return head_bytes + store_padded(in, out.data() + head_bytes);
}

std::size_t inner_chunk_size(const Layers& layers, Bytes in, std::size_t first, Scratch& scratch) {
    return with_word_of(layers.element, [&](auto word) {
        const std::size_t elements = std::min(inner_bytes, in.size() - first) / sizeof(word);
        return elements == 0 ? 0 : InnerEncoder<decltype(word)>(layers, scratch, true).encode(in.data() + first, elements);
    });
}

}  // namespace plumb::kernels::codec::cascaded
