// SPDX-License-Identifier: Apache-2.0
// Points that are prepared, verified and measured together, in this process. Every point ends as a sealed run, whatever happens to it.
#pragma once
#include <atomic>
#include <functional>
#include <string>
#include <vector>

#include "base/error.h"
#include "lab/family.h"
#include "lab/store.h"

namespace plumb::lab {

/// One point of a group and what is recorded with it.
struct GroupMember {
    Point point;
    std::string config_toml;
    std::string repro;  ///< shell line that runs this point alone
};

struct GroupJob {
    std::string study;
    std::string experiment;
    StopRule stop;
    std::vector<GroupMember> members;
    std::vector<std::string> argv;
};

/// Callbacks by index of the member.
struct GroupEvents {
    std::function<void(std::size_t)> started = [](std::size_t) {};
    std::function<void()> measuring = [] {};
    std::function<void(std::size_t, const Timing&)> sampled = [](std::size_t, const Timing&) {};
    std::function<void(std::size_t, const Record&)> finished = [](std::size_t, const Record&) {};
};

/// Which member is at work: lives in memory shared with a parent process, so that a crash or a hang can be laid at the right door.
struct Attribution {
    std::atomic<int> member{-1};
};

void run_group(const Store& store, const Family& family, const GroupJob& job, const GroupEvents& events, Attribution& attribution);

/// A record with everything filled in that does not depend on how the point went.
Record begin_record(const GroupJob& job, const GroupMember& member);
/// Fills in status, reason, hint and cause.
void mark(Record& record, Status status, base::ErrorKind cause, std::string reason, std::string hint = {});

}  // namespace plumb::lab
