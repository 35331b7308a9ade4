// SPDX-License-Identifier: Apache-2.0
#include "families/compression/kernel_choice.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/error.h"
#include "base/text.h"

namespace plumb::families::compression {

namespace {

std::pair<std::string, std::string> parse_assignment(std::string_view text, const std::string& example) {
    const std::size_t equals = text.find('=');
    const std::string_view direction = base::trim(text.substr(0, equals));
    const std::string_view pattern = equals == std::string_view::npos ? std::string_view() : base::trim(text.substr(equals + 1));
    if (direction.empty() || pattern.empty()) {
        throw base::Error(base::ErrorKind::usage, "'" + std::string(text) + "' is not DIRECTION=PATTERN", "write it like " + example);
    }
    return {std::string(direction), std::string(pattern)};
}

/// Gathers kernels by direction in the order in which `add_direction` saw the directions.
class Gatherer {
  public:
    explicit Gatherer(std::size_t kernels) : taken_(kernels, false) {}

    void add_direction(const std::string& direction) {
        if (places_.try_emplace(direction, choice_.chosen.size()).second) choice_.chosen.push_back({direction, {}});
    }
    void take(const std::string& direction, std::size_t kernel) {
        choice_.chosen[places_.at(direction)].kernels.push_back(kernel);
        taken_[kernel] = true;
    }
    void note(const std::string& text) { choice_.notes.push_back(text); }

    KernelChoice finish() {
        for (ChosenKernels& chosen : choice_.chosen) {
            std::sort(chosen.kernels.begin(), chosen.kernels.end());
            chosen.kernels.erase(std::unique(chosen.kernels.begin(), chosen.kernels.end()), chosen.kernels.end());
        }
        for (std::size_t i = 0; i < taken_.size(); ++i) {
            if (!taken_[i]) choice_.unmatched.push_back(i);
        }
        return std::move(choice_);
    }

  private:
    std::vector<bool> taken_;
    std::map<std::string, std::size_t> places_;
    KernelChoice choice_;
};

using Launch = std::pair<std::uint64_t, std::int64_t>;  ///< process, correlation

/// Kernels by the launch that they belong to. Early exports have no process with a kernel; that is no loss while there is only one.
std::map<Launch, std::vector<std::size_t>> kernels_by_launch(const Export& data, Gatherer& gatherer) {
    std::set<std::uint64_t> processes;
    for (const RuntimeCall& call : data.calls) processes.insert(process_of(call.thread));
    std::map<Launch, std::vector<std::size_t>> launches;
    std::size_t homeless = 0;
    for (std::size_t i = 0; i < data.kernels.size(); ++i) {
        const Kernel& kernel = data.kernels[i];
        if (kernel.correlation == 0) continue;
        std::uint64_t process = kernel.process;
        if (process == 0 && processes.size() == 1) process = *processes.begin();
        if (process == 0 && processes.size() > 1) ++homeless;
        launches[{process, kernel.correlation}].push_back(i);
    }
    if (homeless > 0) {
        gatherer.note(std::to_string(homeless) + " kernels name no process while several processes launched some: not followed");
    }
    return launches;
}

}  // namespace

const std::vector<KernelPattern>& known_kernels() {
    static const std::vector<KernelPattern> kernels = {
        {"compress", "snap_kernel", "snappy"},
        {"compress", "lz4CompressBatchKernel", "lz4"},
        {"compress", "cascaded_compression_kernel", "cascaded"},
        {"compress", "gdeflate_encode", "gdeflate"},
        {"compress", "lz_compress_longest_matches", ""},
        {"compress", "lz_compress_greedy_hash", ""},
        {"compress", "huffman_encode", ""},
        {"compress", "lz_compression_kernel", ""},
        {"compress", "compress_kernel", ""},
        {"compress", "batch_encoder_kernel", ""},
        {"decompress", "unsnap_kernel", "snappy"},
        {"decompress", "lz4DecompressBatchKernel", "lz4"},
        {"decompress", "cascaded_decompression_kernel_type_check", "cascaded"},
        {"decompress", "gdeflateDecompress", "gdeflate"},
        {"decompress", "inflate_kernel", ""},
        {"decompress", "decompression_kernel", ""},
        {"decompress", "decompress_kernel", ""},
        {"decompress", "batch_decoder_kernel", ""},
    };
    return kernels;
}

KernelPattern parse_kernel_pattern(std::string_view text) {
    const auto [direction, pattern] = parse_assignment(text, "compress=lz4Compress*");
    return {direction, pattern, ""};
}

RangePattern parse_range_pattern(std::string_view text) {
    const auto [direction, pattern] = parse_assignment(text, "compress='compress batch *'");
    return {direction, pattern};
}

bool matches(std::string_view pattern, std::string_view name) {
    // Greedy with one point of return: the last star takes one letter more whenever the rest does not fit.
    std::size_t p = 0;
    std::size_t n = 0;
    std::size_t star = std::string_view::npos;
    std::size_t star_name = 0;
    while (n < name.size()) {
        if (p < pattern.size() && pattern[p] == '*') {
            star = p++;
            star_name = n;
        } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == name[n])) {
            ++p;
            ++n;
        } else if (star != std::string_view::npos) {
            p = star + 1;
            n = ++star_name;
        } else {
            return false;
        }
    }
    return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

