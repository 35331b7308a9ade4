// SPDX-License-Identifier: Apache-2.0
// Base64 of RFC 4648 with padding: how bytes stand inside a page.
#pragma once
#include <string>
#include <string_view>

namespace plumb::base {

std::string base64(std::string_view bytes);

}  // namespace plumb::base
