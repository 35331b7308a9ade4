// SPDX-License-Identifier: Apache-2.0
// Pages of GDeflate that were not made by plumb: by the host encoder of nvCOMP 6.0.0 once, so that the format is held to even where that
// library is not installed. And a plain writer of pages with any codes.
#pragma once
#include <string_view>
#include <utility>
#include <vector>

#include "kernels/codec/gdeflate_blocks.h"
#include "kernels/codec/gdeflate_head.h"
#include "kernels/codec_cases.h"

namespace plumb::test {

struct GoldenPage {
    std::string_view name;
    ByteVector content;
    std::vector<std::uint32_t> words;  ///< little-endian; zeros at the end are left out
    std::size_t word_count;

    ByteVector page() const {
        ByteVector bytes;
        for (std::size_t i = 0; i < word_count; ++i) {
            for (unsigned shift = 0; shift < 32; shift += 8)
                bytes.push_back(static_cast<std::uint8_t>(i < words.size() ? words[i] >> shift : 0));
        }
        return bytes;
    }
};

inline std::vector<GoldenPage> golden_pages() {
    // Universal Declaration of Human Rights, articles 1 and 2.
    constexpr std::string_view text =
        "All human beings are born free and equal in dignity and rights. They are endowed with reason and conscience and should act "
        "towards one "
        "another in a spirit of brotherhood. Everyone is entitled to all the rights and freedoms set forth in this Declaration, without "
        "distinction of any kind.";
    const ByteVector words(text.begin(), text.end());
    ByteVector run(5000, 'z');
    run.back() = '!';
    ByteVector noise(100);
    for (std::size_t i = 0; i < noise.size(); ++i) noise[i] = static_cast<std::uint8_t>(i * i * 7 + i * 131);
    return {
        {"text, level 1, dynamic codes",
         words,
         {0x8ab18f2d, 0x67e57aa5, 0x1a1d401b, 0xfdb5c06b, 0x99afdb43, 0x3ce38e4c, 0xe20f01d8, 0x9ad7a86b, 0xaf6c0,    0xd9272143,
          0xb29557a8, 0x789919ab, 0x1b5220d8, 0x7d20a9eb, 0xddf6e058, 0x9f286fd5, 0x4cc88421, 0x3db86516, 0x6b565fa6, 0x2c62df12,
          0xb8815c21, 0xc6dcab79, 0xfec5eda6, 0x465337a2, 0xda79d4d0, 0x5b98445,  0x979296de, 0xcd3690e7, 0x19662fe2, 0x231ea6e2,
          0x49499705, 0xa0d021a5, 0x20fc75de, 0x4f8c98,   0xb131f91,  0x2674,     0x29c0c,    0x5cb3c,    0x1d62e,    0x6fa0,
          0x2e4,      0xa098,     0x5570d,    0x5a55,     0xff29bd6,  0x776,      0x996ed,    0x26ad,     0x0,        0xc,
          0x28,       0x378,      0x2cb,      0x364f,     0xf2,       0x2,        0x32c6,     0x0,        0x27,       0x2,
          0x95,       0x19,       0x5,        0x15,       0x114db},
         96},
        {"text, level 12, dynamic codes",
         words,
         {0xad18e2d,  0x600b061d, 0xcb01802b, 0x7fdc218b, 0xbbaffa53, 0x75e79f3c, 0x924f41e8, 0x1730698b, 0x6f750,    0x7917a054,
          0xb6d33688, 0xaa0aca,   0x3b9560e8, 0x31514c8c, 0x238ee068, 0xae4d37e5, 0x8391281e, 0x5786550b, 0xdccedc4c, 0x87cc2b20,
          0x2f01841e, 0xe2ae9b7e, 0xfe68fcfb, 0x56137744, 0x7279b2b2, 0xd3c7a641, 0xdd5a3fbb, 0xcb3ed017, 0xc28897c8, 0x3cc8b748,
          0x9149b481, 0xa18d7ba1, 0x487eb6ef, 0x2bb,      0x4f2c,     0xa34,      0x2956,     0x6e8c6,    0x19732a1,  0x357,
          0x433e8,    0x2c4e9,    0x127b,     0x18,       0x1b8fa36,  0x4,        0x1bedc57c, 0x2863e,    0xc,        0x30,
          0x1e9,      0x3fd4,     0x25,       0xa4e7,     0x1dcb7,    0x0,        0x7,        0x0,        0x6f9,      0x164b,
          0x1,        0x1,        0x2,        0x0,        0xc0},
         96},
        {"a run of 4998 bytes in one match, fixed codes", run, {0x2ab, 0x55, 0x1382a3, 0x8a}, 37},
        {"noise, stored",
         noise,
         {0x321,    0xeacaaa8a, 0xc2e20222, 0xa80868c8, 0x3cdc7c, 0x7e5e3e, 0xceee0e, 0x2c8cec, 0x9838d8, 0x12f2d2, 0x9abada,
          0x3090f0, 0xd47414,   0x866646,   0x466686,   0x1474d4, 0xf09030, 0xdaba9a, 0xd2f212, 0xd83898, 0xec8c2c, 0xeeece,
          0x3e5e7e, 0x7cdc3c,   0xc86808,   0x2202e2,   0x8aaaca, 0x60c0,   0x8424c4, 0x16f6d6, 0xb6d6f6, 0x64c424, 0x10603},
         65},
        {"one byte", ByteVector{'x'}, {0xab}, 34},
    };
}

/// One dynamic block of `tokens` in `codes`, turn by turn as gdeflate.md has it.
inline ByteVector page_with_codes(std::span<const kernels::codec::gdeflate::Token> tokens, const kernels::codec::gdeflate::Codes& codes) {
    namespace gd = kernels::codec::gdeflate;
    ByteVector page(8 * tokens.size() + 2000);
    gd::StreamWriter to(page.data());
    gd::DynamicHead(codes).write(true, to);
    std::vector<gd::Token> owed(gd::streams, 0);
    std::size_t stream = 0;
    const auto pay = [&] {
        const gd::Token token = std::exchange(owed[stream], 0);
        if (token == 0) return false;
        const unsigned symbol = gd::distance_symbol(token & 0xffff);
        const std::uint32_t extra = (token & 0xffff) - 1 - gd::distance_ranges[symbol].base;
        const unsigned bits = codes.distances.lengths[symbol];
        to.turn(stream, codes.distances.codes[symbol] | extra << bits, bits + gd::distance_ranges[symbol].extra_bits);
        return true;
    };
    const auto write = [&](unsigned symbol, std::uint32_t extra, unsigned extra_bits) {
        const unsigned bits = codes.literals.lengths[symbol];
        to.turn(stream, codes.literals.codes[symbol] | extra << bits, bits + extra_bits);
    };
    const auto next = [&] { stream = (stream + 1) % gd::streams; };
    for (const gd::Token token : tokens) {
        for (; pay();) next();
        const unsigned length = token >> 16;
        const unsigned symbol = gd::is_match(token) ? gd::length_symbol(length) : 0;
        if (gd::is_match(token)) {
            write(gd::first_length_symbol + symbol, length - gd::least_match - gd::length_ranges[symbol].base,
                  gd::length_ranges[symbol].extra_bits);
            owed[stream] = token;
        } else {
            write(token, 0, 0);
        }
        next();
    }
    for (; pay();) next();
    write(gd::end_of_block, 0, 0);
    for (std::size_t i = 1; i < gd::streams; ++i) {
        next();
        pay();
    }
    page.resize(to.finish());
    return page;
}

}  // namespace plumb::test
