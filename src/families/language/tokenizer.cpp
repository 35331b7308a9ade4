// SPDX-License-Identifier: Apache-2.0
#include "families/language/tokenizer.h"

#include <array>
#include <cstring>
#include <mutex>

#include "base/error.h"
#include "lab/data_sets.h"

namespace plumb::families::language {

namespace {

constexpr std::size_t first_places = std::size_t{1} << 12;
constexpr std::size_t most_places = std::size_t{1} << 19;  ///< 16 MB; fuller than half, all is forgotten
constexpr std::size_t longest_remembered = 64;             ///< bytes

constexpr std::array<bool, 256> make_blanks() {
    std::array<bool, 256> blanks{};
    for (const char blank : {' ', '\t', '\n', '\r'}) blanks[static_cast<unsigned char>(blank)] = true;
    return blanks;
}
constexpr std::array<bool, 256> blanks = make_blanks();

bool is_blank(char c) {
    return blanks[static_cast<unsigned char>(c)];
}

/// Eight bytes a multiplication. Equal hashes are told apart by their text, so this must be quick, not strong.
std::uint64_t hash_of(std::string_view text) {
    constexpr std::uint64_t odd = 0x9E3779B97F4A7C15;
    std::uint64_t hash = text.size() * odd;
    while (!text.empty()) {
        std::uint64_t bytes = 0;
        const std::size_t size = std::min<std::size_t>(8, text.size());
        std::memcpy(&bytes, text.data(), size);
        hash = (hash ^ bytes) * odd;
        hash ^= hash >> 29;
        text.remove_prefix(size);
    }
    return hash;
}

}  // namespace

Tokenizer::Tokenizer(std::shared_ptr<const BytePairs> byte_pairs) : byte_pairs_(std::move(byte_pairs)) {
    forget();
}

void Tokenizer::forget() {
    table_.assign(first_places, Seen{});
    count_ = 0;
    texts_.clear();
    ids_.clear();
}

void Tokenizer::encode(std::string_view text, std::vector<Id>& out) {
    const char* at = text.data();
    const char* const end = at + text.size();
    while (true) {
        while (at != end && is_blank(*at)) ++at;
        if (at == end) return;
        const char* const begin = at;
        while (at != end && !is_blank(*at)) ++at;
        const std::string_view stretch(begin, static_cast<std::size_t>(at - begin));
        if (stretch.size() > longest_remembered) {
            encode_new(stretch, out);
            continue;
        }
        const std::uint64_t hash = hash_of(stretch);
        const Seen& seen = table_[place_of(stretch, hash)];
        if (seen.id_count != 0xFFFF) {
            const Id* const ids = ids_.data() + seen.ids;
            out.insert(out.end(), ids, ids + seen.id_count);
        } else {
            const std::size_t before = out.size();
            encode_new(stretch, out);
            remember(stretch, hash, std::span(out).subspan(before));
        }
    }
}

void Tokenizer::encode_new(std::string_view stretch, std::vector<Id>& out) {
    split_words(stretch, words_);
    for (std::size_t word = 0; word < words_.size(); ++word) byte_pairs_->encode(words_.at(word), out);
}

std::size_t Tokenizer::place_of(std::string_view stretch, std::uint64_t hash) const {
    const std::size_t mask = table_.size() - 1;
    for (std::size_t place = hash & mask;; place = (place + 1) & mask) {
        const Seen& seen = table_[place];
        if (seen.id_count == 0xFFFF) return place;
        if (seen.hash == hash && seen.text_size == stretch.size() &&
            std::memcmp(texts_.data() + seen.text, stretch.data(), stretch.size()) == 0)
            return place;
    }
}

void Tokenizer::remember(std::string_view stretch, std::uint64_t hash, std::span<const Id> ids) {
    if (2 * (count_ + 1) > table_.size()) grow();
    table_[place_of(stretch, hash)] = {hash, static_cast<std::uint32_t>(texts_.size()), static_cast<std::uint32_t>(ids_.size()),
                                       static_cast<std::uint16_t>(stretch.size()), static_cast<std::uint16_t>(ids.size())};
    texts_ += stretch;
    ids_.insert(ids_.end(), ids.begin(), ids.end());
    ++count_;
}

void Tokenizer::grow() {
    if (table_.size() >= most_places) return forget();
    std::vector<Seen> old(table_.size() * 2);
    old.swap(table_);
    const std::size_t mask = table_.size() - 1;
    for (const Seen& seen : old) {
        if (seen.id_count == 0xFFFF) continue;
        std::size_t place = seen.hash & mask;
        while (table_[place].id_count != 0xFFFF) place = (place + 1) & mask;
        table_[place] = seen;
    }
}

std::string Tokenizer::decode(std::span<const Id> ids) const {
    std::string text;
    bool between = false;
    for (const Id id : ids) {
        if (id >= size()) {
            throw base::Error(base::ErrorKind::usage, "no id " + std::to_string(id) + " in this tokenizer",
                              "allowed: 0 to " + std::to_string(size() - 1));
        }
        if (id == padding_id) continue;
        if (between) text += ' ';
        text += byte_pairs_->piece(id);
        between = byte_pairs_->ends_word(id);
    }
    return text;
}

std::shared_ptr<const BytePairs> gpt1_byte_pairs() {
    static std::mutex guard;
    static std::weak_ptr<const BytePairs> living;
    const std::lock_guard lock(guard);
    if (auto byte_pairs = living.lock()) return byte_pairs;
    auto byte_pairs = std::make_shared<const BytePairs>(lab::read_data_file(*lab::find_data_file("gpt1/pieces")),
                                                        lab::read_data_file(*lab::find_data_file("gpt1/merges")));
    living = byte_pairs;
    return byte_pairs;
}

}  // namespace plumb::families::language
