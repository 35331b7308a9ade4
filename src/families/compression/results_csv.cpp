// SPDX-License-Identifier: Apache-2.0
#include "families/compression/results_csv.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <optional>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "families/compression/printable.h"

namespace plumb::families::compression {

namespace {

struct Line {
    std::int64_t number = 0;  ///< of its first line in the file, from 1
    std::vector<std::string> cells;
};

[[noreturn]] void throw_wrong(const std::string& name, std::int64_t line, const std::string& what, const std::string& hint = {}) {
    throw base::Error(base::ErrorKind::usage, name + " line " + std::to_string(line) + ": " + what, hint);
}

/// RFC 4180: cells between commas; a cell in quotes may hold commas, line ends and doubled quotes. Lines without anything are skipped.
class CsvText {
  public:
    CsvText(std::string_view text, const std::string& name) : text_(text), name_(name) {
        if (text_.starts_with("\xEF\xBB\xBF")) at_ = 3;
    }

    std::vector<Line> lines() {
        std::vector<Line> lines;
        while (at_ < text_.size()) {
            Line line{line_, {}};
            do {
                line.cells.push_back(cell(static_cast<std::int64_t>(line.cells.size()) + 1));
            } while (take(','));
            take('\r');
            if (take('\n')) ++line_;
            if (line.cells.size() > 1 || !line.cells[0].empty()) lines.push_back(line);
        }
        return lines;
    }

  private:
    bool take(char letter) {
        if (at_ >= text_.size() || text_[at_] != letter) return false;
        ++at_;
        return true;
    }

    std::string cell(std::int64_t column) {
        if (take('"')) return quoted_cell(column);
        const std::size_t end = std::min(text_.find_first_of(",\n", at_), text_.size());
        const std::string_view cell = text_.substr(at_, end - at_);
        at_ = end;
        return printable(base::trim(cell));
    }

    std::string quoted_cell(std::int64_t column) {
        const std::int64_t opened = line_;
        std::string cell;
        while (at_ < text_.size()) {
            const char letter = text_[at_++];
            if (letter == '"' && !take('"')) {
                if (at_ < text_.size() && std::string_view(",\r\n").find(text_[at_]) == std::string_view::npos) {
                    throw_wrong(name_, line_, "column " + std::to_string(column) + " goes on after its closing quote");
                }
                return printable(cell);
            }
            if (letter == '\n') ++line_;
            cell += letter;
        }
        throw_wrong(name_, opened, "column " + std::to_string(column) + " opens a quote that is never closed");
    }

    std::string_view text_;
    const std::string& name_;
    std::size_t at_ = 0;
    std::int64_t line_ = 1;
};

std::string lower(std::string_view text) {
    std::string result(base::trim(text));
    for (char& letter : result) letter = static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
    return result;
}

struct MetricColumn {
    const char* column;
    const char* metric;
    const char* unit;
    double factor;
};

constexpr MetricColumn metric_columns[] = {{"compression_throughput_gbps", "compress_throughput", "B/s", 1e9},
                                           {"decompression_throughput_gbps", "decompress_throughput", "B/s", 1e9},
                                           {"ratio", "ratio", "", 1}};

class Table {
  public:
    Table(const Line& header, const std::string& name) : header_(header), name_(name) {
        codec_ = need({"standard", "codec"});
        file_ = need({"file"});
        chunks_ = need({"chunks"});
        for (const MetricColumn& metric : metric_columns) {
            if (const auto place = find({metric.column})) metrics_.push_back({&metric, *place});
        }
        if (metrics_.empty()) {
            throw_wrong(name_, header_.number, "no column with figures",
                        "expected compression_throughput_GBps, decompression_throughput_GBps or ratio");
        }
    }

    ImportedRow row(const Line& line, const CsvImport& options) const {
        if (line.cells.size() > header_.cells.size()) {
            throw_wrong(name_, line.number,
                        "column " + std::to_string(header_.cells.size() + 1) + " has no header: " + std::to_string(line.cells.size()) +
                            " cells under " + std::to_string(header_.cells.size()) + " headers");
        }
        ImportedRow row;
        row.source = name_ + " line " + std::to_string(line.number);
        row.device = options.device;
        row.codec = cell(line, codec_);
        row.file = cell(line, file_);
        std::vector<std::string> wrong;
        if (row.codec.empty()) wrong.push_back(complaint(codec_, "is empty"));
        if (row.file.empty()) wrong.push_back(complaint(file_, "is empty"));
        read_chunks(line, options, row, wrong);
        for (const auto& [metric, place] : metrics_) {
            ImportedMetric value = metric_of(*metric, cell(line, place), place);
            if (!value.reason.empty()) wrong.push_back(value.reason);
            row.metrics.push_back(std::move(value));
        }
        row.status = wrong.empty() ? lab::Status::done : lab::Status::failed;
        if (!wrong.empty()) row.reason = "line " + std::to_string(line.number) + ": " + base::join(wrong, "; ");
        return row;
    }

