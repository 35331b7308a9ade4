// SPDX-License-Identifier: Apache-2.0
// Facts of the machine that a number depends on.
#pragma once
#include <string>

#include "nlohmann/json.hpp"

namespace plumb::lab {

/// {"machine": id, "cpu": ..., "cores": n, "caches": {...}, "isa": [...], "memory_bytes": n, "os": ..., "kernel": ..., "virtual": ...,
/// "governor": ...,
///  "load": x, "compiler": ..., "libraries": {...}, "code_version": ..., "gpu": null | text}. Collected once per process except load.
nlohmann::json collect_host();
/// A library that numbers depend on, named by whoever links it; appears under "libraries". Call before the first collect_host().
void add_library(const std::string& name, const std::string& version);
/// Identity for the noise floor: 8 hex digits over CPU model, instruction sets, cores and memory in GiB; no host name.
std::string machine_id();
/// Whether these facts came with results that were measured elsewhere (foreign.h).
bool is_foreign(const nlohmann::json& host);
/// "Xeon, 2 cores, AVX-512, 24 GiB"
std::string summarize_host(const nlohmann::json& host);

}  // namespace plumb::lab
