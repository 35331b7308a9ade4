// SPDX-License-Identifier: Apache-2.0
// Text out of other people's files: bytes of any kind, which must neither break a terminal nor a JSON document.
#pragma once
#include <string>
#include <string_view>

namespace plumb::families::compression {

/// `bytes` as UTF-8: what is no valid UTF-8 becomes U+FFFD byte by byte, control characters (tabs and line ends too) become blanks.
std::string printable(std::string_view bytes);

}  // namespace plumb::families::compression
