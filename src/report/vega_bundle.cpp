// SPDX-License-Identifier: Apache-2.0
// Bounds of the embedded script; the two symbols are defined by the generated vega_bundle.S.
#include "report/vega_bundle.h"

#include <cstddef>

extern "C" {
extern const char plumb_vega_bundle_begin[];
extern const char plumb_vega_bundle_end[];
}

namespace plumb::report {

std::string_view vega_bundle() {
    return {plumb_vega_bundle_begin, static_cast<std::size_t>(plumb_vega_bundle_end - plumb_vega_bundle_begin)};
}

}  // namespace plumb::report
