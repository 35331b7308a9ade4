// SPDX-License-Identifier: Apache-2.0
// A group of points in a process of its own, so that a crash, a hang or an out-of-memory kill is a row and not the end of the sweep.
// The child is this program started again; it reads one JSON job from standard input and writes one JSON event a line to standard output.
#pragma once
#include <string>
#include <vector>

#include "lab/group.h"

namespace plumb::lab {

struct ChildLimits {
    double timeout_seconds = 0;     ///< for preparing and verifying one point; measuring a group may take that long per point. 0: none
    std::int64_t memory_bytes = 0;  ///< limit of the child's data segment; 0: none
};

/// Runs the group in children until every member is sealed or the user stops: a member that kills its process becomes a row, the others go
/// on in a new one. Same events as run_group().
void run_group_isolated(const Store& store, const std::string& family, const GroupJob& job, const ChildLimits& limits,
                        const std::vector<std::string>& child_command, const GroupEvents& events);

}  // namespace plumb::lab
