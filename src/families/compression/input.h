// SPDX-License-Identifier: Apache-2.0
// What a point compresses: the content of a file, of all files of a folder, or of one file repeated, and how that is cut into chunks.
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "kernels/codec/codec.h"

namespace plumb::families::compression {

/// A stretch of bytes: a file of a folder, a chunk of a file.
struct Span {
    std::size_t offset = 0;
    std::size_t size = 0;
    bool operator==(const Span&) const = default;
};

struct Content {
    std::vector<std::uint8_t> bytes;
    std::vector<Span> files;  ///< chunks never reach from one file into the next

    kernels::codec::Bytes at(const Span& span) const { return {bytes.data() + span.offset, span.size}; }
};

/// `file`: "silesia/dickens" (lab/data_sets.h), else the path of a file, or of a folder, whose files are read in the order of their names,
/// subfolders too. repeat_to = 0: as it is; else repeated from its start until so many bytes are reached, then one file of that size.
/// Throws missing for what cannot be read and unsupported where there is no byte to compress. One copy is shared by all that use it.
std::shared_ptr<const Content> load_content(const std::string& file, std::int64_t repeat_to);

/// Digest of what load_content() would read without repetition: {"file": hex}. Throws missing.
std::map<std::string, std::string> digest_content(const std::string& file);

/// Every chunk has `chunk_bytes` but the last one of each file, which has what is left. Throws usage for 0.
std::vector<Span> cut(const Content& content, std::size_t chunk_bytes);

/// Bytes of what load_content() would read without repetition. Throws missing.
std::int64_t content_bytes(const std::string& file);

}  // namespace plumb::families::compression