  private:
    std::optional<std::size_t> find(const std::vector<std::string>& names) const {
        std::optional<std::size_t> found;
        for (std::size_t i = 0; i < header_.cells.size(); ++i) {
            if (std::find(names.begin(), names.end(), lower(header_.cells[i])) == names.end()) continue;
            if (found) {
                throw_wrong(
                    name_, header_.number,
                    "columns " + std::to_string(*found + 1) + " and " + std::to_string(i + 1) + " are both " + base::join(names, " or "));
            }
            found = i;
        }
        return found;
    }

    std::size_t need(const std::vector<std::string>& names) const {
        const auto found = find(names);
        if (!found) {
            throw_wrong(name_, header_.number, "no column " + base::join(names, " or "),
                        "its columns are " + base::join(header_.cells, ", "));
        }
        return *found;
    }

    static std::string cell(const Line& line, std::size_t place) { return place < line.cells.size() ? line.cells[place] : ""; }
    std::string complaint(std::size_t place, const std::string& what) const { return "column " + header_.cells[place] + " " + what; }

    void read_chunks(const Line& line, const CsvImport& options, ImportedRow& row, std::vector<std::string>& wrong) const {
        const std::string text = cell(line, chunks_);
        const std::optional<double> number = number_of(text);
        const bool whole = number && *number >= 1 && *number == std::floor(*number);
        if (!whole || *number > static_cast<double>(options.total_bytes)) {
            wrong.push_back(complaint(chunks_, text.empty() ? "is empty"
                                               : !whole     ? "holds '" + text + "', no count"
                                                            : "holds '" + text + "', more chunks than bytes"));
            return;
        }
        row.chunks = static_cast<std::int64_t>(*number);
        row.chunk_bytes = chunk_bytes_of(options.total_bytes, row.chunks);
    }

    static std::optional<double> number_of(const std::string& text) {
        double number = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
        if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(number)) return std::nullopt;
        return number;
    }

    ImportedMetric metric_of(const MetricColumn& metric, const std::string& text, std::size_t place) const {
        ImportedMetric result;
        result.name = metric.metric;
        result.unit = metric.unit;
        const std::optional<double> number = number_of(text);
        if (text.empty()) {
            result.reason = complaint(place, "is empty");
        } else if (!number) {
            result.reason = complaint(place, "holds '" + text + "', no number");
        } else if (*number <= 0) {
            result.reason = complaint(place, "holds " + text + ", which is not positive");
        } else {
            result.value = result.low = result.high = *number * metric.factor;
            result.samples = 1;
        }
        return result;
    }

    const Line& header_;
    const std::string& name_;
    std::size_t codec_ = 0;
    std::size_t file_ = 0;
    std::size_t chunks_ = 0;
    std::vector<std::pair<const MetricColumn*, std::size_t>> metrics_;
};

}  // namespace

std::vector<ImportedRow> parse_results_csv(std::string_view text, const CsvImport& options, const std::string& name) {
    if (options.total_bytes <= 0) {
        throw base::Error(base::ErrorKind::usage, "the size of the input is not known: the table has numbers of chunks only",
                          "--total BYTES, 524288000 for the notebook's files");
    }
    if (options.device.empty()) {
        throw base::Error(base::ErrorKind::usage, "the table does not say where it was measured", "--device NAME");
    }
    const std::vector<Line> lines = CsvText(text, name).lines();
    if (lines.empty()) throw_wrong(name, 1, "the table is empty", "expected a header: standard,file,chunks,...");
    const Table table(lines[0], name);
    std::vector<ImportedRow> rows;
    for (std::size_t i = 1; i < lines.size(); ++i) rows.push_back(table.row(lines[i], options));
    return rows;
}

std::vector<ImportedRow> read_results_csv(const std::filesystem::path& path, const CsvImport& options) {
    return parse_results_csv(base::read_file(path), options, path.filename().string());
}

}  // namespace plumb::families::compression
