// SPDX-License-Identifier: Apache-2.0
// From a point's settings to data and options.
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "families/cotrain/rounds.h"
#include "lab/schema.h"

namespace plumb::families::cotrain {

struct Request {
    std::shared_ptr<const TwoViews> data;
    Options options;
    std::int64_t splits = 1;
    std::int64_t threads = 1;
};

/// scale=auto becomes what the learner wants, components=-1 what the data is; pairs stand for both views.
lab::Settings resolve(lab::Settings settings);
/// Digests of all files that settings name.
std::map<std::string, std::string> digest_files(const lab::Settings& settings);
/// Reads the files. Throws unsupported where settings do not go together, usage where one is malformed, missing where data is not here.
Request read_request(const lab::Settings& settings);

}  // namespace plumb::families::cotrain
