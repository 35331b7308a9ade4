// SPDX-License-Identifier: Apache-2.0
// Which code this is: filled at build time from the project version and git.
#pragma once
#include <string>

namespace plumb::base {

/// "0.1.0"
std::string version();
/// "0.1.0 (7c1e90f)", "0.1.0 (7c1e90f, modified)" or "0.1.0" outside a checkout.
std::string code_version();
/// "GCC 12.2.0"
std::string compiler();

}  // namespace plumb::base
