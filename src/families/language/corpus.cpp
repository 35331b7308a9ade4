// SPDX-License-Identifier: Apache-2.0
#include "families/language/corpus.h"

#include <algorithm>
#include <limits>
#include <mutex>
#include <numeric>

#include "base/digest.h"
#include "base/error.h"
#include "base/file.h"
#include "base/tensor_file.h"
#include "lab/data_sets.h"

namespace plumb::families::language {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view blanks = " \t\r\v\f";

/// Numbers of any integer type.
std::vector<std::int64_t> read_integers(const base::TensorFile& file, const std::string& name) {
    const base::Tensor tensor = file.read(name);
    const auto widened = [](const auto& numbers) { return std::vector<std::int64_t>(numbers.begin(), numbers.end()); };
    switch (tensor.info().type) {
        case base::ElementType::u16:
            return widened(tensor.as<std::uint16_t>());
        case base::ElementType::i32:
            return widened(tensor.as<std::int32_t>());
        case base::ElementType::u32:
            return widened(tensor.as<std::uint32_t>());
        case base::ElementType::i64:
            return widened(tensor.as<std::int64_t>());
        default:
            throw base::Error(base::ErrorKind::unsupported, file.path().string() + ": '" + name + "' is " + tensor.info().text(),
                              "ids and sizes are uint16, int32, uint32 or int64");
    }
}

[[noreturn]] void bad_ids(const fs::path& file, const std::string& what) {
    throw base::Error(base::ErrorKind::failed, file.string() + ": " + what,
                      "tokens: GPT-1's ids + 1; sizes: ids of each line, adding up to the tokens");
}

bool is_tensor_file(const fs::path& path) {
    const std::string extension = path.extension().string();
    return extension == ".npz" || extension == ".npy";
}

/// "wikitext-2/test.txt" for "wikitext-2/test.ids", where it is here.
std::optional<lab::DataFile> companion_of(const std::string& source) {
    constexpr std::string_view ids = ".ids";
    if (!source.ends_with(ids)) return std::nullopt;
    const std::size_t slash = source.find('/');
    const std::string name = source.substr(slash + 1, source.size() - slash - 1 - ids.size()) + ".txt";
    for (const lab::DataFile& file : lab::data_set_named(source.substr(0, slash)).files) {
        if (file.name == name && file.present()) return file;
    }
    return std::nullopt;
}

Corpus read_corpus(const std::string& source) {
    const std::shared_ptr<const BytePairs> byte_pairs = gpt1_byte_pairs();
    Tokenizer tokenizer(byte_pairs);
    if (const auto known = lab::find_data_file(source)) {
        std::string content = lab::read_data_file(*known);
        if (!is_tensor_file(known->path)) return tokenize(source, std::move(content), tokenizer);
        Corpus corpus = read_ids(source, known->path, tokenizer.size());
        if (const auto companion = companion_of(source)) corpus.companion = lab::read_data_file(*companion);
        return corpus;
    }
    std::error_code problem;
    if (!fs::is_regular_file(source, problem)) {
        throw base::Error(base::ErrorKind::missing, "no file '" + source + "'",
                          "give the path of a text or of an npz of ids, or a file of a data set such as wikitext-2/train.ids (plumb data)");
    }
    if (is_tensor_file(source)) return read_ids(source, source, tokenizer.size());
    return tokenize(source, base::read_unpacked(source), tokenizer);
}

}  // namespace

std::shared_ptr<const Corpus> load_corpus(const std::string& source) {
    static std::mutex guard;
    static std::map<std::string, std::weak_ptr<const Corpus>> living;
    const std::lock_guard lock(guard);
    std::weak_ptr<const Corpus>& place = living[source];
    if (auto corpus = place.lock()) return corpus;
    auto corpus = std::make_shared<const Corpus>(read_corpus(source));
    if (corpus->ids.size() < 2) {
        throw base::Error(base::ErrorKind::unsupported,
                          "'" + source + "' holds " + std::to_string(corpus->ids.size()) + " ids: none follows", "choose a longer text");
    }
    place = corpus;
    return corpus;
}

std::map<std::string, std::string> digest_corpus(const std::string& source) {
    std::map<std::string, std::string> digests;
    if (const auto known = lab::find_data_file(source)) {
        if (!known->present()) lab::read_data_file(*known);  // throws what to do
        digests[source] = known->sha256;                     // read_data_file() holds the content to it
        if (const auto companion = companion_of(source)) digests[companion->set + "/" + companion->name] = companion->sha256;
    } else {
        digests[source] = base::known_file_xxh3_hex(source);
    }
    for (const char* name : {"gpt1/pieces", "gpt1/merges"}) digests[name] = lab::find_data_file(name)->sha256;
    return digests;
}

