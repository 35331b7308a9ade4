// SPDX-License-Identifier: Apache-2.0
#include "families/language/embedding_file.h"

#include <algorithm>

#include "base/digest.h"
#include "base/error.h"
#include "base/tensor_file.h"

namespace plumb::families::language {

namespace {

using base::Error;
using base::ErrorKind;

/// OpenAI's one array: 512 rows of positions, then the tokens, one row less than there are ids here, then the blocks.
constexpr int parts = 10;
constexpr std::int64_t openai_positions = 512;

std::filesystem::path part_file(const std::filesystem::path& folder, int part) {
    return folder / ("params_" + std::to_string(part) + ".npy");
}

struct Table {
    std::int64_t rows = 0;
    std::int64_t width = 0;
    std::vector<float> numbers;
};

/// The first tensor of the file that is called so, or ends so behind a dot.
Table read_table(const base::TensorFile& file, const std::vector<std::string>& names) {
    for (const base::TensorInfo& info : file.tensors()) {
        const bool known =
            std::ranges::any_of(names, [&](const std::string& name) { return info.name == name || info.name.ends_with("." + name); });
        if (!known) continue;
        if (info.shape.size() != 2)
            throw Error(ErrorKind::usage, file.path().string() + ": '" + info.name + "' is " + info.text(), "a table has rows and columns");
        return {info.shape[0], info.shape[1], file.read(info.name).to_fp32()};
    }
    throw Error(ErrorKind::missing, file.path().string() + " has no tensor '" + names.front() + "'",
                "an embeddings file holds tokens and position, or tokens_embed.weight and positions_embed.weight");
}

/// Numbers [begin, begin + count) of the ten parts one after the other.
std::vector<float> read_parts(const std::filesystem::path& folder, std::int64_t begin, std::int64_t count) {
    std::vector<float> out;
    for (int part = 0; part < parts && std::ssize(out) < count; ++part) {
        const base::TensorFile file(part_file(folder, part));
        const std::int64_t size = file.tensors().front().elements();
        if (begin < size) {
            const std::vector<float> numbers = file.read(file.tensors().front().name).to_fp32();
            const std::int64_t taken = std::min(size - begin, count - std::ssize(out));
            out.insert(out.end(), numbers.begin() + begin, numbers.begin() + begin + taken);
        }
        begin = std::max<std::int64_t>(0, begin - size);
    }
    if (std::ssize(out) < count)
        throw Error(ErrorKind::failed, folder.string() + " holds fewer numbers than GPT-1's release", "get all ten files again");
    return out;
}

std::vector<float> fitted_tokens(const std::filesystem::path& path, Table table, const nn::LanguageForm& form) {
    const bool lacks_padding = table.rows == form.vocabulary - 1;
    if ((table.rows != form.vocabulary && !lacks_padding) || table.width != form.width) {
        throw Error(ErrorKind::usage,
                    path.string() + ": the table of tokens is " + std::to_string(table.rows) + " x " + std::to_string(table.width) +
                        ", the model takes " + std::to_string(form.vocabulary) + " x " + std::to_string(form.width),
                    "set width to that of the file");
    }
    if (lacks_padding) table.numbers.insert(table.numbers.begin(), static_cast<std::size_t>(form.width), 0.0F);
    return std::move(table.numbers);
}

std::vector<float> fitted_positions(const std::filesystem::path& path, Table table, const nn::LanguageForm& form) {
    if (table.rows < form.context || table.width != form.width) {
        throw Error(ErrorKind::usage,
                    path.string() + ": the table of positions is " + std::to_string(table.rows) + " x " + std::to_string(table.width) +
                        ", the model takes " + std::to_string(form.context) + " x " + std::to_string(form.width),
                    "set length to at most the positions of the file");
    }
    table.numbers.resize(static_cast<std::size_t>(form.context * form.width));
    return std::move(table.numbers);
}

}  // namespace

nn::GivenValues read_embeddings(const std::filesystem::path& path, const nn::LanguageForm& form) {
    const bool positions = form.architecture == nn::Architecture::gpt1;
    nn::GivenValues given;
    if (std::filesystem::is_directory(path)) {
        const std::int64_t tokens = form.vocabulary - 1;
        const std::int64_t before = openai_positions * form.width;
        given.tokens = fitted_tokens(path, {tokens, form.width, read_parts(path, before, tokens * form.width)}, form);
        if (positions) given.positions = fitted_positions(path, {openai_positions, form.width, read_parts(path, 0, before)}, form);
        return given;
    }
    const base::TensorFile file(path);
    given.tokens = fitted_tokens(path, read_table(file, {"tokens", "tokens_embed.weight"}), form);
    if (positions) given.positions = fitted_positions(path, read_table(file, {"position", "positions", "positions_embed.weight"}), form);
    return given;
}

std::map<std::string, std::string> digest_embeddings(const std::filesystem::path& path) {
    if (!std::filesystem::is_directory(path)) return {{path.string(), base::known_file_xxh3_hex(path)}};
    std::map<std::string, std::string> digests;
    for (int part = 0; part < parts; ++part) digests[part_file(path, part).string()] = base::known_file_xxh3_hex(part_file(path, part));
    return digests;
}

}  // namespace plumb::families::language
