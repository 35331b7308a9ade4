// SPDX-License-Identifier: Apache-2.0
#include "lab/host.h"

#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <vector>

#include "base/digest.h"
#include "base/text.h"
#include "base/units.h"
#include "base/version.h"

namespace plumb::lab {

namespace {

namespace fs = std::filesystem;
using nlohmann::json;

std::map<std::string, std::string>& libraries() {
    static std::map<std::string, std::string> named;
    return named;
}

/// First line of a file of /proc or /sys; empty where it is not there.
std::string first_line(const fs::path& file) {
    std::ifstream stream(file);
    std::string line;
    std::getline(stream, line);
    return line;
}

/// "name : value" or "name=value" lines; the first of each name counts.
std::map<std::string, std::string> read_fields(const fs::path& file, char separator) {
    std::map<std::string, std::string> fields;
    std::ifstream stream(file);
    for (std::string line; std::getline(stream, line);) {
        const std::size_t cut = line.find(separator);
        if (cut == std::string::npos) continue;
        fields.emplace(base::trim(std::string_view(line).substr(0, cut)), base::trim(std::string_view(line).substr(cut + 1)));
    }
    return fields;
}

/// Of the flags that kernels here choose by, those that the CPU has.
std::vector<std::string> instruction_sets(const std::string& flags) {
    static const std::vector<std::string> of_interest = {"sse4_2",   "avx",      "avx2",     "fma",         "f16c",        "avx512f",
                                                         "avx512bw", "avx512dq", "avx512vl", "avx512_vnni", "avx512_bf16", "avx512_fp16",
                                                         "amx_tile", "amx_bf16", "amx_int8", "asimd",       "sve"};
    std::istringstream words(flags);
    const std::set<std::string> present{std::istream_iterator<std::string>(words), {}};
    std::vector<std::string> found;
    std::copy_if(of_interest.begin(), of_interest.end(), std::back_inserter(found),
                 [&](const std::string& flag) { return present.contains(flag); });
    return found;
}

json caches() {
    json found = json::object();
    for (int index = 0; index < 8; ++index) {
        const fs::path folder = "/sys/devices/system/cpu/cpu0/cache/index" + std::to_string(index);
        const std::string level = first_line(folder / "level");
        const std::string type = first_line(folder / "type");
        if (level.empty() || type == "Instruction") continue;
        found["L" + level] = first_line(folder / "size");
    }
    return found;
}

std::string unquoted(std::string text) {
    text.erase(std::remove(text.begin(), text.end(), '"'), text.end());
    return text;
}

json gpu() {
    const std::string driver = first_line("/proc/driver/nvidia/version");
    return driver.empty() ? json(nullptr) : json(driver);
}

double load() {
    double averages[1] = {0};
    return ::getloadavg(averages, 1) == 1 ? averages[0] : 0;
}

json collect_lasting_facts() {
    const auto cpu = read_fields("/proc/cpuinfo", ':');
    const auto field = [&](const char* name) { return cpu.contains(name) ? cpu.at(name) : std::string(); };
    const auto system = read_fields("/etc/os-release", '=');
    utsname kernel{};
    ::uname(&kernel);
    const std::string flags = field("flags").empty() ? field("Features") : field("flags");
    json facts;
    facts["cpu"] = field("model name").empty() ? std::string(kernel.machine) : field("model name");
    facts["cpu_model"] =
        field("vendor_id") + " family " + field("cpu family") + " model " + field("model") + " stepping " + field("stepping");
    facts["cores"] = ::sysconf(_SC_NPROCESSORS_ONLN);
    facts["caches"] = caches();
    facts["isa"] = instruction_sets(flags);
    facts["memory_bytes"] = std::int64_t{::sysconf(_SC_PHYS_PAGES)} * ::sysconf(_SC_PAGE_SIZE);
    facts["os"] = system.contains("PRETTY_NAME") ? unquoted(system.at("PRETTY_NAME")) : std::string(kernel.sysname);
    facts["kernel"] = kernel.release;
    facts["virtual"] = flags.find("hypervisor") != std::string::npos;
    const std::string governor = first_line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor");
    facts["governor"] = governor.empty() ? "unknown" : governor;
    facts["compiler"] = base::compiler();
    facts["libraries"] = libraries();
    facts["code_version"] = base::code_version();
    facts["gpu"] = gpu();
    const double gibibytes = std::round(facts["memory_bytes"].get<double>() / 1073741824.0);
    const std::string identity = json{facts["cpu"], facts["cpu_model"], facts["cores"], facts["isa"], gibibytes}.dump();
    facts["machine"] = base::xxh3_hex(identity).substr(0, 8);
    return facts;
}

const json& lasting_facts() {
    static const json facts = collect_lasting_facts();
    return facts;
}

}  // namespace

void add_library(const std::string& name, const std::string& version) {
    libraries()[name] = version;
}

json collect_host() {
    json facts = lasting_facts();
    facts["load"] = load();
    return facts;
}

std::string machine_id() {
    return lasting_facts()["machine"];
}

bool is_foreign(const json& host) {
    return host.is_object() && host.contains("imported");
}

std::string summarize_host(const json& host) {
    if (is_foreign(host)) return host.value("cpu", std::string("unknown device")) + ", imported";
    const auto sets = host.value("isa", std::vector<std::string>{});
    const auto has = [&](const char* flag) { return std::find(sets.begin(), sets.end(), flag) != sets.end(); };
    std::string width = has("avx512f")  ? "AVX-512"
                        : has("avx2")   ? "AVX2"
                        : has("sse4_2") ? "SSE4.2"
                        : has("asimd")  ? "NEON"
                                        : "no vectors known";
    if (has("amx_bf16")) width += " and AMX";
    const double gibibytes = host.value("memory_bytes", 0.0) / 1073741824.0;
    return host.value("cpu", std::string("unknown CPU")) + ", " + std::to_string(host.value("cores", 0)) + " cores, " + width + ", " +
           base::format_number(gibibytes, 3) + " GiB" + (host.value("virtual", false) ? ", virtual" : "");
}

}  // namespace plumb::lab
