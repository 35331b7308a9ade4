// SPDX-License-Identifier: Apache-2.0
#include "families/language/corpus_checks.h"

#include <algorithm>
#include <unordered_set>

#include "base/units.h"

namespace plumb::families::language {

namespace {

constexpr std::size_t telling_line = 16;       ///< shorter lines, headings mostly, repeat by chance
constexpr double tolerated_repetition = 0.01;  ///< share of lines

std::string_view bytes_of(std::span<const Id> ids) {
    return {reinterpret_cast<const char*>(ids.data()), ids.size_bytes()};
}

}  // namespace

lab::Check check_round_trip(const Corpus& corpus, Tokenizer& tokenizer) {
    const std::vector<std::span<const Id>> lines = lines_of(corpus);
    const std::vector<std::string_view> texts = lines_of(std::string_view(corpus.text));
    std::size_t compared = 0;
    std::size_t different = 0;
    std::vector<Id> again;
    Words words;
    for (std::size_t line = 0; line < lines.size(); ++line) {
        if (std::ranges::find(lines[line], unknown_id) != lines[line].end()) continue;
        ++compared;
        const std::string text = tokenizer.decode(lines[line]);
        again.clear();
        tokenizer.encode(text, again);
        bool same = std::ranges::equal(again, lines[line]);
        if (!texts.empty()) {
            split_words(texts[line], words);
            same = same && joined(words) == text;
        }
        different += !same;
    }
    lab::Check check = lab::at_most("decoding and tokenizing again, " + corpus.source, std::to_string(compared) + " lines without <unk>",
                                    "lines that do not come back", static_cast<double>(different), 0, "lines");
    if (compared == 0) return lab::mistrust(check, "every line has an <unk>");
    if (different > 0 && corpus.text.empty()) {
        check.status = lab::CheckStatus::mistrusted;
        check.note = "another tokenizer made these ids: figures per word and byte are about the text that they decode to";
    }
    return check;
}

lab::Check check_companion(const Corpus& corpus, Tokenizer& tokenizer) {
    const std::vector<std::span<const Id>> lines = lines_of(corpus);
    const std::vector<std::string_view> texts = lines_of(std::string_view(corpus.companion));
    std::size_t compared = 0;
    std::size_t different = 0;
    std::vector<Id> ids;
    for (std::size_t line = 0; line < texts.size() && texts.size() == lines.size(); ++line) {
        if (texts[line].find("<unk>") != std::string_view::npos) continue;
        ++compared;
        ids.clear();
        tokenizer.encode(texts[line], ids);
        different += !std::ranges::equal(ids, lines[line]);
    }
    const lab::Check check = lab::at_most("ids are those of the text, " + corpus.source,
                                          std::to_string(compared) + " lines of the text without <unk>, tokenized here",
                                          "lines with other ids", static_cast<double>(different), 0, "lines");
    if (compared > 0) return check;
    return lab::mistrust(check, "the text has " + std::to_string(texts.size()) + " lines, the ids " + std::to_string(lines.size()));
}

lab::Check check_held_out(const std::string& split, const Corpus& held_out, const Corpus& train) {
    std::unordered_set<std::string_view> known;
    for (const std::span<const Id> line : lines_of(train)) {
        if (line.size() >= telling_line) known.insert(bytes_of(line));
    }
    double lines = 0;
    double repeated = 0;
    for (const std::span<const Id> line : lines_of(held_out)) {
        if (line.size() < telling_line) continue;
        ++lines;
        repeated += known.contains(bytes_of(line));
    }
    lab::Check check;
    check.name = split + " is held out";
    check.reference = "the lines of train";
    check.metric = "share of the lines of 16 ids or more that stand in train too";
    check.measured = lines == 0 ? 0 : repeated / lines;
    check.bound = tolerated_repetition;
    check.status = lab::CheckStatus::passed;
    if (lines == 0) return lab::mistrust(check, "no line is long enough to tell");
    if (check.measured > check.bound) {
        return lab::mistrust(check, base::format_number(repeated) + " of " + base::format_number(lines) +
                                        " lines were trained on: perplexities are too small");
    }
    return check;
}

std::vector<lab::Check> check_corpora(const Request& request, Tokenizer& tokenizer) {
    std::vector<lab::Check> checks = {check_round_trip(*request.train, tokenizer)};
    if (!request.train->companion.empty()) checks.push_back(check_companion(*request.train, tokenizer));
    for (const Split& split : request.held_out) {
        checks.push_back(check_round_trip(*split.corpus, tokenizer));
        if (!split.corpus->companion.empty()) checks.push_back(check_companion(*split.corpus, tokenizer));
        checks.push_back(check_held_out(split.name, *split.corpus, *request.train));
    }
    return checks;
}

}  // namespace plumb::families::language
