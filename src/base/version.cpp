// SPDX-License-Identifier: Apache-2.0
// The code's identity as cmake/CodeVersion.cmake found it, and the compiler that built it.
#include "base/version.h"

#include "generated/code_state.h"

namespace plumb::base {

std::string version() {
    return PLUMB_VERSION;
}

std::string code_version() {
    const std::string commit = PLUMB_COMMIT;
    if (commit.empty()) {
        return version();
    }
    return version() + " (" + commit + (PLUMB_MODIFIED ? ", modified)" : ")");
}

std::string compiler() {
#if defined(__clang__)
    return "Clang " __clang_version__;
#else
    return "GCC " + std::to_string(__GNUC__) + "." + std::to_string(__GNUC_MINOR__) + "." + std::to_string(__GNUC_PATCHLEVEL__);
#endif
}

}  // namespace plumb::base
