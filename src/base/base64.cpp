// SPDX-License-Identifier: Apache-2.0
#include "base/base64.h"

#include <openssl/evp.h>

namespace plumb::base {

std::string base64(std::string_view bytes) {
    constexpr std::size_t group = 3, letters = 4;
    std::string text((bytes.size() + group - 1) / group * letters + 1, '\0');  // the library ends it with a zero
    const int written = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), reinterpret_cast<const unsigned char*>(bytes.data()),
                                        static_cast<int>(bytes.size()));
    text.resize(static_cast<std::size_t>(written));
    return text;
}

}  // namespace plumb::base
