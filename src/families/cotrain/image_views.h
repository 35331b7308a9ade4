// SPDX-License-Identifier: Apache-2.0
// Images as two views: from files to classic features, or to the crops that networks read, through the crop cache.
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
    std::int64_t crop = 0;    ///< side of the crops that stand for themselves; 0: classic features of crops of a fixed size
    std::int64_t resize = 0;  ///< short side before the crop; 0: straight to the crop
};

struct ImageViews {
    LabelledView view[2];
    std::vector<std::string> left_out;  ///< why, naming the image
};

/// Throws what decode() does for the first image that cannot be read, unless `skip_broken`; usage where the views are not aligned.
ImageViews load_image_views(const ImageRequest& request);

std::vector<std::string> halves_names();

}  // namespace plumb::families::cotrain
