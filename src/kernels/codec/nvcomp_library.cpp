// SPDX-License-Identifier: Apache-2.0
#include "kernels/codec/nvcomp_library.h"

#include <dlfcn.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <vector>

#include "base/error.h"

namespace plumb::kernels::codec {
namespace {

namespace fs = std::filesystem;

// The part of the file names that changes with the interface; another one has other functions.
constexpr std::string_view main_file = "libnvcomp.so.6";
constexpr std::string_view cpu_file = "libnvcomp_cpu.so.6";

bool is_file(const fs::path& path) {
    std::error_code ignored;
    return fs::is_regular_file(path, ignored);
}

/// Folders that a folder given by the user or found in .deps may hold the libraries in.
std::vector<fs::path> library_folders(const fs::path& folder) {
    return {folder, folder / "lib64", folder / "lib"};
}

/// Empty when there is none.
fs::path find_below(const fs::path& folder, std::string_view file_name) {
    for (const fs::path& candidate : library_folders(folder)) {
        if (is_file(candidate / file_name)) return candidate / file_name;
    }
    return {};
}

fs::path find_given(const fs::path& given, std::string_view file_name) {
    if (!is_file(given)) return find_below(given, file_name);
    return file_name == main_file ? given : find_below(given.parent_path(), file_name);
}

/// Where deps/setup puts the wheel: .deps/venv/lib/python3*/site-packages/nvidia/libnvcomp.
fs::path find_in_deps(std::string_view file_name) {
#if defined(PLUMB_DEPS_DIR)
    std::error_code none;
    std::vector<fs::path> pythons;
    for (const fs::directory_entry& entry : fs::directory_iterator(fs::path(PLUMB_DEPS_DIR) / "venv" / "lib", none)) {
        if (entry.path().filename().string().starts_with("python3")) pythons.push_back(entry.path());
    }
    std::sort(pythons.begin(), pythons.end());
    for (const fs::path& python : pythons) {
        const fs::path found = find_below(python / "site-packages" / "nvidia" / "libnvcomp", file_name);
        if (!found.empty()) return found;
    }
#endif
    static_cast<void>(file_name);
    return {};
}

std::string loader_message() {
    const char* message = dlerror();
    return message != nullptr ? message : "no reason given";
}

}  // namespace

NvcompLibrary::NvcompLibrary(std::string_view file_name) {
    fs::path path;
    if (const char* given = std::getenv("PLUMB_NVCOMP"); given != nullptr && *given != '\0') {
        path = find_given(given, file_name);
        if (path.empty()) {
            missing_ = "PLUMB_NVCOMP='" + std::string(given) + "' holds no " + std::string(file_name);
            return;
        }
    } else {
        path = find_in_deps(file_name);
    }
    const bool found = !path.empty();
    handle_ = dlopen(found ? path.c_str() : std::string(file_name).c_str(), RTLD_LAZY | RTLD_LOCAL);
    if (handle_ != nullptr) return;
    const std::string reason = loader_message();
    missing_ = found ? "cannot be opened: " + reason : "not installed: deps/setup nvcomp";
}

void* NvcompLibrary::find(const char* symbol) const {
    return handle_ != nullptr ? dlsym(handle_, symbol) : nullptr;
}

const NvcompLibrary& NvcompLibrary::main() {
    static const NvcompLibrary library(main_file);
    return library;
}

const NvcompLibrary& NvcompLibrary::cpu() {
    static const NvcompLibrary library(cpu_file);
    return library;
}

std::string nvcomp_version() {
    struct Properties {
        std::uint32_t version = 0;  // 1000 x major + 100 x minor + patch
        std::uint32_t cuda_version = 0;
    };
    using GetProperties = int(Properties*);
    auto* get_properties = NvcompLibrary::main().function<GetProperties>("nvcompGetProperties");
    Properties properties;
    if (get_properties == nullptr || get_properties(&properties) != 0) return "nvcomp";
    const std::uint32_t version = properties.version;
    return "nvcomp " + std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 100) + "." + std::to_string(version % 100);
}

void require_present(const Codec& codec) {
    if (codec.missing.empty()) return;
    throw base::Error(base::ErrorKind::missing, "codec '" + codec.name + "' cannot run here: " + codec.missing, "deps/setup nvcomp");
}

}  // namespace plumb::kernels::codec
