// SPDX-License-Identifier: Apache-2.0
// NVIDIA's nvCOMP, opened at run time: an optional part that is never linked and never bundled. Its host functions need neither a GPU nor a
// driver; those for batches on a GPU are in nvcomp_batched.h. To use another function: declare its type where it is used and ask for its
// symbol.
#pragma once
#include <string>
#include <string_view>

#include "kernels/codec/codec.h"

namespace plumb::kernels::codec {

/// One shared library of nvCOMP. Looked for in PLUMB_NVCOMP (a folder, or the file libnvcomp.so.6 itself) if that is set and nowhere else;
/// otherwise in the project's .deps, then where the system's loader looks. Never closed once open. Safe to use from any thread.
class NvcompLibrary {
  public:
    /// Bitcomp, the batched functions, the version.
    static const NvcompLibrary& main();
    /// GDeflate and LZ4 on the CPU; nvCOMP keeps these in a library of their own beside the main one.
    static const NvcompLibrary& cpu();

    /// Why it cannot be used, for Codec::missing; empty: it is open.
    const std::string& missing() const { return missing_; }
    /// The address of an exported function; null where there is none or the library is not open.
    void* find(const char* symbol) const;

    template <class Function>
    Function* function(const char* symbol) const {
        return reinterpret_cast<Function*>(find(symbol));
    }

    /// Opens `file_name` as above: for tests; the two libraries are those of main() and cpu().
    explicit NvcompLibrary(std::string_view file_name);

  private:
    void* handle_ = nullptr;
    std::string missing_;
};

/// "nvcomp 6.0.0" as the open library says, "nvcomp" when it is not open.
std::string nvcomp_version();

/// Throws missing with `codec.missing` when there is a reason.
void require_present(const Codec& codec);

}  // namespace plumb::kernels::codec
