// SPDX-License-Identifier: Apache-2.0
// JSON made small for embedding: repeated strings and the key lists of objects are kept once. A page of 500 points is half as large with
// it.
#pragma once
#include "nlohmann/json.hpp"

namespace plumb::report {

/// {"shapes": [[key, ...], ...], "strings": [...], "root": value} where, inside value,
///   [n, v, ...]   n >= 0: an object with the keys of shape n and these values; n = -1: an array of the rest
///   "#k" is string k of the list (base 36), "$text" is the text itself; numbers, true, false and null stand for themselves.
/// The page's script holds the inverse.
nlohmann::json packed(const nlohmann::json& json);
/// The inverse, for tests and for programs that read a page.
nlohmann::json unpacked(const nlohmann::json& packed);

}  // namespace plumb::report