KernelChoice choose_by_name(const Export& data, std::span<const KernelPattern> patterns) {
    Gatherer gatherer(data.kernels.size());
    for (const KernelPattern& pattern : patterns) gatherer.add_direction(pattern.direction);
    std::vector<const KernelPattern*> of_name(data.kernel_names.size(), nullptr);
    for (std::size_t i = 0; i < of_name.size(); ++i) {
        const KernelName& name = data.kernel_names[i];
        const auto fits = [&](const std::string& pattern, const std::string& candidate) {
            return !candidate.empty() && matches(pattern, candidate);
        };
        for (const KernelPattern& pattern : patterns) {
            if (!fits(pattern.pattern, name.shortened) && !fits(pattern.pattern, name.demangled)) continue;
            of_name[i] = &pattern;
            break;
        }
    }
    for (std::size_t i = 0; i < data.kernels.size(); ++i) {
        if (const KernelPattern* pattern = of_name[data.kernels[i].name]) gatherer.take(pattern->direction, i);
    }
    return gatherer.finish();
}

KernelChoice choose_by_range(const Export& data, std::span<const RangePattern> ranges) {
    Gatherer gatherer(data.kernels.size());
    for (const RangePattern& range : ranges) gatherer.add_direction(range.direction);
    const auto launches = kernels_by_launch(data, gatherer);
    std::map<std::uint64_t, std::vector<const RuntimeCall*>> by_thread;
    for (const RuntimeCall& call : data.calls) by_thread[call.thread].push_back(&call);
    const auto earlier = [](const RuntimeCall* a, const RuntimeCall* b) { return a->start < b->start; };
    for (auto& [thread, calls] : by_thread) std::stable_sort(calls.begin(), calls.end(), earlier);

    std::size_t unclosed = 0;
    for (const RangePattern& pattern : ranges) {
        std::size_t found = 0;
        for (const NvtxRange& range : data.ranges) {
            if (!matches(pattern.pattern, range.text)) continue;
            ++found;
            if (!range.end) ++unclosed;
            const auto calls = by_thread.find(range.thread);
            if (!range.end || calls == by_thread.end()) continue;
            RuntimeCall bound;
            bound.start = range.start;
            for (auto call = std::lower_bound(calls->second.begin(), calls->second.end(), &bound, earlier);
                 call != calls->second.end() && (*call)->start < *range.end; ++call) {
                const auto launched = launches.find({process_of(range.thread), (*call)->correlation});
                if (launched == launches.end()) continue;
                for (const std::size_t kernel : launched->second) gatherer.take(pattern.direction, kernel);
            }
        }
        if (found == 0) gatherer.note("no NVTX range is called '" + pattern.pattern + "'");
    }
    if (unclosed > 0) gatherer.note(std::to_string(unclosed) + " matching NVTX ranges were never closed and were left out");
    return gatherer.finish();
}

}  // namespace plumb::families::compression
