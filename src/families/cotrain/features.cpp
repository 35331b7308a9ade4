// SPDX-License-Identifier: Apache-2.0
#include "families/cotrain/features.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>

#include "base/digest.h"
#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "lab/data_sets.h"

namespace plumb::families::cotrain {

namespace fs = std::filesystem;

namespace {

[[noreturn]] void malformed(const std::string& file, std::size_t line, const std::string& what, const std::string& hint) {
    throw base::Error(base::ErrorKind::usage, file + ", line " + std::to_string(line) + ": " + what, hint);
}

template <class Number>
bool read_number(std::string_view text, Number& number) {
    text = base::trim(text);
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
    return problem == std::errc() && end == text.data() + text.size();
}

/// Calls `take(line, number)` for every line that is not empty, without its line ending.
template <class Take>
void each_line(std::string_view text, const Take& take) {
    for (std::size_t number = 1; !text.empty(); ++number) {
        const std::size_t end = text.find('\n');
        std::string_view line = text.substr(0, end);
        if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
        if (!line.empty()) take(line, number);
        text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    }
}

LabelledView read_csv(const std::string& file, std::string_view text) {
    LabelledView view;
    std::vector<double> values;
    std::size_t columns = 0;
    each_line(text, [&](std::string_view line, std::size_t number) {
        const std::vector<std::string> cells = base::split(line, ',');
        if (columns == 0) {
            if (cells.size() < 2)
                malformed(file, number, "the header names " + std::to_string(cells.size()) + " column", "at least a feature and the label");
            columns = cells.size() - 1;
            return;
        }
        if (cells.size() != columns + 1) {
            malformed(file, number, std::to_string(cells.size()) + " columns where the header has " + std::to_string(columns + 1),
                      "the label is the last column, and may be empty");
        }
        for (std::size_t column = 0; column < columns; ++column) {
            double value = 0;
            if (!read_number(cells[column], value) || !std::isfinite(value))
                malformed(file, number, "'" + cells[column] + "' is no finite number", "columns before the label hold numbers");
            values.push_back(value);
        }
        view.labels.emplace_back(base::trim(cells.back()));
    });
    view.features.columns = static_cast<std::int64_t>(columns);
    view.features.dense =
        Eigen::Map<const Matrix>(values.data(), static_cast<Eigen::Index>(view.labels.size()), static_cast<Eigen::Index>(columns));
    return view;
}

LabelledView read_counts(const std::string& file, std::string_view text) {
    LabelledView view;
    view.features.is_dense = false;
    SparseRows& rows = view.features.sparse;
    each_line(text, [&](std::string_view line, std::size_t number) {
        if (line.front() == '#') return;
        const std::vector<std::string> words = base::split(line, ' ');
        view.labels.push_back(words.front() == "?" ? std::string() : words.front());
        std::int32_t last = -1;
        for (std::size_t word = 1; word < words.size(); ++word) {
            if (words[word].empty()) continue;
            const std::size_t colon = words[word].find(':');
            std::int32_t term = 0;
            double count = 0;
            const bool reads = colon != std::string::npos && read_number(std::string_view(words[word]).substr(0, colon), term) &&
                               read_number(std::string_view(words[word]).substr(colon + 1), count) && std::isfinite(count);
            if (!reads || term <= last)
                malformed(file, number, "'" + words[word] + "' is no term:count in rising order of terms",
                          "label term:count term:count ...");
            last = term;
            if (count == 0) continue;
            rows.column.push_back(term);
            rows.value.push_back(count);
            view.features.columns = std::max<std::int64_t>(view.features.columns, term + 1);
        }
        rows.start.push_back(rows.column.size());
    });
    return view;
}

/// The ending that tells the format, without .zst.
std::string ending(fs::path path) {
    if (path.extension() == ".zst") path.replace_extension();
    return path.extension().string();
}

Features chosen_rows(const Features& from, const std::vector<Sample>& rows) {
    Features chosen{from.name, from.columns, from.is_dense, {}, {}, from.blocks, from.pixels};
    if (from.is_dense) {
        chosen.dense = from.dense(rows, Eigen::all);
        return chosen;
    }
    for (const Sample row : rows) {
        const std::size_t begin = from.sparse.start[row], end = from.sparse.start[row + 1];
        chosen.sparse.column.insert(chosen.sparse.column.end(), from.sparse.column.begin() + static_cast<std::ptrdiff_t>(begin),
                                    from.sparse.column.begin() + static_cast<std::ptrdiff_t>(end));
        chosen.sparse.value.insert(chosen.sparse.value.end(), from.sparse.value.begin() + static_cast<std::ptrdiff_t>(begin),
                                   from.sparse.value.begin() + static_cast<std::ptrdiff_t>(end));
        chosen.sparse.start.push_back(chosen.sparse.column.size());
    }
    return chosen;
}

/// Distinct labels, by number where all are numbers, else by the alphabet.
std::vector<std::string> class_names(const std::vector<std::string>& labels) {
    std::vector<std::string> names;
    for (const std::string& label : labels) {
        if (!label.empty() && std::ranges::find(names, label) == names.end()) names.push_back(label);
    }
    std::ranges::sort(names);
    double ignored = 0;
    if (std::ranges::all_of(names, [&](const std::string& name) { return read_number(name, ignored); })) {
        std::ranges::stable_sort(names, {}, [](const std::string& name) {
            double number = 0;
            read_number(name, number);
            return number;
        });
    }
    return names;
}

void require_aligned(const LabelledView& first, const LabelledView& second) {
    const std::string both = first.features.name + " and " + second.features.name;
    if (first.labels.size() != second.labels.size()) {
        throw base::Error(
            base::ErrorKind::usage,
            both + " are not aligned: " + std::to_string(first.labels.size()) + " and " + std::to_string(second.labels.size()) + " rows",
            "row i of both files must be the same sample");
    }
    for (std::size_t row = 0; row < first.labels.size(); ++row) {
        if (first.labels[row] == second.labels[row]) continue;
        throw base::Error(base::ErrorKind::usage,
                          both + " are not aligned: sample " + std::to_string(row) + " is '" + first.labels[row] + "' in one and '" +
                              second.labels[row] + "' in the other",
                          "row i of both files must be the same sample");
    }
}

}  // namespace

LabelledView load_view(const std::string& file) {
    std::string text, format;
    if (const auto known = lab::find_data_file(file)) {
        text = lab::read_data_file(*known);
        format = ending(known->path);
    } else {
        if (!fs::exists(file)) {
            throw base::Error(base::ErrorKind::missing, "no file '" + file + "'",
                              "give the path of a .csv or .txt file, or a file of a data set such as mfeat/fou (plumb data list)");
        }
        text = base::read_unpacked(file);
        format = ending(file);
    }
    if (format != ".csv" && format != ".txt") {
        throw base::Error(base::ErrorKind::usage, "'" + file + "' ends in '" + format + "', which tells no format of features",
                          ".csv: numbers, the label last; .txt: label term:count ...");
    }
    LabelledView view = format == ".csv" ? read_csv(file, text) : read_counts(file, text);
    view.features.name = file;
    if (view.labels.empty()) throw base::Error(base::ErrorKind::usage, "'" + file + "' holds no sample", "choose another file");
    return view;
}

std::map<std::string, std::string> digest_view(const std::string& file) {
    if (const auto known = lab::find_data_file(file)) {
        if (known->present()) return {{file, known->sha256}};  // read_data_file() holds the content to it
        lab::read_data_file(*known);                           // throws what to do
    }
    return {{file, base::known_file_xxh3_hex(file)}};
}

Features as_dense(Features features) {
    if (features.is_dense) return features;
    features.dense = Matrix::Zero(features.rows(), features.columns);
    for (Eigen::Index row = 0; row < features.dense.rows(); ++row) {
        for (std::size_t at = features.sparse.start[row]; at < features.sparse.start[row + 1]; ++at)
            features.dense(row, features.sparse.column[at]) = features.sparse.value[at];
    }
    features.sparse = {};
    features.is_dense = true;
    return features;
}

Features as_sparse(Features features) {
    if (!features.is_dense) return features;
    for (Eigen::Index row = 0; row < features.dense.rows(); ++row) {
        for (Eigen::Index column = 0; column < features.dense.cols(); ++column) {
            if (features.dense(row, column) == 0) continue;
            features.sparse.column.push_back(static_cast<std::int32_t>(column));
            features.sparse.value.push_back(features.dense(row, column));
        }
        features.sparse.start.push_back(features.sparse.column.size());
    }
    features.dense.resize(0, 0);
    features.is_dense = false;
    return features;
}

Features as_presence(Features features) {
    for (double& value : features.sparse.value) value = value > 0;
    if (features.is_dense) features.dense = (features.dense.array() > 0).cast<double>();
    return features;
}

namespace {

struct Moments {
    Eigen::RowVectorXd mean, deviation;
};
Moments moments_of(const Matrix& dense, std::span<const Sample> visible) {
    Eigen::RowVectorXd mean = Eigen::RowVectorXd::Zero(dense.cols()), square = mean;
    for (const Sample row : visible) mean += dense.row(row);
    mean /= static_cast<double>(visible.size());
    for (const Sample row : visible) square += (dense.row(row) - mean).cwiseAbs2();
    return {mean, (square / static_cast<double>(visible.size())).cwiseSqrt()};
}

}  // namespace

Features evened(const Features& features, std::span<const Sample> visible) {
    Features made = as_dense(features);
    const auto [mean, deviation] = moments_of(made.dense, visible);
    const double factor = std::sqrt(static_cast<double>(made.dense.cols()) / std::max(deviation.sum(), 1e-300));
    for (Eigen::Index column = 0; column < made.dense.cols(); ++column) {
        const bool constant = deviation(column) <= 1e-12 * std::abs(mean(column));
        const double scale = constant ? 0 : factor / std::sqrt(deviation(column));
        made.dense.col(column) = ((made.dense.col(column).array() - mean(column)) * scale).matrix().eval();
    }
    return made;
}

Features standardised(const Features& features, std::span<const Sample> visible) {
    Features made = as_dense(features);
    const auto [mean, deviation] = moments_of(made.dense, visible);
    for (Eigen::Index column = 0; column < made.dense.cols(); ++column) {
        const bool constant = deviation(column) <= 1e-12 * std::abs(mean(column));
        made.dense.col(column) = constant ? Vector::Zero(made.dense.rows()).eval()
                                          : ((made.dense.col(column).array() - mean(column)) / deviation(column)).matrix().eval();
    }
    return made;
}

void rename_labels(LabelledView& view, const std::string& class_map) {
    if (class_map.empty()) return;
    std::map<std::string, std::string> names;
    for (const std::string& part : base::split(class_map, ':')) {
        const std::size_t equals = part.find('=');
        if (equals == std::string::npos)
            throw base::Error(base::ErrorKind::usage, "class_map=" + class_map + ": '" + part + "' renames nothing",
                              "old=new, with colons between: cardboard=box:glass=clear");
        const std::string old = part.substr(0, equals);
        if (std::ranges::find(view.labels, old) == view.labels.end())
            throw base::Error(base::ErrorKind::usage, "class_map: no sample of " + view.features.name + " has the label '" + old + "'",
                              base::suggest(old, class_names(view.labels)));
        names[old] = part.substr(equals + 1);
    }
    for (std::string& label : view.labels) {
        if (const auto found = names.find(label); found != names.end()) label = found->second;
    }
}

TwoViews join_views(LabelledView first, LabelledView second, const std::string& classes, const std::vector<std::string>& groups) {
    require_aligned(first, second);
    if (!groups.empty() && groups.size() != first.labels.size()) {
        throw base::Error(base::ErrorKind::usage,
                          std::to_string(groups.size()) + " groups for " + std::to_string(first.labels.size()) + " samples",
                          "one line a sample, in the order of the views");
    }
    TwoViews made;
    const std::vector<std::string> all = class_names(first.labels);
    made.classes = classes == "all" ? all : base::split(classes, ':');
    for (const std::string& name : made.classes) {
        if (std::ranges::find(all, name) == all.end())
            throw base::Error(base::ErrorKind::usage, "no sample of " + first.features.name + " has the label '" + name + "'",
                              base::suggest(name, all));
    }
    if (made.classes.size() < 2)
        throw base::Error(base::ErrorKind::usage, "fewer than two classes", "classes: all, or two and more of " + base::join(all, ":"));
    std::vector<Sample> kept;
    std::map<std::string, std::int32_t> group_numbers;
    for (std::size_t row = 0; row < first.labels.size(); ++row) {
        const auto at = std::ranges::find(made.classes, first.labels[row]);
        if (at == made.classes.end() && !first.labels[row].empty()) continue;
        kept.push_back(static_cast<Sample>(row));
        made.truth.push_back(at == made.classes.end() ? unknown_label : static_cast<std::int32_t>(at - made.classes.begin()));
        if (!groups.empty())
            made.group.push_back(group_numbers.emplace(groups[row], static_cast<std::int32_t>(group_numbers.size())).first->second);
    }
    const LabelledView* views[] = {&first, &second};
    for (const int view : {0, 1}) {
        made.view[view] = chosen_rows(views[view]->features, kept);
        made.pictures[view].crops = views[view]->pictures.crops;
        for (std::size_t i = 0; !views[view]->hashes.empty() && i < kept.size(); ++i) {
            made.hash[view].push_back(views[view]->hashes[kept[i]]);
            made.names[view].push_back(views[view]->samples[kept[i]]);
            made.pictures[view].crop.push_back(views[view]->pictures.crop[kept[i]]);
        }
    }
    return made;
}

}  // namespace plumb::families::cotrain
