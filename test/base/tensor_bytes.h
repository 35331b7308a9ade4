// SPDX-License-Identifier: Apache-2.0
// Files of tensors put together byte by byte, and what opening them says.
#pragma once
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "base/tensor_file.h"
#include "temporary_folder.h"

namespace plumb::base {

/// The bytes of numbers as they lie in memory.
template <class T>
std::string bytes_of_numbers(const std::vector<T>& numbers) {
    std::string bytes(numbers.size() * sizeof(T), '\0');
    if (!numbers.empty()) std::memcpy(bytes.data(), numbers.data(), bytes.size());
    return bytes;
}

inline std::string little_endian(std::uint64_t value, int bytes) {
    std::string result;
    for (int i = 0; i < bytes; ++i) result += static_cast<char>((value >> (8 * i)) & 0xFF);
    return result;
}

inline std::string safetensors_bytes(const std::string& header, const std::string& data) {
    return little_endian(header.size(), 8) + header + data;
}

/// Version 1 by default; no padding, which the format asks for but nobody needs.
inline std::string npy_bytes(const std::string& dictionary, const std::string& data, int major = 1, int minor = 0) {
    std::string bytes = "\x93NUMPY";
    bytes += static_cast<char>(major);
    bytes += static_cast<char>(minor);
    return bytes + little_endian(dictionary.size(), major == 1 ? 2 : 4) + dictionary + data;
}

/// Opens and reads everything; the message of the Error with its hint, or "" when there was none.
inline std::string complaint_about(const std::filesystem::path& path) {
    try {
        const TensorFile file(path);
        for (const TensorInfo& info : file.tensors()) file.read(info.name);
    } catch (const Error& error) {
        EXPECT_THAT(error.what(), ::testing::HasSubstr(path.filename().string())) << "names the file";
        return std::string(error.what()) + " | " + error.hint();
    }
    return "";
}

class TensorFiles : public ::testing::Test {
  protected:
    std::filesystem::path write(const std::string& name, const std::string& bytes) const {
        std::filesystem::path path = folder_.path() / name;
        write_file(path, bytes);
        return path;
    }
    std::string complaint(const std::string& name, const std::string& bytes) const { return complaint_about(write(name, bytes)); }
    const std::filesystem::path& folder() const { return folder_.path(); }

  private:
    test::TemporaryFolder folder_;
};

}  // namespace plumb::base
