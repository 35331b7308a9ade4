// SPDX-License-Identifier: Apache-2.0
#include "base/digest.h"

#include <openssl/evp.h>

#include <fstream>
#include <map>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "base/error.h"
#define XXH_INLINE_ALL
#include <xxhash.h>

namespace plumb::base {

namespace {

std::string hex(const unsigned char* bytes, std::size_t size) {
    static constexpr char digits[] = "0123456789abcdef";
    std::string text;
    text.reserve(2 * size);
    for (std::size_t i = 0; i < size; ++i) {
        text += digits[bytes[i] >> 4];
        text += digits[bytes[i] & 15];
    }
    return text;
}

std::string hex(const XXH128_hash_t& hash) {
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, hash);
    return hex(canonical.digest, sizeof canonical.digest);
}

/// Feeds the file to `consume` in pieces, so that a data set larger than memory can be digested.
template <class Consume>
void read_pieces(const std::filesystem::path& path, const Consume& consume) {
    std::ifstream file(path, std::ios::binary);
    if (!file || std::filesystem::is_directory(path)) {
        throw Error(ErrorKind::missing, "cannot read " + path.string(), "check that the file exists and is readable");
    }
    std::vector<char> piece(1 << 20);
    while (file) {
        file.read(piece.data(), static_cast<std::streamsize>(piece.size()));
        consume(std::string_view(piece.data(), static_cast<std::size_t>(file.gcount())));
    }
    if (file.bad()) throw Error(ErrorKind::failed, "reading " + path.string() + " broke off", "check the disk");
}

class Sha256 {
  public:
    Sha256() : context_(EVP_MD_CTX_new(), &EVP_MD_CTX_free) {
        if (!context_ || EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) != 1) {
            throw Error(ErrorKind::internal, "OpenSSL offers no SHA-256");
        }
    }
    void add(std::string_view bytes) { EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()); }
    std::string finish() {
        unsigned char digest[EVP_MAX_MD_SIZE];
        unsigned int size = 0;
        EVP_DigestFinal_ex(context_.get(), digest, &size);
        return hex(digest, size);
    }

  private:
    std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context_;
};

}  // namespace

std::uint64_t xxh3_64(std::string_view bytes) {
    return XXH3_64bits(bytes.data(), bytes.size());
}

std::string xxh3_hex(std::string_view bytes) {
    return hex(XXH3_128bits(bytes.data(), bytes.size()));
}

std::string sha256_hex(std::string_view bytes) {
    Sha256 sha;
    sha.add(bytes);
    return sha.finish();
}

std::string file_xxh3_hex(const std::filesystem::path& path) {
    const std::unique_ptr<XXH3_state_t, decltype(&XXH3_freeState)> state(XXH3_createState(), &XXH3_freeState);
    XXH3_128bits_reset(state.get());
    read_pieces(path, [&](std::string_view piece) { XXH3_128bits_update(state.get(), piece.data(), piece.size()); });
    return hex(XXH3_128bits_digest(state.get()));
}

std::string known_file_xxh3_hex(const std::filesystem::path& path) {
    using Stamp = std::pair<std::uintmax_t, std::filesystem::file_time_type>;
    static std::mutex guard;
    static std::map<std::filesystem::path, std::pair<Stamp, std::string>> known;
    const std::lock_guard lock(guard);
    std::error_code ignored;
    const Stamp stamp{std::filesystem::file_size(path, ignored), std::filesystem::last_write_time(path, ignored)};
    auto& [known_stamp, digest] = known[path];
    if (digest.empty() || known_stamp != stamp) digest = file_xxh3_hex(path);
    known_stamp = stamp;
    return digest;
}

std::string file_sha256_hex(const std::filesystem::path& path) {
    Sha256 sha;
    read_pieces(path, [&](std::string_view piece) { sha.add(piece); });
    return sha.finish();
}

}  // namespace plumb::base
