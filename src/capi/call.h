// SPDX-License-Identifier: Apache-2.0
// The border between C++ and C: what a thrown error becomes, and how structs cross it whose size the caller states.
// To add a status: the enum in plumb/attention.h, and the tables in call.cpp.
#pragma once
#include <cstddef>
#include <cstdint>
#include <exception>
#include <string>
#include <string_view>

#include "plumb/attention.h"

namespace plumb::capi {

/// Keeps `message` for plumb_attention_last_error() of this thread, cut at 1023 bytes. Allocates nothing, so that it can tell of a lack of
/// memory too.
void remember(std::string_view message) noexcept;
const char* remembered() noexcept;
/// The status of the exception in flight, whose message it remembers. Call inside a catch block.
plumb_attention_status status_of_exception() noexcept;

/// What `body`, which returns a status, returns or what its exception becomes.
template <typename Body>
plumb_attention_status guarded(const Body& body) noexcept {
    try {
        return body();
    } catch (...) {
        return status_of_exception();
    }
}

/// Throws Error{usage}: "problem.dtype is 7", with what is allowed.
[[noreturn]] void reject(const std::string& name, const std::string& value, const std::string& allowed);

/// `value`, which one of `count` constants from 0 on must be.
template <typename Enum>
Enum enum_of(std::int32_t value, int count, const char* name, const char* allowed) {
    if (value < 0 || value >= count) reject(name, std::to_string(value), allowed);
    return static_cast<Enum>(value);
}

/// Copies the struct of a caller whose header may be older or newer than this library: `size` bytes here, of which the first eight hold the
/// caller's size. Fields that the caller lacks become 0. Throws Error{usage} for a null pointer and for a size below `least`, and
/// Error{unsupported} where a field that this library lacks is not 0.
void read_sized(const void* given, void* copy, std::size_t size, std::size_t least, const char* name);

template <typename Struct>
Struct read_struct(const Struct* given, const char* name) {
    // Version 0.1 had every field of today; once one is added, `least` stays what it is now.
    Struct copy = {};
    read_sized(given, &copy, sizeof copy, sizeof copy, name);
    return copy;
}

}  // namespace plumb::capi
