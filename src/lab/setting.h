// SPDX-License-Identifier: Apache-2.0
// The value of one setting of a complete point, as the type that its parameter has.
#pragma once
#include <string_view>
#include <variant>

#include "lab/schema.h"

namespace plumb::lab {

/// `settings` must hold `name` with a value of type T, as Schema::complete() makes sure.
template <class T>
const T& setting(const Settings& settings, std::string_view name) {
    return std::get<T>(*find(settings, name));
}

}  // namespace plumb::lab
