// SPDX-License-Identifier: Apache-2.0
// Reads cpuid, the register state that the operating system saves, and PLUMB_ISA.
#include "kernels/isa.h"

#include <array>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <string>

#if defined(__x86_64__)
#include <cpuid.h>
#endif
#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

#include "base/error.h"
#include "base/text.h"

namespace plumb::kernels {
namespace {

constexpr std::array<std::string_view, 4> isa_names = {"scalar", "avx2", "avx512", "amx"};
constexpr int not_forced = -1;
std::atomic<int> forced{not_forced};

#if defined(__x86_64__)

struct Registers {
    unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
};

Registers cpuid(unsigned leaf, unsigned subleaf) {
    Registers r;
    __get_cpuid_count(leaf, subleaf, &r.eax, &r.ebx, &r.ecx, &r.edx);  // leaves all zero beyond the last leaf
    return r;
}

/// Register state that the operating system saves on a context switch (XCR0); 0 where it cannot be asked.
std::uint64_t saved_state() {
    constexpr unsigned osxsave = 1U << 27;
    if (!(cpuid(1, 0).ecx & osxsave)) return 0;
    std::uint32_t low = 0;
    std::uint32_t high = 0;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (static_cast<std::uint64_t>(high) << 32) | low;
}

bool tiles_permitted() {
#if defined(__linux__) && defined(SYS_arch_prctl)
    constexpr long request_permission = 0x1023;  // ARCH_REQ_XCOMP_PERM, Linux 5.16
    constexpr long tile_data = 18;               // XFEATURE_XTILEDATA
    return syscall(SYS_arch_prctl, request_permission, tile_data) == 0;
#else
    return false;
#endif
}

struct Feature {
    std::string_view name;
    bool present;
};

template <std::size_t count>
std::string first_missing(const std::array<Feature, count>& features) {
    for (const Feature& feature : features) {
        if (!feature.present) return "the CPU has no " + std::string(feature.name);
    }
    return {};
}

std::string missing_avx2() {
    const Registers basic = cpuid(1, 0);
    const Registers extended = cpuid(7, 0);
    const Registers amd = cpuid(0x80000001U, 0);
    // BMI and LZCNT come with every CPU that has AVX2; compilers use them in code built for it.
    const std::string lacking = first_missing(std::array<Feature, 6>{{{"avx2", (extended.ebx & (1U << 5)) != 0},
                                                                      {"fma", (basic.ecx & (1U << 12)) != 0},
                                                                      {"f16c", (basic.ecx & (1U << 29)) != 0},
                                                                      {"bmi1", (extended.ebx & (1U << 3)) != 0},
                                                                      {"bmi2", (extended.ebx & (1U << 8)) != 0},
                                                                      {"lzcnt", (amd.ecx & (1U << 5)) != 0}}});
    if (!lacking.empty()) return lacking;
    constexpr std::uint64_t vectors = 0x6;
    return (saved_state() & vectors) == vectors ? "" : "the operating system does not save AVX registers";
}

std::string missing_avx512() {
    if (std::string lacking = missing_avx2(); !lacking.empty()) return lacking;
    const unsigned ebx = cpuid(7, 0).ebx;
    const std::string lacking = first_missing(std::array<Feature, 5>{{{"avx512f", (ebx & (1U << 16)) != 0},
                                                                      {"avx512dq", (ebx & (1U << 17)) != 0},
                                                                      {"avx512cd", (ebx & (1U << 28)) != 0},
                                                                      {"avx512bw", (ebx & (1U << 30)) != 0},
                                                                      {"avx512vl", (ebx & (1U << 31)) != 0}}});
    if (!lacking.empty()) return lacking;
#if defined(PLUMB_WITHOUT_AVX512)
    return "this build, made with sanitizers on a host without AVX-512, left it out";
#else
    constexpr std::uint64_t wide_vectors = 0xe6;
    return (saved_state() & wide_vectors) == wide_vectors ? "" : "the operating system does not save AVX-512 registers";
#endif
}

std::string missing_amx() {
    if (std::string lacking = missing_avx512(); !lacking.empty()) return lacking;
    const unsigned edx = cpuid(7, 0).edx;
    const std::string lacking =
        first_missing(std::array<Feature, 2>{{{"amx_tile", (edx & (1U << 24)) != 0}, {"amx_bf16", (edx & (1U << 22)) != 0}}});
    if (!lacking.empty()) return lacking;
    constexpr std::uint64_t tiles = 0x60000;
    if ((saved_state() & tiles) != tiles) return "the operating system does not save AMX tiles";
    return tiles_permitted() ? "" : "the kernel gives this process no permission for AMX tiles";
}

#else

std::string missing_avx2() {
    return "the CPU is not x86-64";
}
std::string missing_avx512() {
    return missing_avx2();
}
std::string missing_amx() {
    return missing_avx2();
}

#endif

const std::array<std::string, 4>& reasons() {
    static const std::array<std::string, 4> found = {"", missing_avx2(), missing_avx512(), missing_amx()};
    return found;
}

std::string available_names() {
    std::vector<std::string> names;
    for (const Isa isa : available_isas()) names.emplace_back(name(isa));
    return base::join(names, ", ");
}

void require(Isa isa, const std::string& asked_by) {
    if (why_not(isa).empty()) return;
    throw base::Error(base::ErrorKind::unsupported,
                      asked_by + " asks for instruction set '" + std::string(name(isa)) + "', but " + std::string(why_not(isa)),
                      "this host has: " + available_names());
}

Isa parse(std::string_view text) {
    for (std::size_t i = 0; i < isa_names.size(); ++i) {
        if (isa_names[i] == text) return static_cast<Isa>(i);
    }
    const std::vector<std::string> names(isa_names.begin(), isa_names.end());
    throw base::Error(base::ErrorKind::usage, "PLUMB_ISA='" + std::string(text) + "' is no instruction set", base::suggest(text, names));
}

}  // namespace

std::string_view name(Isa isa) {
    return isa_names.at(static_cast<std::size_t>(isa));
}

std::vector<Isa> available_isas() {
    std::vector<Isa> found;
    for (std::size_t i = 0; i < isa_names.size(); ++i) {
        if (reasons()[i].empty()) found.push_back(static_cast<Isa>(i));
    }
    return found;
}

std::string_view why_not(Isa isa) {
    return reasons().at(static_cast<std::size_t>(isa));
}

Isa current_isa() {
    if (const int isa = forced.load(std::memory_order_relaxed); isa != not_forced) return static_cast<Isa>(isa);
    const char* wanted = std::getenv("PLUMB_ISA");
    if (wanted == nullptr || *wanted == '\0') return available_isas().back();
    const Isa isa = parse(wanted);
    require(isa, "PLUMB_ISA");
    return isa;
}

void set_isa(Isa isa) {
    require(isa, "set_isa");
    forced.store(static_cast<int>(isa), std::memory_order_relaxed);
}

void reset_isa() {
    forced.store(not_forced, std::memory_order_relaxed);
}

}  // namespace plumb::kernels
