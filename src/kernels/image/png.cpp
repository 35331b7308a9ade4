// SPDX-License-Identifier: Apache-2.0
// PNG by libpng. Its errors leave by longjmp: every call stands in a step, as in jpeg.cpp.
#include <algorithm>
#include <array>
#include <csetjmp>
#include <cstdio>
#include <cstring>

#include <png.h>

#include "kernels/image/reader.h"

namespace plumb::kernels::image {

namespace {

struct Session {
    png_structp codec;
    png_infop info;
    std::jmp_buf way_out;
    char text[256];
    const Input* input;
    std::size_t taken;  ///< bytes of the file that were read
    Size size;
    bool has_palette, is_deep_grey;
    png_bytep* rows;  ///< where each row goes
    std::uint8_t colours[256][channels];
    std::span<const std::uint8_t> exif;
};

[[noreturn]] void leave(Session& session, const char* text) {
    std::snprintf(session.text, sizeof session.text, "%s", text);
    std::longjmp(session.way_out, 1);
}

[[noreturn]] void on_error(png_structp codec, png_const_charp text) {
    leave(*static_cast<Session*>(png_get_error_ptr(codec)), text);
}

void on_warning(png_structp, png_const_charp) {}

void take(png_structp codec, png_bytep out, std::size_t count) {
    Session& session = *static_cast<Session*>(png_get_io_ptr(codec));
    if (count > session.input->bytes.size() - session.taken) leave(session, "the file ends too early");
    std::memcpy(out, session.input->bytes.data() + session.taken, count);
    session.taken += count;
}

using Step = void (*)(Session&);

bool completes(Session& session, Step step) {
    if (setjmp(session.way_out) != 0) return false;
    step(session);
    return true;
}

void open(Session& session) {
    session.codec = png_create_read_struct(PNG_LIBPNG_VER_STRING, &session, on_error, on_warning);
    if (session.codec == nullptr) leave(session, "libpng does not start");
    session.info = png_create_info_struct(session.codec);
    if (session.info == nullptr) leave(session, "libpng does not start");
    png_set_read_fn(session.codec, &session, take);
    constexpr png_uint_32 any = 0x7fffffff;  // require_size() says what is too much
    png_set_user_limits(session.codec, any, any);
    png_read_info(session.codec, session.info);
    session.size = {png_get_image_width(session.codec, session.info), png_get_image_height(session.codec, session.info)};
}

/// An index beyond the palette is black.
void read_palette(Session& session) {
    png_colorp palette = nullptr;
    int entries = 0;
    png_get_PLTE(session.codec, session.info, &palette, &entries);
    for (int i = 0; i < entries; ++i) {
        session.colours[i][0] = palette[i].red;
        session.colours[i][1] = palette[i].green;
        session.colours[i][2] = palette[i].blue;
    }
}

/// RGB straight from libpng, but for what Pillow does in a way of its own: palettes (a byte a pixel here) and deep grey (two).
void choose_form(Session& session) {
    const int colours = png_get_color_type(session.codec, session.info);
    const int depth = png_get_bit_depth(session.codec, session.info);
    session.has_palette = colours == PNG_COLOR_TYPE_PALETTE;
    session.is_deep_grey = colours == PNG_COLOR_TYPE_GRAY && depth == 16;
    if (session.has_palette) {
        read_palette(session);
        png_set_packing(session.codec);
    } else if (!session.is_deep_grey) {
        if (colours == PNG_COLOR_TYPE_GRAY && depth < 8) png_set_expand_gray_1_2_4_to_8(session.codec);
        if (depth == 16) png_set_strip_16(session.codec);
        if ((colours & PNG_COLOR_MASK_ALPHA) != 0) png_set_strip_alpha(session.codec);
        if ((colours & PNG_COLOR_MASK_COLOR) == 0) png_set_gray_to_rgb(session.codec);
    }
    png_set_interlace_handling(session.codec);
    png_read_update_info(session.codec, session.info);
}

void read_rows(Session& session) {
    png_read_image(session.codec, session.rows);
    png_read_end(session.codec, session.info);
}

void find_exif(Session& session) {
    png_bytep exif = nullptr;
    png_uint_32 count = 0;
    if (png_get_eXIf_1(session.codec, session.info, &count, &exif) != 0) session.exif = {exif, count};
}

struct Closed {
    Session& session;
    ~Closed() { png_destroy_read_struct(&session.codec, &session.info, nullptr); }
};

void run(Session& session, Step step) {
    if (!completes(session, step)) damaged(*session.input, std::string("damaged PNG: ") + session.text);
}

void colour(const Session& session, const std::uint8_t* indices, std::size_t pixels, std::uint8_t* out) {
    for (std::size_t i = 0; i < pixels; ++i, out += channels) std::memcpy(out, session.colours[indices[i]], channels);
}

/// Big-endian samples, cut at 255.
void cut(const std::uint8_t* samples, std::size_t pixels, std::uint8_t* out) {
    for (std::size_t i = 0; i < pixels; ++i, out += channels) std::memset(out, samples[2 * i] != 0 ? 255 : samples[2 * i + 1], channels);
}

}  // namespace

void read_png(const Input& input, const Wanted&, Part& part, int& orientation) {
    Session session{};
    session.input = &input;
    const Closed closed{session};
    run(session, open);
    require_size(input, session.size);
    run(session, choose_form);
    part.whole = session.size;
    part.region = {0, 0, part.whole.width, part.whole.height};
    part.image.reshape(part.whole);
    const std::size_t pixels_in_row = static_cast<std::size_t>(part.whole.width), rows = static_cast<std::size_t>(part.whole.height);
    const bool own_form = session.has_palette || session.is_deep_grey;
    const std::size_t row_bytes = pixels_in_row * (session.has_palette ? 1 : session.is_deep_grey ? 2 : channels);
    std::vector<std::uint8_t> raw(own_form ? rows * row_bytes : 0);
    std::vector<png_bytep> places;
    for (std::size_t y = 0; y < rows; ++y) places.push_back((own_form ? raw.data() : part.image.pixels.data()) + y * row_bytes);
    session.rows = places.data();
    run(session, read_rows);
    for (std::size_t y = 0; own_form && y < rows; ++y) {
        std::uint8_t* out = part.image.row(static_cast<std::int64_t>(y));
        session.has_palette ? colour(session, places[y], pixels_in_row, out) : cut(places[y], pixels_in_row, out);
    }
    orientation = 1;
    if (!input.options.exif_orientation) return;
    run(session, find_exif);
    orientation = exif_orientation(session.exif);
}

}  // namespace plumb::kernels::image
