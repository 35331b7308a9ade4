// SPDX-License-Identifier: Apache-2.0
// The JSON header of a safetensors file, read event by event: no document is built, so a header costs memory for its tensors only, a name
// given twice is seen, and whatever does not belong there is refused where it stands.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/tensor_source.h"

namespace plumb::base {

struct SafetensorsEntry {
    TensorInfo info;         ///< its bytes are known to fit into 63 bits
    std::int64_t begin = 0;  ///< from the first byte after the header
    std::int64_t end = 0;    ///< one past the last, not before begin
};

struct SafetensorsHeader {
    std::vector<SafetensorsEntry> entries;  ///< in the order of the header
    std::map<std::string, std::string> metadata;
};

/// Throws through `complaint` what is wrong. Offsets are not compared with each other or with the file.
SafetensorsHeader parse_safetensors_header(std::string_view text, const Complaint& complaint);
/// "F32"
std::string_view safetensors_name(ElementType type);

}  // namespace plumb::base
