// SPDX-License-Identifier: Apache-2.0
// JPEG by libjpeg-turbo. Its errors leave by longjmp, so every call of it stands in a step: a function that owns nothing, called behind a
// setjmp whose frame owns nothing either. Memory is taken between the steps.
#include <algorithm>
#include <csetjmp>
#include <cstdio>  // jpeglib.h needs it before itself
#include <cstring>
#include <string_view>

#include <jpeglib.h>
// After jpeglib.h.
#include <jerror.h>

#include "kernels/image/reader.h"

namespace plumb::kernels::image {

namespace {

constexpr int exif_marker = JPEG_APP0 + 1;
constexpr std::string_view exif_head("Exif\0\0", 6);
/// A progressive file may ask for any number of passes over the whole image; encoders write about ten.
constexpr int most_scans = 500;
/// Fancy upsampling reads a column of its neighbours' blocks: a margin of two blocks is beyond its reach at either end.
constexpr std::int64_t margin_blocks = 2;

/// What libjpeg's callbacks can reach, behind the structures it knows.
struct Session {
    jpeg_decompress_struct codec;
    jpeg_error_mgr errors;
    jpeg_progress_mgr progress;
    std::jmp_buf way_out;
    char text[JMSG_LENGTH_MAX];
    bool created;
    const Input* input;
    // Of the step that decodes:
    Part* part;
    std::uint8_t* inks;  ///< a row of CMYK
};

Session& session_of(j_common_ptr codec) {
    return *static_cast<Session*>(codec->client_data);
}

[[noreturn]] void leave(j_common_ptr codec) {
    Session& session = session_of(codec);
    (*codec->err->format_message)(codec, session.text);
    std::longjmp(session.way_out, 1);
}

/// Warnings that mean lost pixels; others (an odd density, bytes before a marker) leave the image whole.
bool loses_pixels(int code) {
    switch (code) {
        case JWRN_ARITH_BAD_CODE:
        case JWRN_BOGUS_PROGRESSION:
        case JWRN_HIT_MARKER:
        case JWRN_HUFF_BAD_CODE:
        case JWRN_JPEG_EOF:
        case JWRN_MUST_RESYNC:
        case JWRN_NOT_SEQUENTIAL:
        case JWRN_TOO_MUCH_DATA:
            return true;
        default:
            return false;
    }
}

void on_message(j_common_ptr codec, int level) {
    if (level < 0 && loses_pixels(codec->err->msg_code)) leave(codec);
}

void on_progress(j_common_ptr codec) {
    const auto* decompress = reinterpret_cast<j_decompress_ptr>(codec);
    if (decompress->input_scan_number <= most_scans) return;
    std::snprintf(session_of(codec).text, JMSG_LENGTH_MAX, "more than %d scans", most_scans);
    std::longjmp(session_of(codec).way_out, 1);
}

void print_nothing(j_common_ptr) {}

using Step = void (*)(Session&);

/// False where libjpeg gave up; `text` then says why.
bool completes(Session& session, Step step) {
    if (setjmp(session.way_out) != 0) return false;
    step(session);
    return true;
}

void open(Session& session) {
    session.codec.err = jpeg_std_error(&session.errors);
    session.errors.error_exit = leave;
    session.errors.emit_message = on_message;
    session.errors.output_message = print_nothing;
    session.codec.client_data = &session;
    jpeg_create_decompress(&session.codec);
    session.created = true;
    session.progress.progress_monitor = on_progress;
    session.codec.progress = &session.progress;
    const std::span<const std::uint8_t> bytes = session.input->bytes;
    jpeg_mem_src(&session.codec, bytes.data(), static_cast<unsigned long>(bytes.size()));
    if (session.input->options.exif_orientation) jpeg_save_markers(&session.codec, exif_marker, 0xffff);
    jpeg_read_header(&session.codec, TRUE);
}

/// "Adobe's" inverted inks over black, as Pillow converts CMYK: 255 - k, less that share of the ink.
void inks_to_rgb(const std::uint8_t* inks, std::size_t pixels, std::uint8_t* rgb) {
    for (std::size_t i = 0; i < pixels; ++i, inks += 4, rgb += channels) {
        const int white = inks[3];
        for (std::size_t c = 0; c < channels; ++c) {
            const int product = (255 - inks[c]) * white + 128;
            rgb[c] = static_cast<std::uint8_t>(white - ((product + (product >> 8)) >> 8));
        }
    }
}

/// First, so that the size of the output is known.
void start(Session& session) {
    session.codec.out_color_space = session.codec.num_components == 4 ? JCS_CMYK : JCS_RGB;
    jpeg_start_decompress(&session.codec);
    const Region& region = session.part->region;
    if (region.width == session.part->whole.width) return;
    auto left = static_cast<JDIMENSION>(region.left), width = static_cast<JDIMENSION>(region.width);
    jpeg_crop_scanline(&session.codec, &left, &width);
    session.part->region.left = left;
    session.part->region.width = width;
}

void read_rows(Session& session) {
    jpeg_decompress_struct& codec = session.codec;
    const Region& region = session.part->region;
    if (region.top > 0) jpeg_skip_scanlines(&codec, static_cast<JDIMENSION>(region.top));
    for (std::int64_t y = 0; y < region.height; ++y) {
        std::uint8_t* out = session.part->image.pixels.data() + static_cast<std::size_t>(y) * session.part->image.row_bytes();
        JSAMPROW row = session.inks != nullptr ? session.inks : out;
        jpeg_read_scanlines(&codec, &row, 1);
        if (session.inks != nullptr) inks_to_rgb(session.inks, static_cast<std::size_t>(region.width), out);
    }
    // The rest is read as well: damage below the region is damage.
    if (codec.output_scanline < codec.output_height) jpeg_skip_scanlines(&codec, codec.output_height - codec.output_scanline);
    jpeg_finish_decompress(&codec);
}

int orientation_of(const jpeg_decompress_struct& codec) {
    for (const jpeg_marker_struct* marker = codec.marker_list; marker != nullptr; marker = marker->next) {
        const std::span<const std::uint8_t> bytes(marker->data, marker->data_length);
        if (bytes.size() < exif_head.size() || std::memcmp(bytes.data(), exif_head.data(), exif_head.size()) != 0) continue;
        return exif_orientation(bytes.subspan(exif_head.size()));
    }
    return 1;
}

struct Closed {
    Session& session;
    ~Closed() {
        if (session.created) jpeg_destroy_decompress(&session.codec);
    }
};

void run(Session& session, Step step) {
    if (!completes(session, step)) damaged(*session.input, std::string("damaged JPEG: ") + session.text);
}

void require_colours(const Input& input, const jpeg_decompress_struct& codec) {
    const int components = codec.num_components;
    if (components == 1 || components == 3 || components == 4) return;
    throw base::Error(base::ErrorKind::unsupported, input.name + ": a JPEG of " + std::to_string(components) + " components",
                      "grey, YCbCr, RGB, CMYK and YCCK are read; convert it, or leave it out");
}

/// `wanted` with room around it, so that what is wanted has all its neighbours.
Region widened(const Region& wanted, const jpeg_decompress_struct& codec) {
    const Size whole{codec.image_width, codec.image_height};
    const std::int64_t across = margin_blocks * DCTSIZE * codec.max_h_samp_factor, down = margin_blocks * DCTSIZE * codec.max_v_samp_factor;
    Region region;
    region.left = std::clamp<std::int64_t>(wanted.left - across, 0, whole.width);
    region.top = std::clamp<std::int64_t>(wanted.top - down, 0, whole.height);
    region.width = std::clamp<std::int64_t>(wanted.left + wanted.width + across, region.left, whole.width) - region.left;
    region.height = std::clamp<std::int64_t>(wanted.top + wanted.height + down, region.top, whole.height) - region.top;
    return region;
}

}  // namespace

void read_jpeg(const Input& input, const Wanted& wanted, Part& part, int& orientation) {
    Session session{};
    session.input = &input;
    session.part = &part;
    const Closed closed{session};
    run(session, open);
    part.whole = {session.codec.image_width, session.codec.image_height};
    require_size(input, part.whole);
    require_colours(input, session.codec);
    orientation = input.options.exif_orientation ? orientation_of(session.codec) : 1;
    // Several scans are transformed only when all have come: nothing is gained by a part of them.
    const bool in_one_scan = !jpeg_has_multiple_scans(&session.codec);
    part.region = in_one_scan ? widened(wanted(part.whole), session.codec) : Region{0, 0, part.whole.width, part.whole.height};
    run(session, start);
    part.image.reshape({part.region.width, part.region.height});
    std::vector<std::uint8_t> inks(session.codec.out_color_space == JCS_CMYK ? static_cast<std::size_t>(part.region.width) * 4 : 0);
    session.inks = inks.empty() ? nullptr : inks.data();
    run(session, read_rows);
}

}  // namespace plumb::kernels::image
