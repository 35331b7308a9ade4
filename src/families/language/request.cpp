// SPDX-License-Identifier: Apache-2.0
#include "families/language/request.h"

#include "base/error.h"
#include "families/language/neural_request.h"
#include "lab/setting.h"

namespace plumb::families::language {

namespace {

/// Splits that have a source.
std::vector<std::string> held_out_names(const lab::Settings& settings) {
    std::vector<std::string> names = {"validation"};
    if (!lab::setting<std::string>(settings, "test").empty()) names.emplace_back("test");
    return names;
}

}  // namespace

Request read_request(const lab::Settings& settings, std::uint64_t seed) {
    Request request;
    request.model = lab::setting<std::string>(settings, "model");
    request.byte_pairs = gpt1_byte_pairs();
    request.chunks = {break_named(lab::setting<std::string>(settings, "break")), lab::setting<std::int64_t>(settings, "length"),
                      lab::setting<bool>(settings, "off_by_one")};
    cut({}, request.chunks);  // throws where the form contradicts itself, before anything is read
    request.train = load_corpus(lab::setting<std::string>(settings, "train"));
    for (const std::string& name : held_out_names(settings)) {
        request.held_out.push_back({name, load_corpus(lab::setting<std::string>(settings, name))});
        if (cut(request.held_out.back().corpus->line_sizes, request.chunks).empty()) {
            throw base::Error(base::ErrorKind::unsupported, name + " has no id to predict when it is cut like this",
                              "choose break=stream, or a longer text");
        }
    }
    request.batch = lab::setting<std::int64_t>(settings, "batch");
    request.order = static_cast<int>(lab::setting<std::int64_t>(settings, "order"));
    request.threads = static_cast<int>(lab::setting<std::int64_t>(settings, "threads"));
    request.ids = lab::setting<std::string>(settings, "ids");
    request.seed = seed;
    request.settings = settings;
    return request;
}

std::map<std::string, std::string> digest_inputs(const lab::Settings& settings) {
    std::map<std::string, std::string> digests = digest_corpus(lab::setting<std::string>(settings, "train"));
    for (const std::string& name : held_out_names(settings)) digests.merge(digest_corpus(lab::setting<std::string>(settings, name)));
    digests.merge(digest_neural_inputs(settings));
    return digests;
}

}  // namespace plumb::families::language
