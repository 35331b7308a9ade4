// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"

#include <utility>

namespace plumb::base {

namespace {

struct KindFacts {
    ErrorKind kind;
    std::string_view name;
    int exit_code;
};

constexpr KindFacts facts[] = {
    {ErrorKind::check_failed, "check failed", 1},
    {ErrorKind::usage, "usage", 2},
    {ErrorKind::failed, "failed", 3},
    {ErrorKind::unsupported, "unsupported", 3},
    {ErrorKind::timed_out, "timed out", 3},
    {ErrorKind::missing, "missing", 4},
    {ErrorKind::internal, "internal", 5},
    {ErrorKind::interrupted, "interrupted", 130},
};

const KindFacts& facts_of(ErrorKind kind) {
    for (const KindFacts& entry : facts) {
        if (entry.kind == kind) return entry;
    }
    return facts[6];
}

}  // namespace

std::string_view name(ErrorKind kind) {
    return facts_of(kind).name;
}

int exit_code(ErrorKind kind) {
    return facts_of(kind).exit_code;
}

Error::Error(ErrorKind kind, const std::string& message, std::string hint)
    : std::runtime_error(message), kind_(kind), hint_(std::move(hint)) {}

}  // namespace plumb::base
