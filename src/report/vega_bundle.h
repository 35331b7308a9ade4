// SPDX-License-Identifier: Apache-2.0
// The script that draws Vega-Lite figures in a page, embedded at build time by cmake/VegaBundle.cmake.
#pragma once
#include <string_view>

namespace plumb::report {

/// vega, vega-lite and vega-embed as one script, for an inline <script> element; empty when deps/setup had not written it before the build.
std::string_view vega_bundle();

}  // namespace plumb::report
