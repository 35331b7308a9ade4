// SPDX-License-Identifier: Apache-2.0
// Names, and the check of options against what a codec takes.
#include "kernels/codec/codec.h"

#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/text.h"

namespace plumb::kernels::codec {
namespace {

struct ElementRow {
    std::string_view name;
    std::size_t size;
};
/// In the order of Element.
constexpr std::array<ElementRow, 8> element_rows = {
    {{"i8", 1}, {"u8", 1}, {"i16", 2}, {"u16", 2}, {"i32", 4}, {"u32", 4}, {"i64", 8}, {"u64", 8}}};

struct Range {
    int low;
    int high;
    int normal;
};
constexpr Range rle_layers = {0, 7, 2};
constexpr Range delta_layers = {0, 3, 1};

const ElementRow& row(Element element) {
    return element_rows.at(static_cast<std::size_t>(element));
}

base::Error wrong(const std::string& message, std::string hint) {
    return {base::ErrorKind::usage, message, std::move(hint)};
}

std::string quoted(const Codec& codec) {
    return "codec '" + codec.name + "'";
}

/// What `codec` takes, for hints.
std::string taken_options(const Codec& codec) {
    std::vector<std::string> taken;
    if (codec.levels) taken.emplace_back("level");
    if (!codec.elements.empty()) taken.emplace_back("element");
    if (codec.cascaded) taken.insert(taken.end(), {"rle", "delta", "bitpack", "automatic"});
    return taken.empty() ? "it takes no options" : "it takes: " + base::join(taken, ", ");
}

void refuse(const Codec& codec, std::string_view option) {
    throw wrong(quoted(codec) + " takes no option '" + std::string(option) + "'", taken_options(codec));
}

int in_range(const Codec& codec, std::string_view option, std::optional<int> value, const Range& range) {
    if (!value) return range.normal;
    if (*value < range.low || *value > range.high) {
        throw wrong(std::string(option) + "=" + std::to_string(*value) + " is out of range for " + quoted(codec),
                    "allowed: " + std::to_string(range.low) + " to " + std::to_string(range.high));
    }
    return *value;
}

std::string element_list(const std::vector<Element>& elements) {
    std::vector<std::string> names;
    for (const Element element : elements) names.emplace_back(name(element));
    return base::join(names, ", ");
}

void complete_level(const Codec& codec, Options& options) {
    if (codec.levels) {
        options.level = in_range(codec, "level", options.level, {codec.levels->low, codec.levels->high, codec.levels->normal});
    } else if (options.level) {
        refuse(codec, "level");
    }
}

void complete_element(const Codec& codec, Options& options) {
    if (codec.elements.empty()) {
        if (options.element) refuse(codec, "element");
        return;
    }
    if (!options.element) options.element = codec.normal_element;
    if (std::find(codec.elements.begin(), codec.elements.end(), *options.element) == codec.elements.end()) {
        throw wrong("element=" + std::string(name(*options.element)) + " is none that " + quoted(codec) + " takes",
                    "allowed: " + element_list(codec.elements));
    }
}

void refuse_cascaded_options(const Codec& codec, const Options& options) {
    if (options.rle) refuse(codec, "rle");
    if (options.delta) refuse(codec, "delta");
    if (options.bitpack) refuse(codec, "bitpack");
    if (options.automatic) refuse(codec, "automatic");
}

void check_left_to_encoder(const Codec& codec, const Options& options) {
    const auto leave = [&](bool given, const char* option) {
        if (given) throw wrong(std::string(option) + " is given, but automatic leaves it to " + quoted(codec), "leave out one of the two");
    };
    leave(options.element.has_value(), "element");
    leave(options.rle.has_value(), "rle");
    leave(options.delta.has_value(), "delta");
    leave(options.bitpack.has_value(), "bitpack");
}

void complete_cascaded(const Codec& codec, Options& options) {
    options.rle = in_range(codec, "rle", options.rle, rle_layers);
    options.delta = in_range(codec, "delta", options.delta, delta_layers);
    if (!options.bitpack) options.bitpack = true;
}

}  // namespace

std::string_view name(Element element) {
    return row(element).name;
}

Element element_named(std::string_view name) {
    std::vector<std::string> names;
    for (std::size_t i = 0; i < element_rows.size(); ++i) {
        if (element_rows[i].name == name) return static_cast<Element>(i);
        names.emplace_back(element_rows[i].name);
    }
    throw wrong("element '" + std::string(name) + "' is unknown", base::suggest(name, names));
}

std::size_t size_of(Element element) {
    return row(element).size;
}

const Codec& codec_named(std::string_view name) {
    std::vector<std::string> names;
    for (const Codec& codec : codecs()) {
        if (codec.name == name) return codec;
        names.push_back(codec.name);
    }
    throw wrong("codec '" + std::string(name) + "' is unknown", base::suggest(name, names));
}

Options complete(const Codec& codec, const Options& options) {
    Options completed = options;
    complete_level(codec, completed);
    if (!codec.cascaded) {
        refuse_cascaded_options(codec, completed);
        complete_element(codec, completed);
    } else if (completed.automatic) {
        check_left_to_encoder(codec, completed);
    } else {
        complete_element(codec, completed);
        complete_cascaded(codec, completed);
    }
    return completed;
}

}  // namespace plumb::kernels::codec
