// SPDX-License-Identifier: Apache-2.0
#include "families/attention/request.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/version.h"
#include "families/attention/declarations.h"
#include "families/attention/problem_file.h"
#include "lab/setting.h"

namespace plumb::families::attention {

namespace {

namespace ka = kernels::attention;

ka::MaskKind mask_kind(const std::string& name) {
    for (const auto& [kind, known] : mask_names()) {
        if (known == name) return kind;
    }
    throw base::Error(base::ErrorKind::usage, "unknown mask '" + name + "'", "the masks: plumb list attention");
}

std::string mask_name(ka::MaskKind wanted) {
    const auto& names = mask_names();
    return std::ranges::find(names, wanted, [](const auto& entry) { return entry.first; })->second;
}

ka::Precision precision_named(const std::string& wanted) {
    for (const ka::Precision precision : {ka::Precision::high, ka::Precision::medium}) {
        if (ka::name(precision) == wanted) return precision;
    }
    return ka::Precision::highest;
}

ka::Layout layout_of(const lab::Settings& settings) {
    return lab::setting<std::string>(settings, "layout") == "bhnd" ? ka::Layout::bhnd : ka::Layout::bnhd;
}

bool is_backward(const lab::Settings& settings) {
    return lab::setting<std::string>(settings, "direction") == "backward";
}

lab::Value& value_of(lab::Settings& settings, std::string_view name) {
    return std::ranges::find(settings, name, &lab::Setting::name)->value;
}

/// What the file says stands in the settings. A setting that is neither at its default nor what the file says was meant, and is wrong.
void take_from_file(lab::Settings& settings, const std::string& file, const std::string& name, const lab::Value& value) {
    lab::Value& given = value_of(settings, name);
    if (given != value && given != schema().at(name).default_value) {
        throw base::Error(base::ErrorKind::usage,
                          file + " has " + name + "=" + lab::format(value) + ", but " + name + "=" + lab::format(given) + " was asked for",
                          "leave " + name + " out, the file says it");
    }
    given = value;
}

void resolve_from_file(lab::Settings& settings, const std::string& file) {
    const ProblemFacts facts = problem_facts(file, layout_of(settings));
    const ka::Shape& shape = facts.shape;
    const std::pair<const char*, lab::Value> stated[] = {{"stage", std::string("batch")},
                                                         {"batch", shape.batch},
                                                         {"heads", shape.heads},
                                                         {"key_heads", shape.key_heads},
                                                         {"queries", shape.queries},
                                                         {"keys", shape.keys},
                                                         {"head_dim", shape.head_dim},
                                                         {"value_dim", shape.value_dim},
                                                         {"dtype", std::string(base::name(facts.dtype))},
                                                         {"bias", facts.bias},
                                                         {"inputs", schema().at("inputs").default_value}};
    for (const auto& [name, value] : stated) take_from_file(settings, file, name, value);
    if (facts.mask != ka::MaskKind::none) {
        take_from_file(settings, file, "mask", mask_name(facts.mask));
    } else if (const ka::MaskKind asked = mask_kind(lab::setting<std::string>(settings, "mask"));
               asked == ka::MaskKind::boolean || asked == ka::MaskKind::key_padding) {
        throw base::Error(base::ErrorKind::usage, file + " has no tensor 'mask', which mask=" + mask_name(asked) + " needs",
                          "add it to the file, or choose mask=none, causal or sliding_window");
    }
    if (is_backward(settings)) require_output_gradient(file, layout_of(settings));
    value_of(settings, "tries") = std::int64_t{1};
}

void resolve_key_heads(lab::Settings& settings) {
    const std::int64_t heads =
        lab::setting<std::string>(settings, "stage") == "queries" ? 1 : lab::setting<std::int64_t>(settings, "heads");
    lab::Value& key_heads = value_of(settings, "key_heads");
    const std::int64_t asked = std::get<std::int64_t>(key_heads);
    if (asked != 0 && heads % asked != 0) {
        throw base::Error(base::ErrorKind::usage, "key_heads=" + std::to_string(asked) + " does not divide heads=" + std::to_string(heads),
                          "each key head serves the same number of heads; 0: one for each");
    }
    if (asked == heads) key_heads = std::int64_t{0};
}

/// "{impl}-{keys}.npz" with the settings' values.
std::string filled_in(std::string text, const lab::Settings& settings) {
    for (const lab::Setting& entry : settings) {
        const std::string place = "{" + entry.name + "}";
        const std::string value = lab::format(entry.value);
        for (std::size_t at = text.find(place); at != std::string::npos; at = text.find(place, at + value.size()))
            text.replace(at, place.size(), value);
    }
    return text;
}

}  // namespace

Request read_request(const lab::Settings& settings, std::uint64_t seed) {
    const std::string& stage = lab::setting<std::string>(settings, "stage");
    Request request;
    CaseKey& cases = request.cases;
    ka::Shape& shape = cases.shape;
    shape.batch = stage == "batch" ? lab::setting<std::int64_t>(settings, "batch") : 1;
    shape.heads = stage == "queries" ? 1 : lab::setting<std::int64_t>(settings, "heads");
    shape.queries = lab::setting<std::int64_t>(settings, "queries");
    shape.keys = lab::setting<std::int64_t>(settings, "keys");
    shape.head_dim = lab::setting<std::int64_t>(settings, "head_dim");
    shape.value_dim = lab::setting<std::int64_t>(settings, "value_dim");
    shape.key_heads = lab::setting<std::int64_t>(settings, "key_heads");
    cases.options.mask = mask_kind(lab::setting<std::string>(settings, "mask"));
    cases.options.left = lab::setting<std::int64_t>(settings, "window_left");
    cases.options.right = lab::setting<std::int64_t>(settings, "window_right");
    cases.options.layout = layout_of(settings);
    cases.options.dtype = base::parse_dtype(lab::setting<std::string>(settings, "dtype"));
    cases.options.bias = lab::setting<bool>(settings, "bias");
    cases.scale = static_cast<float>(lab::setting<double>(settings, "scale"));
    cases.distribution = lab::setting<std::string>(settings, "inputs");
    cases.file = lab::setting<std::string>(settings, "input");
    cases.seed = seed;
    request.implementation = lab::setting<std::string>(settings, "impl");
    request.isa = lab::setting<std::string>(settings, "isa");
    request.precision = precision_named(lab::setting<std::string>(settings, "precision"));
    request.threads = static_cast<int>(lab::setting<std::int64_t>(settings, "threads"));
    request.tries = static_cast<std::size_t>(lab::setting<std::int64_t>(settings, "tries"));
    request.output = lab::setting<std::string>(settings, "output");
    cases.backward = is_backward(settings);
    return request;
}

std::map<std::string, std::string> Request::about() const {
    return {{"made by", "plumb " + base::code_version()},
            {"implementation", implementation},
            {"layout", cases.options.layout == ka::Layout::bhnd ? "bhnd" : "bnhd"}};
}

lab::Settings resolve(lab::Settings settings) {
    // Where a file's heads do not fit together, reading it names both shapes.
    if (const std::string file = lab::setting<std::string>(settings, "input"); !file.empty())
        resolve_from_file(settings, file);
    else
        resolve_key_heads(settings);
    lab::Value& output = value_of(settings, "output");
    output = filled_in(std::get<std::string>(output), settings);
    return settings;
}

}  // namespace plumb::families::attention
