// SPDX-License-Identifier: Apache-2.0
// Option `automatic`: the choice of layers by real sizes.
//
// Tried: every size of element, as signed and as unsigned numbers where no difference is taken (after one, both are the same), with each
// of the stacks below; what is left of the best one is also tried unpacked. A second run-length layer needs differences between the two,
// since no neighbours are equal behind the first.
// Measured: first one inner chunk from the middle. The best quarter goes on to the other samples, at most `most_samples` inner chunks
// evenly spread over the chunk. Unless the samples were the whole chunk, the winner is then measured on all of it against the default
// layers, so that sampling cannot lose to them. Ties go to the one tried first; nothing depends on time or chance.
#include <algorithm>
#include <array>
#include <vector>

#include "kernels/codec/cascaded_encoder.h"

namespace plumb::kernels::codec::cascaded {
namespace {

constexpr std::size_t most_samples = 5;

struct Stack {
    int rle;
    int delta;
};
constexpr std::array<Stack, 10> stacks = {{{0, 0}, {1, 0}, {0, 1}, {1, 1}, {2, 1}, {0, 2}, {1, 2}, {2, 2}, {3, 2}, {0, 3}}};
constexpr std::array<Element, elements_in_order> elements = {Element::i32, Element::u32, Element::i8,  Element::u8,
                                                             Element::i16, Element::u16, Element::i64, Element::u64};

struct Candidate {
    Layers layers;
    std::size_t bytes = 0;  ///< of the inner chunks measured so far
};

std::vector<Candidate> all_candidates() {
    std::vector<Candidate> all;
    for (const Element element : elements) {
        const bool as_unsigned = static_cast<int>(element) % 2 == 1;
        for (const Stack& stack : stacks) {
            if (as_unsigned && stack.delta > 0) continue;
            all.push_back({{element, stack.rle, stack.delta, true}, 0});
        }
    }
    return all;
}

bool same(const Layers& a, const Layers& b) {
    return a.element == b.element && a.rle == b.rle && a.delta == b.delta && a.bitpack == b.bitpack;
}

/// Inner chunks to measure, the middle one first.
std::vector<std::size_t> sample_positions(std::size_t inner_chunks) {
    const std::size_t samples = std::min(inner_chunks, most_samples);
    std::vector<std::size_t> positions;
    for (std::size_t s = 0; s < samples; ++s) positions.push_back((2 * s + 1) * inner_chunks / (2 * samples));
    std::rotate(positions.begin(), positions.begin() + static_cast<std::ptrdiff_t>(samples / 2), positions.end());
    return positions;
}

class Choice {
  public:
    Choice(Bytes in, Scratch& scratch) : in_(in), scratch_(scratch), inner_chunks_((in.size() + inner_bytes - 1) / inner_bytes) {}

    Layers best() {
        std::vector<Candidate> candidates = all_candidates();
        const std::vector<std::size_t> samples = sample_positions(inner_chunks_);
        measure(candidates, samples.front());
        candidates.resize(std::max<std::size_t>(1, candidates.size() / 4));
        for (std::size_t s = 1; s < samples.size(); ++s) measure(candidates, samples[s]);
        add_unpacked(candidates, samples);
        const Layers winner = candidates.front().layers;
        const Layers normal;
        if (same(winner, normal)) return winner;
        return whole_size(winner) <= whole_size(normal) ? winner : normal;
    }

  private:
    /// Adds one inner chunk to every candidate; the smallest come first.
    void measure(std::vector<Candidate>& candidates, std::size_t inner_chunk) {
        for (Candidate& candidate : candidates)
            candidate.bytes += inner_chunk_size(candidate.layers, in_, inner_chunk * inner_bytes, scratch_);
        std::stable_sort(candidates.begin(), candidates.end(), [](const Candidate& a, const Candidate& b) { return a.bytes < b.bytes; });
    }

    void add_unpacked(std::vector<Candidate>& candidates, const std::vector<std::size_t>& samples) {
        Candidate unpacked = {candidates.front().layers, 0};
        unpacked.layers.bitpack = false;
        if (unpacked.layers.rle == 0 && unpacked.layers.delta == 0) return;  // would be the raw copy
        for (const std::size_t sample : samples) unpacked.bytes += inner_chunk_size(unpacked.layers, in_, sample * inner_bytes, scratch_);
        if (unpacked.bytes < candidates.front().bytes) candidates.front() = unpacked;
    }

    std::size_t whole_size(const Layers& layers) {
        std::size_t bytes = round_up(in_.size() % size_of(layers.element), 4);
        for (std::size_t i = 0; i < inner_chunks_; ++i) bytes += inner_chunk_size(layers, in_, i * inner_bytes, scratch_);
        return bytes;
    }

    Bytes in_;
    Scratch& scratch_;
    std::size_t inner_chunks_;
};

}  // namespace

Layers choose_layers(Bytes in, Scratch& scratch) {
    return in.empty() ? Layers() : Choice(in, scratch).best();
}

}  // namespace plumb::kernels::codec::cascaded
