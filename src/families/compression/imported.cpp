// SPDX-License-Identifier: Apache-2.0
#include "families/compression/imported.h"

#include <algorithm>
#include <charconv>

#include "base/error.h"
#include "base/text.h"
#include "base/units.h"

namespace plumb::families::compression {

namespace {

const std::vector<std::string>& places() {
    static const std::vector<std::string> names = {"codec", "file", "chunks", "chunk_bytes", "device"};
    return names;
}

/// A positive whole number, or 0.
std::int64_t count_of(std::string_view digits) {
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    return error == std::errc() && end == digits.data() + digits.size() && number > 0 ? number : 0;
}

std::string_view without_extension(std::string_view name) {
    for (const std::string_view extension : {".h5", ".hdf5", ".hdf", ".sqlite"}) {
        if (name.ends_with(extension)) return name.substr(0, name.size() - extension.size());
    }
    return name;
}

bool could_be(const std::string& place, std::string_view text) {
    if (text.empty()) return false;
    if (place == "chunks") return count_of(text) > 0;
    if (place != "chunk_bytes") return true;
    try {
        return base::parse_bytes(text) > 0;
    } catch (const base::Error&) {
        return false;
    }
}

}  // namespace

std::int64_t chunk_bytes_of(std::int64_t total_bytes, std::int64_t chunks) {
    if (total_bytes <= 0 || chunks <= 0 || chunks > total_bytes) {
        throw base::Error(base::ErrorKind::usage, std::to_string(total_bytes) + " bytes cannot be " + std::to_string(chunks) + " chunks",
                          "--total takes the size of the whole input: --total 524288000");
    }
    return (total_bytes - 1) / chunks + 1;
}

std::string chunk_label(const ImportedRow& row) {
    const std::string size = row.chunk_bytes > 0 ? "chunks of " + base::format_bytes(row.chunk_bytes) : "";
    if (row.chunks == 0) return size;
    return std::to_string(row.chunks) + " " + (size.empty() ? "chunks" : size);
}

CellName::CellName(std::string_view pattern) : pattern_(without_extension(pattern)) {
    std::string_view rest = pattern_;
    const auto wrong = [&](const std::string& what) {
        std::vector<std::string> shown;
        for (const std::string& name : places()) shown.push_back("{" + name + "}");
        throw base::Error(base::ErrorKind::usage, "the pattern '" + pattern_ + "' " + what, "its places are " + base::join(shown, " "));
    };
    while (!rest.empty()) {
        const std::size_t opening = rest.find('{');
        if (opening > 0) pieces_.push_back({false, std::string(rest.substr(0, opening))});
        if (opening == std::string_view::npos) break;
        const std::size_t closing = rest.find('}', opening);
        if (closing == std::string_view::npos) wrong("has a { without its }");
        const std::string name(rest.substr(opening + 1, closing - opening - 1));
        if (std::find(places().begin(), places().end(), name) == places().end()) wrong("has an unknown place {" + name + "}");
        for (const Piece& piece : pieces_) {
            if (piece.place && piece.text == name) wrong("has {" + name + "} twice");
        }
        pieces_.push_back({true, name});
        rest.remove_prefix(closing + 1);
    }
    if (std::none_of(pieces_.begin(), pieces_.end(), [](const Piece& piece) { return piece.place; })) wrong("has no place");
}

bool CellName::fits(std::string_view text, std::size_t piece, const std::vector<Piece>& pieces, std::vector<std::string_view>& found) {
    if (piece == pieces.size()) return text.empty();
    const Piece& here = pieces[piece];
    if (!here.place) return text.starts_with(here.text) && fits(text.substr(here.text.size()), piece + 1, pieces, found);
    for (std::size_t size = 1; size <= text.size(); ++size) {
        if (!could_be(here.text, text.substr(0, size))) continue;
        found.push_back(text.substr(0, size));
        if (fits(text.substr(size), piece + 1, pieces, found)) return true;
        found.pop_back();
    }
    return false;
}

bool CellName::read(std::string_view file_name, ImportedRow& row) const {
    std::vector<std::string_view> found;
    if (!fits(without_extension(file_name), 0, pieces_, found)) return false;
    std::size_t next = 0;
    for (const Piece& piece : pieces_) {
        if (!piece.place) continue;
        const std::string text(found[next++]);
        if (piece.text == "codec") row.codec = text;
        if (piece.text == "file") row.file = text;
        if (piece.text == "device") row.device = text;
        if (piece.text == "chunks") row.chunks = count_of(text);
        if (piece.text == "chunk_bytes") row.chunk_bytes = base::parse_bytes(text);
    }
    return true;
}

}  // namespace plumb::families::compression
