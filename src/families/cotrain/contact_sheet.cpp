// SPDX-License-Identifier: Apache-2.0
#include "families/cotrain/contact_sheet.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "base/file.h"
#include "base/text.h"
#include "families/cotrain/tables.h"
#include "kernels/image/png_file.h"
#include "kernels/image/resize.h"

namespace plumb::families::cotrain {

namespace {

namespace fs = std::filesystem;
using kernels::image::Image;

constexpr std::size_t most_pairs = 24;
constexpr std::int64_t most_side = 96;
constexpr const char* folder_name = "wrong";

bool known_wrong(const TwoViews& data, const LedgerRow& row) {
    const bool learnt = row.fate == "kept" || row.fate == "dropped";
    const std::int32_t truth = data.truth[row.sample];
    return learnt && truth != unknown_label && truth != row.label;
}

bool surer(const LedgerRow& a, const LedgerRow& b) {
    return std::tuple(-a.probability, -a.margin, a.sample, a.label) < std::tuple(-b.probability, -b.margin, b.sample, b.label);
}

bool any_truth(const TwoViews& data, const std::vector<SplitRun*>& splits) {
    return std::ranges::any_of(splits, [&](const SplitRun* run) {
        return std::ranges::any_of(run->split().pool, [&](Sample sample) { return data.truth[sample] != unknown_label; });
    });
}

std::string picture_of(const Pictures& pictures, Sample sample) {
    Image image;
    image.size = {pictures.crops.side, pictures.crops.side};
    const std::span<const std::uint8_t> crop = pictures.of(sample);
    image.pixels.assign(crop.begin(), crop.end());
    if (image.size.width > most_side) image = kernels::image::resized(image, {most_side, most_side});
    return kernels::image::png_file(image.pixels, image.size);
}

/// "99.98 %": whole per cents would call the surest errors certain.
std::string per_cent(float share) {
    return fmt::format("{:.2f} %", 100 * static_cast<double>(share));
}

std::string row_text(const TwoViews& data, const WrongLabel& wrong, std::size_t splits, const std::string (&files)[2]) {
    const LedgerRow& row = wrong.row;
    const std::string names[] = {data.names[0][row.sample], data.names[1][row.sample]};
    const std::string given = row.view == 2 ? "both views together" : "view " + std::to_string(row.view);
    std::vector<std::string> cells = {
        files[0],
        files[1],
        data.classes[row.label] + ", in truth " + data.classes[data.truth[row.sample]],
        per_cent(row.probability),
        std::to_string(row.round),
        given,
        data.classes[row.other_label] + ", " + per_cent(row.other_probability),
        splits == 1 ? std::string() : fmt::format("{} of {}", wrong.splits, splits),
        names[0] == names[1] ? names[0] : names[0] + ", " + names[1],
    };
    std::ranges::transform(cells, cells.begin(), cell);
    return base::join(cells, ",") + "\n";
}

}  // namespace

std::vector<WrongLabel> surest_wrong_labels(const TwoViews& data, const std::vector<SplitRun*>& splits, std::size_t most) {
    std::map<std::pair<Sample, std::int32_t>, WrongLabel> found;
    for (const SplitRun* run : splits) {
        std::set<std::pair<Sample, std::int32_t>> here;
        for (const LedgerRow& row : run->state().ledger) {
            if (!known_wrong(data, row)) continue;
            WrongLabel& wrong = found.try_emplace({row.sample, row.label}, WrongLabel{row, 0}).first->second;
            if (surer(row, wrong.row)) wrong.row = row;
            wrong.splits += here.emplace(row.sample, row.label).second;
        }
    }
    std::vector<WrongLabel> made;
    for (const auto& [key, wrong] : found) made.push_back(wrong);
    std::ranges::sort(made, surer, &WrongLabel::row);
    made.resize(std::min(made.size(), most));
    return made;
}

void write_contact_sheet(const fs::path& artifacts, const TwoViews& data, const std::vector<SplitRun*>& splits) {
    if (data.pictures[0].crop.empty() || !any_truth(data, splits)) return;
    std::string text = "picture view 0,picture view 1,title,sure,round,given by,the other view,splits,image\n";
    fs::remove_all(artifacts / folder_name);
    const std::vector<WrongLabel> labels = surest_wrong_labels(data, splits, most_pairs);
    if (!labels.empty()) fs::create_directories(artifacts / folder_name);
    for (std::size_t number = 0; number < labels.size(); ++number) {
        const WrongLabel& wrong = labels[number];
        std::string files[2];
        for (const int view : {0, 1}) {
            files[view] = fmt::format("{}/{:02}-view{}.png", folder_name, number, view);
            base::write_file(artifacts / files[view], picture_of(data.pictures[view], wrong.row.sample));
        }
        text += row_text(data, wrong, splits.size(), files);
    }
    base::write_file(artifacts / "wrong.csv", text);
}

}  // namespace plumb::families::cotrain
