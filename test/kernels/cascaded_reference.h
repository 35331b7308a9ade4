// SPDX-License-Identifier: Apache-2.0
// A decoder of spec.md as plain as can be, for chunks that an encoder has just written: every number goes through 64 bits, one at a time.
// Shares no code with the codec.
#pragma once
#include <algorithm>
#include <cstdint>
#include <vector>

namespace plumb::test {

class CascadedReference {
  public:
    explicit CascadedReference(const std::vector<std::uint8_t>& chunk) : chunk_(chunk) {}

    std::vector<std::uint8_t> decode() {
        const std::size_t layers_rle = chunk_.at(0);
        const std::size_t layers_delta = chunk_.at(1);
        packed_ = chunk_.at(2) != 0;
        size_ = std::size_t{1} << chunk_.at(3) / 2;
        const std::size_t bytes = number(4, 4);
        at_ = 8;
        if (layers_rle + layers_delta == 0 && !packed_) return take_bytes(bytes);
        std::vector<std::uint8_t> out;
        while (out.size() + size_ <= bytes) {
            const std::size_t elements = std::min<std::size_t>(4096, bytes - out.size()) / size_;
            for (const std::uint64_t value : inner_chunk(layers_rle, layers_delta, elements)) {
                for (std::size_t k = 0; k < size_; ++k) out.push_back(static_cast<std::uint8_t>(value >> 8 * k));
            }
        }
        const std::vector<std::uint8_t> tail = take_bytes(bytes - out.size());
        out.insert(out.end(), tail.begin(), tail.end());
        return out;
    }
    /// Bytes that decode() has used.
    std::size_t used() const { return at_; }

  private:
    using Numbers = std::vector<std::uint64_t>;

    std::uint64_t number(std::size_t at, std::size_t bytes) const {
        std::uint64_t value = 0;
        for (std::size_t k = 0; k < bytes; ++k) value |= std::uint64_t{chunk_.at(at + k)} << 8 * k;
        return value;
    }
    static std::uint64_t wrapped(std::uint64_t value, std::size_t bytes) { return value << (64 - 8 * bytes) >> (64 - 8 * bytes); }
    void align(std::size_t multiple) { at_ = (at_ + multiple - 1) / multiple * multiple; }

    std::vector<std::uint8_t> take_bytes(std::size_t bytes) {
        std::vector<std::uint8_t> taken;
        for (std::size_t k = 0; k < bytes; ++k) taken.push_back(chunk_.at(at_ + k));
        at_ += bytes;
        align(4);
        return taken;
    }

    Numbers array(std::size_t bytes, std::size_t element) {
        Numbers numbers;
        const std::size_t begin = at_;
        at_ += bytes;
        if (!packed_) {
            for (std::size_t k = 0; k < bytes; k += element) numbers.push_back(number(begin + k, element));
            return numbers;
        }
        const std::size_t wide = std::max<std::size_t>(4, element);
        const std::uint64_t reference = number(begin, element);
        const std::uint64_t count = number(begin + wide, 2);
        const std::uint64_t width = number(begin + wide + 2, 2);
        for (std::uint64_t i = 0; i < count; ++i) {
            std::uint64_t value = 0;
            for (std::uint64_t k = 0; k < width; ++k) {
                const std::uint64_t bit = i * width + k;
                value |= (std::uint64_t{chunk_.at(begin + 2 * wide + bit / 8)} >> bit % 8 & 1) << k;
            }
            numbers.push_back(wrapped(value + reference, element));
        }
        return numbers;
    }

    Numbers inner_chunk(std::size_t layers_rle, std::size_t layers_delta, std::size_t elements) {
        const std::size_t begin = at_;
        std::size_t first_values = begin + 4 * (layers_rle + 2);
        if (layers_delta > 0) first_values = (first_values + size_ - 1) / size_ * size_;
        at_ = first_values + layers_delta * size_;
        align(4);
        std::vector<Numbers> lengths;
        for (std::size_t layer = 0; layer < layers_rle; ++layer) {
            lengths.push_back(array(number(begin + 4 * (layer + 1), 4), 2));
            align(4);
        }
        align(std::max<std::size_t>(4, size_));
        Numbers values = array(number(begin + 4 * (layers_rle + 1), 4), size_);
        align(std::max<std::size_t>(4, size_));

        std::vector<std::size_t> before_delta;
        for (std::size_t layer = 0; layer < std::max(layers_rle, layers_delta); ++layer) {
            if (layer < layers_rle) elements = lengths[layer].size();
            before_delta.push_back(elements);
            if (layer < layers_delta && elements > 0) --elements;
        }
        for (std::size_t layer = std::max(layers_rle, layers_delta); layer-- > 0;) {
            if (layer < layers_delta && before_delta[layer] > 0) {
                Numbers sums = {number(first_values + layer * size_, size_)};
                for (const std::uint64_t difference : values) sums.push_back(wrapped(sums.back() + difference, size_));
                values = sums;
            }
            if (layer < layers_rle) {
                Numbers repeated;
                for (std::size_t r = 0; r < values.size(); ++r) repeated.insert(repeated.end(), lengths[layer].at(r), values[r]);
                values = repeated;
            }
        }
        return values;
    }

    const std::vector<std::uint8_t>& chunk_;
    bool packed_ = false;
    std::size_t size_ = 1;
    std::size_t at_ = 0;
};

}  // namespace plumb::test
