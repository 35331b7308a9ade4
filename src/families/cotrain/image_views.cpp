// SPDX-License-Identifier: Apache-2.0
#include "families/cotrain/image_views.h"

#include "base/error.h"
#include "base/text.h"
#include "families/cotrain/classic_features.h"
#include "families/cotrain/crop_cache.h"
#include "families/cotrain/near_copies.h"

namespace plumb::families::cotrain {

namespace {

using kernels::image::Pipeline;
using kernels::image::Section;

/// Sides of the square that features are taken from: fine enough for texture, small enough to keep.
constexpr std::int64_t side = 128;

Pipeline pipeline_of(const ImageRequest& request, int view) {
    Pipeline pipeline;
    pipeline.short_side = request.crop > 0 ? request.resize : 0;
    pipeline.crop = request.crop > 0 ? request.crop : side;
    if (request.halves != "none")
        pipeline.section = kernels::image::section_named(base::split(request.halves, ':')[static_cast<std::size_t>(view)]);
    return pipeline;
}

ImagePairs list_views(const ImageRequest& request) {
    if (!request.pairs.empty()) return list_pairs(request.pairs);
    ImagePairs pairs{{list_images(request.view0), {}}};
    pairs.view[1] = request.view1 == request.view0 ? pairs.view[0] : list_images(request.view1);
    const std::size_t counts[] = {pairs.view[0].size(), pairs.view[1].size()};
    if (counts[0] != counts[1]) {
        throw base::Error(base::ErrorKind::usage,
                          request.view0 + " and " + request.view1 + " are not aligned: " + std::to_string(counts[0]) + " and " +
                              std::to_string(counts[1]) + " images",
                          "the same images in both, by rising name; or pairs=FILE.csv with columns view0, view1, label");
    }
    return pairs;
}

/// Crops of `own_side` that stand for themselves; 0: classic features.
LabelledView features_of(const ImageList& images, const std::shared_ptr<const Crops>& crops, const std::vector<std::size_t>& kept,
                         const std::string& name, std::int64_t own_side) {
    LabelledView view;
    view.features.name = name;
    view.features.columns = own_side > 0 ? 1 : static_cast<std::int64_t>(classic_columns);
    view.features.dense.resize(static_cast<Eigen::Index>(kept.size()), view.features.columns);
    if (own_side > 0)
        view.features.pixels = {own_side, crops->bytes(), crops};
    else
        view.features.blocks.assign(block_columns.begin(), block_columns.end());
    const std::int64_t cropped = own_side > 0 ? own_side : side;
    view.pictures.crops = {cropped, crops->bytes(), crops};
    for (std::size_t row = 0; row < kept.size(); ++row) {
        const std::size_t at = kept[row];
        auto numbers = view.features.dense.row(static_cast<Eigen::Index>(row));
        if (own_side > 0)
            numbers[0] = static_cast<double>(at);
        else
            classic_features(crops->crop(at), {side, side}, {numbers.data(), classic_columns});
        view.labels.push_back(images[at].label);
        view.hashes.push_back(perceptual_hash(crops->crop(at), {cropped, cropped}));
        view.samples.push_back(images[at].name);
        view.pictures.crop.push_back(at);
    }
    return view;
}

}  // namespace

std::vector<std::string> halves_names() {
    return {"none", "left:right", "top:bottom"};
}

ImageViews load_image_views(const ImageRequest& request) {
    const ImagePairs images = list_views(request);
    const auto crops_of = [&](int view) {
        return std::make_shared<const Crops>(images.view[view], pipeline_of(request, view), cache_folder(), request.threads);
    };
    const std::shared_ptr<const Crops> crops[] = {crops_of(0), crops_of(1)};
    ImageViews made;
    std::vector<std::size_t> kept;
    for (std::size_t i = 0; i < images.view[0].size(); ++i) {
        const std::string& problem = crops[0]->problem(i).empty() ? crops[1]->problem(i) : crops[0]->problem(i);
        if (problem.empty()) {
            kept.push_back(i);
            continue;
        }
        if (!request.skip_broken)
            throw base::Error(base::ErrorKind::failed, problem, "mend or remove the file, or leave it out: broken=skip");
        made.left_out.push_back(problem);
    }
    const std::string names[] = {request.pairs.empty() ? request.view0 : request.pairs,
                                 request.pairs.empty() ? request.view1 : request.pairs};
    for (const int view : {0, 1}) made.view[view] = features_of(images.view[view], crops[view], kept, names[view], request.crop);
    return made;
}

}  // namespace plumb::families::cotrain
