// SPDX-License-Identifier: Apache-2.0
#include "capi/call.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <new>

#include "base/error.h"
#include "base/version.h"

namespace plumb::capi {

namespace {

using base::Error;
using base::ErrorKind;

thread_local std::array<char, 1024> last_error = {};

void append(std::string_view text, std::size_t& length) noexcept {
    const std::size_t count = std::min(text.size(), last_error.size() - 1 - length);
    std::memcpy(last_error.data() + length, text.data(), count);
    length += count;
    last_error[length] = '\0';
}

plumb_attention_status status_of(ErrorKind kind) {
    if (kind == ErrorKind::usage) return PLUMB_ATTENTION_BAD_ARGUMENT;
    if (kind == ErrorKind::unsupported) return PLUMB_ATTENTION_UNSUPPORTED;
    return PLUMB_ATTENTION_INTERNAL;
}

}  // namespace

void remember(std::string_view message) noexcept {
    std::size_t length = 0;
    append(message, length);
}

const char* remembered() noexcept {
    return last_error.data();
}

plumb_attention_status status_of_exception() noexcept {
    std::size_t length = 0;
    try {
        throw;
    } catch (const Error& error) {
        append(error.what(), length);
        if (!error.hint().empty()) {
            append("; ", length);
            append(error.hint(), length);
        }
        return status_of(error.kind());
    } catch (const std::bad_alloc&) {
        append("out of memory", length);
        return PLUMB_ATTENTION_OUT_OF_MEMORY;
    } catch (const std::exception& error) {
        append(error.what(), length);
    } catch (...) {
        append("an unknown exception", length);
    }
    return PLUMB_ATTENTION_INTERNAL;
}

void reject(const std::string& name, const std::string& value, const std::string& allowed) {
    throw Error(ErrorKind::usage, name + " is " + value, allowed);
}

void read_sized(const void* given, void* copy, std::size_t size, std::size_t least, const char* name) {
    if (given == nullptr) reject(name, "a null pointer", std::string("pass a struct from plumb_attention_") + name + "_default()");
    std::uint64_t stated = 0;
    std::memcpy(&stated, given, sizeof stated);
    if (stated < least) {
        reject(std::string(name) + ".struct_size", std::to_string(stated),
               "at least " + std::to_string(least) + "; start from plumb_attention_" + name + "_default()");
    }
    const auto* bytes = static_cast<const unsigned char*>(given);
    for (std::uint64_t i = size; i < stated; ++i) {
        if (bytes[i] == 0) continue;
        throw Error(ErrorKind::unsupported,
                    std::string(name) + " uses a field at byte " + std::to_string(i) + ", but version " + base::version() + " knows " +
                        std::to_string(size) + " bytes of it",
                    "load the library of the header that the program was compiled with, or leave the field 0");
    }
    std::memcpy(copy, given, std::min<std::uint64_t>(size, stated));
}

}  // namespace plumb::capi

extern "C" {

const char* plumb_attention_last_error(void) {
    return plumb::capi::remembered();
}

const char* plumb_attention_status_name(plumb_attention_status status) {
    constexpr std::array<const char*, 6> names = {"ok", "untrusted", "bad argument", "unsupported", "out of memory", "internal"};
    const auto place = static_cast<std::size_t>(status);
    return place < names.size() ? names[place] : "unknown status";
}
}
