// SPDX-License-Identifier: Apache-2.0
#include "families/language/log_folder.h"

#include <array>
#include <charconv>
#include <cmath>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"

namespace plumb::families::language {

namespace {

using base::Error;
using base::ErrorKind;
using Json = nlohmann::ordered_json;

constexpr const char* arguments_file = "args.json";
constexpr const char* memory_file = "avg_steady_state_memory.txt";
constexpr const char* hint = "the folder must be one that the notebook's save_logs wrote: args.json and train_, valid_ and test_ files";

struct SplitFiles {
    const char* prefix;
    LoggedSplit LogFolder::*split;
};
constexpr std::array<SplitFiles, 3> splits = {
    {{"train", &LogFolder::train}, {"valid", &LogFolder::validation}, {"test", &LogFolder::test}}};

struct ColumnFile {
    const char* suffix;
    std::vector<double> LoggedSplit::*column;
};
constexpr std::array<ColumnFile, 3> columns = {
    {{"_loss.txt", &LoggedSplit::loss}, {"_ppl.txt", &LoggedSplit::perplexity}, {"_time.txt", &LoggedSplit::time}}};

/// As Python's float() takes it: blanks around, any case of inf and nan.
double parse_number(std::string_view text, const std::filesystem::path& file, std::size_t line) {
    std::string_view word = base::trim(text);
    if (word.starts_with('+')) word.remove_prefix(1);
    double value = 0;
    const auto [end, code] = std::from_chars(word.data(), word.data() + word.size(), value);
    if (code != std::errc() || end != word.data() + word.size()) {
        throw Error(ErrorKind::failed, file.string() + " line " + std::to_string(line) + ": \"" + std::string(text) + "\" is no number",
                    hint);
    }
    return value;
}

std::vector<double> read_numbers(const std::filesystem::path& file) {
    const std::string text = base::read_file(file);
    std::vector<double> numbers;
    std::size_t line = 0;
    for (std::size_t begin = 0; begin < text.size(); ++line) {
        const std::size_t end = std::min(text.find('\n', begin), text.size());
        numbers.push_back(parse_number(std::string_view(text).substr(begin, end - begin), file, line + 1));
        begin = end + 1;
    }
    return numbers;
}

void require_length(const std::filesystem::path& file, const std::vector<double>& numbers, std::size_t wanted, const char* unit) {
    if (numbers.size() == wanted) return;
    throw Error(ErrorKind::failed,
                file.string() + " holds " + std::to_string(numbers.size()) + " numbers, not " + std::to_string(wanted) + ", one " + unit,
                hint);
}

Json read_arguments(const std::filesystem::path& file) {
    const Json arguments = Json::parse(base::read_file(file), nullptr, false);
    if (!arguments.is_object()) throw Error(ErrorKind::failed, file.string() + " is no JSON object", hint);
    return arguments;
}

/// json.dump(arguments, file, indent=2). Floats are written by python_repr, which differs from the JSON library's form from 1e15 on.
std::string python_json(const Json& value, int depth) {
    const auto indent = [](int levels) { return std::string(static_cast<std::size_t>(2 * levels), ' '); };
    if (value.is_number_float()) return python_repr(value.get<double>());
    if (!value.is_structured() || value.empty()) return value.dump(-1, ' ', true);
    std::string text;
    for (const auto& [key, item] : value.items()) {
        text += (text.empty() ? "" : ",") + ("\n" + indent(depth + 1));
        if (value.is_object()) text += Json(key).dump(-1, ' ', true) + ": ";
        text += python_json(item, depth + 1);
    }
    const std::string brackets = value.is_object() ? "{}" : "[]";
    return brackets.front() + text + "\n" + indent(depth) + brackets.back();
}

}  // namespace

std::string python_repr(double value) {
    if (std::isnan(value)) return "nan";
    if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
    std::array<char, 32> buffer;
    const double size = std::abs(value);
    const bool exponent = size != 0 && (size < 1e-4 || size >= 1e16);
    const auto result = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value,
                                      exponent ? std::chars_format::scientific : std::chars_format::fixed);
    std::string text(buffer.data(), result.ptr);
    if (!exponent && text.find('.') == std::string::npos) text += ".0";
    return text;
}

LogFolder read_log_folder(const std::filesystem::path& folder) {
    LogFolder logs;
    logs.arguments = read_arguments(folder / arguments_file);
    for (const auto& [prefix, split] : splits) {
        for (const auto& [suffix, column] : columns) logs.*split.*column = read_numbers(folder / (std::string(prefix) + suffix));
    }
    const std::size_t epochs = logs.train.loss.size();
    for (const auto& [prefix, split] : splits) {
        const bool test = split == &LogFolder::test;
        for (const auto& [suffix, column] : columns) {
            require_length(folder / (std::string(prefix) + suffix), logs.*split.*column, test ? 1 : epochs, test ? "in all" : "an epoch");
        }
    }
    if (const auto file = folder / memory_file; std::filesystem::exists(file)) {
        const std::vector<double> numbers = read_numbers(file);
        require_length(file, numbers, 1, "in all");
        logs.memory = numbers.front();
    }
    return logs;
}

void write_log_folder(const std::filesystem::path& folder, const LogFolder& logs) {
    std::filesystem::create_directories(folder);
    base::replace_file(folder / arguments_file, python_json(logs.arguments, 0));
    for (const auto& [prefix, split] : splits) {
        for (const auto& [suffix, column] : columns) {
            std::vector<std::string> lines;
            for (const double number : logs.*split.*column) lines.push_back(python_repr(number));
            // The lists end without a new line, the single numbers with one.
            base::replace_file(folder / (std::string(prefix) + suffix), base::join(lines, "\n") + (split == &LogFolder::test ? "\n" : ""));
        }
    }
    if (logs.memory) base::replace_file(folder / memory_file, python_repr(*logs.memory) + "\n");
}

}  // namespace plumb::families::language
