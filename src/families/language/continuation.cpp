// SPDX-License-Identifier: Apache-2.0
#include "families/language/continuation.h"

#include <algorithm>
#include <iterator>
#include <vector>

#include "base/error.h"
#include "families/language/neural_request.h"
#include "families/language/tokenizer.h"

namespace plumb::families::language {

namespace {

using base::Error;
using base::ErrorKind;

constexpr std::int64_t most_ids = 60;

std::filesystem::path checkpoint_of(const lab::Record& record, const std::filesystem::path& run) {
    const lab::Value* model = record.point.family == "language" ? lab::find(record.point.settings, "model") : nullptr;
    if (model == nullptr || std::get<std::string>(*model) == "ngram") {
        throw Error(ErrorKind::unsupported, "run " + record.run + " trained no model that continues texts",
                    "name a run of the family language with model=lstm or model=gpt1");
    }
    std::filesystem::path file = run / "artifacts" / "best.safetensors";
    if (!std::filesystem::exists(file))
        throw Error(ErrorKind::missing, "run " + record.run + " kept no model", "train again with keep=best (language-demo has keep=none)");
    return file;
}

}  // namespace

std::string continued(const lab::Record& record, const std::filesystem::path& run, const std::string& prompt) {
    const std::filesystem::path checkpoint = checkpoint_of(record, run);
    const Request request = read_request(record.point.settings, record.point.seed);
    const auto trainer = nn::make_language_trainer(read_neural_request(record.point.settings, request).form);
    trainer->load(checkpoint);
    Tokenizer tokenizer(request.byte_pairs);
    std::vector<Id> ids;
    tokenizer.encode(prompt, ids);
    const std::int64_t room = request.chunks.length - std::ssize(ids);
    if (ids.empty() || room < 1) {
        throw Error(
            ErrorKind::usage,
            "the prompt has " + std::to_string(ids.size()) + " ids, the model sees " + std::to_string(request.chunks.length) + " at once",
            "give at least one word, and fewer ids than that");
    }
    const std::vector<Id> more = trainer->continue_text(ids, std::min(most_ids, room), 1, record.point.seed);
    return tokenizer.decode(ids) + " | " + tokenizer.decode(more);
}

}  // namespace plumb::families::language
