// SPDX-License-Identifier: Apache-2.0
// Images as samples: a folder or an archive with a folder for every class, or pairs in a CSV file. JPEG and PNG files count, others are
// passed over. The label is the name of the folder that a file lies in; none where it lies in no folder.
#pragma once
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace plumb::families::cotrain {

struct ImageFile {
    std::string name;  ///< path inside the source
    std::string label;
    std::filesystem::path path;  ///< where the file lies; empty: in `content`
    std::shared_ptr<const std::string> content;

    /// Throws missing where the file is gone.
    std::string read() const;
};
using ImageList = std::vector<ImageFile>;

/// Whether a view's word is a folder, an archive, or a file of a data set that is one.
bool names_images(const std::string& word);
/// By rising name. Throws missing or usage where there is nothing.
ImageList list_images(const std::string& word);
/// Columns view0, view1 (paths from the CSV's folder on) and label, which may be empty; others are passed over. Lists of equal length.
struct ImagePairs {
    ImageList view[2];
};
ImagePairs list_pairs(const std::string& csv);

/// Digests of content and names, for the identity of a point.
std::map<std::string, std::string> digest_images(const std::string& word);
std::map<std::string, std::string> digest_pairs(const std::string& csv);

}  // namespace plumb::families::cotrain