Corpus first_ids(const Corpus& corpus, std::int64_t ids) {
    Corpus part;
    part.source = corpus.source;
    part.ids.assign(corpus.ids.begin(), corpus.ids.begin() + ids);
    for (const std::int64_t size : corpus.line_sizes) {
        if (ids == 0) break;
        part.line_sizes.push_back(std::min(size, ids));
        ids -= part.line_sizes.back();
    }
    return part;
}

std::vector<std::string_view> lines_of(std::string_view text) {
    std::vector<std::string_view> lines;
    while (!text.empty()) {
        const std::string_view line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(text.size(), line.size() + 1));
        if (line.find_first_not_of(blanks) != std::string_view::npos) lines.push_back(line);
    }
    return lines;
}

std::vector<std::span<const Id>> lines_of(const Corpus& corpus) {
    std::vector<std::span<const Id>> lines;
    std::span<const Id> rest = corpus.ids;
    for (const std::int64_t size : corpus.line_sizes) {
        lines.push_back(rest.first(static_cast<std::size_t>(size)));
        rest = rest.subspan(static_cast<std::size_t>(size));
    }
    return lines;
}

Corpus tokenize(std::string source, std::string text, Tokenizer& tokenizer) {
    if (const std::size_t at = find_invalid_utf8(text); at != std::string::npos) {
        throw base::Error(base::ErrorKind::failed, "'" + source + "' is no UTF-8 text: byte " + std::to_string(at) + " cannot stand there",
                          "convert it first, as with: iconv -f LATIN1 -t UTF-8");
    }
    Corpus corpus;
    corpus.source = std::move(source);
    corpus.ids.reserve(text.size() / 4);
    for (const std::string_view line : lines_of(text)) {
        const std::size_t before = corpus.ids.size();
        tokenizer.encode(line, corpus.ids);
        corpus.line_sizes.push_back(static_cast<std::int64_t>(corpus.ids.size() - before));
    }
    corpus.text = std::move(text);
    return corpus;
}

Corpus read_ids(std::string source, const fs::path& path, std::size_t vocabulary) {
    const base::TensorFile file(path);
    Corpus corpus;
    corpus.source = std::move(source);
    const bool single = file.tensors().size() == 1;
    for (const std::int64_t id : read_integers(file, single ? file.tensors().front().name : "tokens")) {
        if (id <= padding_id || id >= static_cast<std::int64_t>(vocabulary)) {
            bad_ids(path, "id " + std::to_string(id) + " at place " + std::to_string(corpus.ids.size()) + ", allowed: 1 to " +
                              std::to_string(vocabulary - 1));
        }
        corpus.ids.push_back(static_cast<Id>(id));
    }
    const auto size = static_cast<std::int64_t>(corpus.ids.size());
    corpus.line_sizes = single ? std::vector<std::int64_t>{size} : read_integers(file, "sizes");
    std::int64_t sum = 0;
    for (const std::int64_t line : corpus.line_sizes) {
        if (line < 0 || line > size - sum) bad_ids(path, "the sizes go beyond its " + std::to_string(size) + " tokens");
        sum += line;
    }
    if (sum != size) bad_ids(path, "the sizes add up to " + std::to_string(sum) + ", there are " + std::to_string(size) + " tokens");
    return corpus;
}

void write_ids(const fs::path& file, const Corpus& corpus) {
    const std::vector<base::TensorView> tensors = {
        base::tensor_view<Id>("tokens", base::ElementType::u16, {static_cast<std::int64_t>(corpus.ids.size())}, corpus.ids),
        base::tensor_view<std::int64_t>("sizes", base::ElementType::i64, {static_cast<std::int64_t>(corpus.line_sizes.size())},
                                        corpus.line_sizes)};
    base::write_npz(file, tensors, base::Packing::deflated);
}

std::string decoded_text(const Corpus& corpus, const Tokenizer& tokenizer) {
    std::string text;
    for (const std::span<const Id> line : lines_of(corpus)) text += tokenizer.decode(line) + "\n";
    return text;
}

Counts count(const Corpus& corpus, const Tokenizer& tokenizer) {
    const auto words_between_blanks = [](std::string_view text) {
        std::int64_t words = 0;
        bool inside = false;
        for (const char c : text) {
            const bool blank = c == '\n' || blanks.find(c) != std::string_view::npos;
            words += !blank && !inside;
            inside = !blank;
        }
        return words;
    };
    Counts counts;
    if (!corpus.text.empty()) {
        counts.words = words_between_blanks(corpus.text);
        counts.bytes = static_cast<std::int64_t>(corpus.text.size());
    } else if (lines_of(corpus.companion).size() == corpus.line_sizes.size()) {
        counts.words = words_between_blanks(corpus.companion);
    }
    counts.split_words = std::ranges::count_if(corpus.ids, [&](Id id) { return tokenizer.byte_pairs().ends_word(id); });
    counts.decoded_bytes = static_cast<std::int64_t>(decoded_text(corpus, tokenizer).size());
    return counts;
}

}  // namespace plumb::families::language
