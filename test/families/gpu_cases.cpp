// SPDX-License-Identifier: Apache-2.0
#include "families/gpu_cases.h"

#include <array>

#include "base/random.h"

namespace plumb::families::compression {

namespace kc = kernels::codec;

std::shared_ptr<const Content> words(std::size_t bytes) {
    static constexpr std::array<std::string_view, 5> vocabulary = {"batch ", "of ", "chunks, ", "each ", "apart\n"};
    const base::RandomStream random(12, "gpu engine test words");
    Content content;
    for (std::uint64_t i = 0; content.bytes.size() < bytes; ++i) {
        const std::string_view word = vocabulary[random.below(i, vocabulary.size())];
        content.bytes.insert(content.bytes.end(), word.begin(), word.end());
    }
    content.bytes.resize(bytes);
    content.files = {{0, bytes}};
    return std::make_shared<const Content>(std::move(content));
}

EngineRequest gpu_request(const std::string& codec, std::size_t chunk) {
    EngineRequest made;
    made.device = "cuda:0";
    made.codec = codec;
    if (!kc::nvcomp_batched_codec(codec)->facts.elements.empty()) made.options.element = kc::Element::u8;
    made.content = words(300'000);
    made.chunks = cut(*made.content, chunk);
    return made;
}

std::vector<std::string> gpu_codec_names() {
    std::vector<std::string> made;
    for (const auto& codec : kc::nvcomp_batched_codecs()) made.push_back(codec.facts.name);
    return made;
}
std::string short_name(const ::testing::TestParamInfo<std::string>& codec) {
    return codec.param.substr(codec.param.find(':') + 1);
}
}  // namespace plumb::families::compression
