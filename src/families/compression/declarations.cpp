// SPDX-License-Identifier: Apache-2.0
#include "families/compression/declarations.h"

#include <algorithm>
#include <string>

#include "families/compression/foreign_rows.h"
#include "kernels/codec/codec.h"
#include "kernels/codec/nvcomp_batched.h"
#include "lab/declare.h"

namespace plumb::families::compression {

namespace {

using namespace lab::declare;

std::vector<std::string> element_names() {
    std::vector<std::string> names = {"default", "auto"};
    using kernels::codec::Element;
    for (const Element element :
         {Element::i8, Element::u8, Element::i16, Element::u16, Element::i32, Element::u32, Element::i64, Element::u64})
        names.emplace_back(kernels::codec::name(element));
    return names;
}

/// "compression throughput" for "compress_throughput".
std::string title_of(const std::string& metric) {
    std::string title = metric;
    std::ranges::replace(title, '_', ' ');
    if (title.starts_with("compress ")) title.replace(0, 8, "compression");
    if (title.starts_with("decompress ")) title.replace(0, 10, "decompression");
    return title;
}

/// One cell for each codec and device, a line or a shape for each file.
lab::Figure grid(const std::string& name, const std::string& title, const std::string& caption, const std::string& x,
                 const std::string& y) {
    lab::Figure figure;
    figure.name = name;
    figure.title = title;
    figure.caption = caption;
    figure.x = x;
    figure.x_title = title_of(x);
    figure.y = y;
    figure.y_title = title_of(y);
    figure.colour = "file";
    figure.facet_row = "codec";
    figure.facet_column = "device";
    return figure;
}

lab::Figure against_chunk(const std::string& name, const std::string& title, const std::string& caption, const std::string& y,
                          lab::Scale scale) {
    lab::Figure figure = grid(name, title, caption, "chunk", y);
    figure.mark = lab::Mark::lines;
    figure.x_scale = lab::Scale::log10;
    figure.x_title = "chunk size";
    figure.y_scale = scale;
    return figure;
}

lab::Figure scatter(const std::string& name, const std::string& title, const std::string& caption, const std::string& x,
                    const std::string& y) {
    lab::Figure figure = grid(name, title, caption, x, y);
    figure.mark = lab::Mark::points;
    figure.y_scale = lab::Scale::log10;
    return figure;
}

/// All codecs in one cell, a cell for each file and device.
lab::Figure by_file(const std::string& name, const std::string& title, const std::string& caption, const std::string& x,
                    const std::string& y, lab::Mark mark) {
    lab::Figure figure;
    figure.name = name;
    figure.title = title;
    figure.caption = caption;
    figure.mark = mark;
    figure.x = x;
    figure.x_title = title_of(x);
    figure.y = y;
    figure.y_title = title_of(y);
    figure.colour = "codec";
    figure.facet_column = "file";
    figure.facet_row = "device";
    figure.y_scale = lab::Scale::log10;
    return figure;
}

lab::Figure break_even(const std::string& name, const std::string& title, const std::string& caption, const std::string& y) {
    lab::Figure figure = by_file(name, title, caption, "chunk", y, lab::Mark::lines);
    figure.x_scale = lab::Scale::log10;
    figure.x_title = "chunk size";
    figure.y_title = "link speed";
    return figure;
}

std::vector<lab::Metric> with_imported(std::vector<lab::Metric> metrics) {
    std::ranges::move(imported_metrics(), std::back_inserter(metrics));
    return metrics;
}

}  // namespace

const lab::Schema& schema() {
    static const lab::Schema made = [] {
        std::vector<std::string> codecs;
        for (const auto& codec : kernels::codec::codecs()) codecs.push_back(codec.name);
        for (const auto& codec : kernels::codec::nvcomp_batched_codecs()) codecs.push_back(codec.facts.name);
        constexpr double most_bytes = 1e12;
        return lab::Schema({
            text("file", "a file of a data set (silesia/dickens), or the path of a file or folder", "silesia/dickens"),
            bytes("repeat_to", "repeat the file from its start until so many bytes are reached; 0: as it is", 0, 0, most_bytes),
            choice("codec", "codec (plumb list codecs); nvcomp: those of device=cuda:0", "zstd", codecs),
            text("level", "level of the codec, an integer; default: what its library recommends", "default"),
            choice("element", "what typed codecs take the bytes for; auto: the encoder chooses, with all that follows", "default",
                   element_names()),
            count("rle", "run-length layers of cascaded; -1: its default", -1, -1, 7),
            count("delta", "delta layers of cascaded; -1: its default", -1, -1, 3),
            choice("bitpack", "bit packing of cascaded", "default", {"default", "yes", "no"}),
            bytes("chunk", "bytes of a chunk", 65536, 1, most_bytes),
            count("chunks", "instead of chunk: into how many chunks `total` is cut, which then gives chunk; 0: by chunk", 0, 0, most_bytes),
            bytes("total", "bytes that `chunks` divides; 0: the size of the input", 0, 0, most_bytes),
            count("workers", "threads that share the chunks; 1 on a GPU, which takes them all at once", 1, 1, 1024),
            text("device", "where the codec runs: cpu, cuda:0 ... (plumb list devices); imported results carry the name of theirs", "cpu"),
            choice("direction", "what is timed; both directions are checked", "both", {"both", "compress", "decompress"}),
            choice("metadata", "width in bits of the one size and one offset a chunk that ratio_with_metadata counts", "64", {"32", "64"}),
        });
    }();
    return made;
}

const std::vector<lab::Metric>& metrics() {
    using Better = lab::Metric::Better;
    static const std::vector<lab::Metric> made = with_imported({
        metric("ratio", "original by compressed bytes, payload only", "", Better::higher, true),
        metric("compress_throughput", "original bytes by the median time of compressing all chunks", "B/s", Better::higher, true),
        metric("decompress_throughput", "original bytes by the median time of decompressing all chunks", "B/s", Better::higher, true),
        metric("ratio_with_metadata", "the same with one size and one offset a chunk counted as compressed", "", Better::higher, true),
        metric("compress_time", "median time of compressing all chunks", "s", Better::lower),
        metric("decompress_time", "median time of decompressing all chunks", "s", Better::lower),
        metric("compress_cpu_time", "processor time of compressing all chunks, all workers together", "s", Better::lower),
        metric("decompress_cpu_time", "processor time of decompressing all chunks, all workers together", "s", Better::lower),
        metric("compress_utilisation", "mean share of the wall time in which a worker was at work; of a GPU: as its row says", "share",
               Better::higher),
        metric("decompress_utilisation", "the same while decompressing", "share", Better::higher),
        metric("compress_imbalance", "busy time of the busiest worker by the mean", "", Better::lower),
        metric("decompress_imbalance", "the same while decompressing", "", Better::lower),
        metric("compress_per_utilisation", "compression throughput by utilisation", "B/s", Better::neither),
        metric("decompress_per_utilisation", "decompression throughput by utilisation", "B/s", Better::neither),
        metric("utilisation_floor", "the smallest step that the source of the utilisation resolves", "share", Better::neither),
        metric("utilisation_coverage", "share of the time that the utilisation's samples cover", "share", Better::higher),
        metric("break_even", "link speed below which compress, send, decompress takes less time than sending raw", "B/s", Better::higher),
        metric("break_even_read", "link speed below which send compressed, decompress takes less time than sending raw", "B/s",
               Better::higher),
        metric("used_level", "the level that the codec was given", "", Better::neither),
        metric("chunk_count", "chunks", "", Better::neither),
        metric("stored_chunks", "chunks that the codec handed back raw", "", Better::lower),
        metric("original_bytes", "size of the input", "B", Better::neither),
        metric("compressed_bytes", "size of all compressed chunks", "B", Better::lower),
        metric("metadata_bytes", "one size and one offset a chunk", "B", Better::lower),
        metric("compress_device_time", "GPU: median time of the batch call between two events in its stream; reading statuses is left out",
               "s", Better::lower),
        metric("decompress_device_time", "the same of decompressing", "s", Better::lower),
        metric("compress_device_throughput", "GPU: original bytes by compress_device_time", "B/s", Better::higher),
        metric("decompress_device_throughput", "GPU: original bytes by decompress_device_time", "B/s", Better::higher),
        metric("upload_time", "GPU: copying the input from page-locked memory to the device; part of no other time", "s", Better::lower),
        metric("download_time", "GPU: copying as many bytes back; part of no other time", "s", Better::lower),
        metric("compress_scratch", "GPU: temporary device memory that compressing asks for", "B", Better::lower),
        metric("decompress_scratch", "GPU: temporary device memory that decompressing asks for", "B", Better::lower),
        metric("scratch_memory", "contexts and tables that the workers hold, by the libraries' own account; of a GPU: the larger scratch",
               "B", Better::lower),
        metric("peak_memory", "most memory that one compression and decompression took beside input, chunks and output", "B",
               Better::lower),
        metric("compress_instructions", "instructions a byte of input", "", Better::lower),
        metric("decompress_instructions", "instructions a byte of output", "", Better::lower),
        metric("compress_cycles", "cycles a byte of input", "", Better::lower),
        metric("decompress_cycles", "cycles a byte of output", "", Better::lower),
    });
    return made;
}

const std::vector<lab::Figure>& figures() {
    using lab::Mark;
    using lab::Scale;
    const std::string median = "Original bytes by the median time of all chunks, with its 95 % interval.";
    const std::string use =
        "CPU: mean share of the wall time in which a worker was busy. Imported: what the profiler sampled; see the table for floor and "
        "coverage.";
    static const std::vector<lab::Figure> made = {
        against_chunk("compress", "Compression throughput against chunk size", median, "compress_throughput", Scale::log10),
        against_chunk("decompress", "Decompression throughput against chunk size", median, "decompress_throughput", Scale::log10),
        against_chunk("ratio", "Ratio against chunk size",
                      "Original by compressed bytes of the payload; ratio_with_metadata in the table counts a size and an offset a chunk.",
                      "ratio", Scale::linear),
        scatter("compress-ratio", "Compression throughput against ratio", "A point a chunk size.", "ratio", "compress_throughput"),
        scatter("decompress-ratio", "Decompression throughput against ratio", "A point a chunk size.", "ratio", "decompress_throughput"),
        against_chunk("compress-utilisation", "Utilisation while compressing", use, "compress_utilisation", Scale::linear),
        against_chunk("decompress-utilisation", "Utilisation while decompressing", use, "decompress_utilisation", Scale::linear),
        scatter("compress-use", "Compression throughput against utilisation", use, "compress_utilisation", "compress_throughput"),
        scatter("decompress-use", "Decompression throughput against utilisation", use, "decompress_utilisation", "decompress_throughput"),
        against_chunk("per-utilisation", "Compression throughput per utilisation",
                      "Throughput by utilisation. The interval takes in the step that the utilisation's source resolves: where it is as "
                      "wide as the figure, the quotient says nothing.",
                      "compress_per_utilisation", Scale::log10),
        by_file("pareto", "What compressing buys: all chunk sizes",
                "A point a codec and chunk size; the line joins those that no other beats in both.", "ratio", "compress_throughput",
                Mark::front),
        by_file("pareto-read", "What decompressing buys: all chunk sizes",
                "A point a codec and chunk size; the line joins those that no other beats in both.", "ratio", "decompress_throughput",
                Mark::front),
        break_even("break-even", "At which link speed compressing is worth it",
                   "Below the line, compress, send and decompress one after the other takes less time than sending raw; metadata counted.",
                   "break_even"),
        break_even("break-even-read", "The same for data that is compressed once and read often",
                   "Below the line, send and decompress takes less time than sending raw.", "break_even_read"),
    };
    return made;
}

}  // namespace plumb::families::compression
