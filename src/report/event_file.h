// SPDX-License-Identifier: Apache-2.0
// TensorBoard event files: scalars by tag and step, for those who want that view.
// Format: records of length, masked CRC-32C of the length, payload, masked CRC-32C of the payload; payload = protobuf Event
// (wall_time = 1 double, step = 2 int64, file_version = 3 string, summary = 5 { value = 1 { tag = 1 string, simple_value = 2 float } }).
// Source: tensorflow/core/lib/io/record_writer and core/util/event.proto.
#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "lab/view.h"

namespace plumb::report {

struct Scalar {
    double wall_time = 0;  ///< seconds since 1970
    std::int64_t step = 0;
    std::string tag;
    float value = 0;
};

/// The bytes of one event file.
std::string event_file(double wall_time, const std::vector<Scalar>& scalars);
/// CRC-32C (Castagnoli) of RFC 3720.
std::uint32_t crc32c(std::string_view bytes);

/// One folder a run under `folder`: steps of metrics.jsonl under their names, final metrics as "result/<name>" at step 0. Returns how many
/// runs were written.
int export_events(const lab::Store& store, const lab::StudyView& view, const std::filesystem::path& folder);

}  // namespace plumb::report
