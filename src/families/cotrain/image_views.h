// SPDX-License-Identifier: Apache-2.0
// Images as two views: from files to classic features, through the crop cache.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "families/cotrain/features.h"

namespace plumb::families::cotrain {

struct ImageRequest {
    std::string view0, view1;  ///< folders or archives; both empty where `pairs` names them
    std::string pairs;
    std::string halves = "none";  ///< or "left:right", "top:bottom": what of each view's image is the view
    bool skip_broken = false;     ///< leave out samples of which an image cannot be read
    std::int64_t threads = 1;
};

struct ImageViews {
    LabelledView view[2];
    std::vector<std::string> left_out;  ///< why, naming the image
};

/// Throws what decode() does for the first image that cannot be read, unless `skip_broken`; usage where the views are not aligned.
ImageViews load_image_views(const ImageRequest& request);

std::vector<std::string> halves_names();

}  // namespace plumb::families::cotrain
