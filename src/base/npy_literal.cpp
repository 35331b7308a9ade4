// SPDX-License-Identifier: Apache-2.0
#include "base/npy_literal.h"

#include <cctype>
#include <set>

namespace plumb::base {

namespace {

class LiteralReader {
  public:
    LiteralReader(std::string_view text, const Complaint& complaint) : text_(text), complaint_(complaint) {}

    NpyDictionary read() {
        NpyDictionary dictionary;
        std::set<std::string> given;
        expect('{');
        while (!take('}')) {
            if (!given.empty()) {
                expect(',');
                if (take('}')) break;
            }
            const std::string key = quoted_text();
            expect(':');
            if (!given.insert(key).second) complaint_.damaged("its header gives " + in_quotes(key) + " twice");
            read_value(key, dictionary);
        }
        skip_blanks();
        if (at_ != text_.size()) fail("the end");
        if (given.size() != 3) complaint_.damaged("its header does not give all of descr, fortran_order and shape");
        return dictionary;
    }

  private:
    void read_value(const std::string& key, NpyDictionary& dictionary) {
        if (key == "descr") {
            skip_blanks();
            if (at_ < text_.size() && text_[at_] == '[')
                complaint_.unsupported("structured numbers (" + in_quotes(text_.substr(at_)) + ")", "save each field as a tensor");
            dictionary.descr = quoted_text();
        } else if (key == "fortran_order") {
            dictionary.fortran_order = truth();
        } else if (key == "shape") {
            dictionary.shape = sizes();
        } else {
            complaint_.damaged("its header gives " + in_quotes(key) + ", expected descr, fortran_order and shape");
        }
    }

    std::string quoted_text() {
        skip_blanks();
        const char quote = at_ < text_.size() ? text_[at_] : '\0';
        if (quote != '\'' && quote != '"') fail("a quoted text");
        const std::size_t end = text_.find(quote, at_ + 1);
        if (end == std::string_view::npos) fail("the end of a quoted text");
        const std::string_view inside = text_.substr(at_ + 1, end - at_ - 1);
        if (inside.find('\\') != std::string_view::npos) fail("a text without backslash");
        at_ = end + 1;
        return std::string(inside);
    }

    bool truth() {
        skip_blanks();
        for (const bool value : {false, true}) {
            const std::string_view word = value ? "True" : "False";
            if (!text_.substr(at_).starts_with(word)) continue;
            at_ += word.size();
            return value;
        }
        fail("True or False");
    }

    /// "()", "(3,)", "(2, 3)"; one number in brackets without a comma is no tuple.
    std::vector<std::int64_t> sizes() {
        std::vector<std::int64_t> numbers;
        bool comma = true;
        expect('(');
        while (!take(')')) {
            if (!comma) fail("',' or ')'");
            if (numbers.size() == most_axes) complaint_.damaged("its shape has more than " + std::to_string(most_axes) + " sizes");
            numbers.push_back(number());
            comma = take(',');
        }
        if (numbers.size() == 1 && !comma) fail("a comma after the only size");
        return numbers;
    }

    std::int64_t number() {
        skip_blanks();
        const std::size_t begin = at_;
        std::int64_t value = 0;
        for (; at_ < text_.size() && std::isdigit(static_cast<unsigned char>(text_[at_])); ++at_) {
            if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, text_[at_] - '0', &value))
                complaint_.damaged("its shape has a size that 63 bits cannot hold: " + in_quotes(text_.substr(begin)));
        }
        if (at_ == begin) fail("a size from 0 on");
        // Python 2 wrote long integers so.
        if (at_ < text_.size() && text_[at_] == 'L') ++at_;
        return value;
    }

    bool take(char wanted) {
        skip_blanks();
        if (at_ >= text_.size() || text_[at_] != wanted) return false;
        ++at_;
        return true;
    }
    void expect(char wanted) {
        if (!take(wanted)) fail(std::string("'") + wanted + "'");
    }
    void skip_blanks() {
        while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_]))) ++at_;
    }
    [[noreturn]] void fail(const std::string& expected) const {
        complaint_.damaged("its header is no dictionary of descr, fortran_order and shape: expected " + expected + " at byte " +
                           std::to_string(at_) + ", found " + (at_ < text_.size() ? in_quotes(text_.substr(at_)) : "the end"));
    }

    std::string_view text_;
    const Complaint& complaint_;
    std::size_t at_ = 0;
};

}  // namespace

NpyDictionary parse_npy_dictionary(std::string_view text, const Complaint& complaint) {
    return LiteralReader(text, complaint).read();
}

}  // namespace plumb::base
