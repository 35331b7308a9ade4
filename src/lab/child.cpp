// SPDX-License-Identifier: Apache-2.0
#include "lab/child.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <iterator>
#include <map>
#include <set>

#include "base/error.h"
#include "base/file.h"
#include "base/units.h"
#include "lab/runner.h"
#include "lab/stop.h"

namespace plumb::lab {

namespace {

using nlohmann::json;

constexpr int attribution_descriptor = 3;  ///< in the child

[[noreturn]] void fail(const std::string& what) {
    throw base::Error(base::ErrorKind::internal, "cannot " + what + ": " + std::strerror(errno),
                      "run without --isolate, or free resources");
}

json job_to_json(const Store& store, const std::string& family, const GroupJob& job, const ChildLimits& limits) {
    json members = json::array();
    for (const GroupMember& member : job.members) {
        members.push_back({{"point", to_json(member.point)}, {"config", member.config_toml}, {"repro", member.repro}});
    }
    return {{"store", store.root().string()},
            {"family", family},
            {"study", job.study},
            {"experiment", job.experiment},
            {"argv", job.argv},
            {"memory_bytes", limits.memory_bytes},
            {"members", members},
            {"stop",
             {{"half_width", job.stop.half_width},
              {"max_seconds", job.stop.max_seconds},
              {"min_seconds", job.stop.min_seconds},
              {"min_samples", job.stop.min_samples},
              {"max_samples", job.stop.max_samples},
              {"warmup_seconds", job.stop.warmup_seconds},
              {"warmup_calls", job.stop.warmup_calls}}}};
}

GroupJob job_from_json(const json& stored) {
    GroupJob job;
    job.study = stored.at("study");
    job.experiment = stored.at("experiment");
    job.argv = stored.at("argv").get<std::vector<std::string>>();
    for (const json& member : stored.at("members")) {
        job.members.push_back({point_from_json(member.at("point")), member.at("config"), member.at("repro")});
    }
    const json& stop = stored.at("stop");
    job.stop.half_width = stop.at("half_width");
    job.stop.max_seconds = stop.at("max_seconds");
    job.stop.min_seconds = stop.at("min_seconds");
    job.stop.min_samples = stop.at("min_samples");
    job.stop.max_samples = stop.at("max_samples");
    job.stop.warmup_seconds = stop.at("warmup_seconds");
    job.stop.warmup_calls = stop.at("warmup_calls");
    return job;
}

/// Attribution in memory that parent and child see.
class SharedAttribution {
  public:
    SharedAttribution() : descriptor_(::memfd_create("plumb-attribution", MFD_CLOEXEC)) {
        if (descriptor_ < 0 || ::ftruncate(descriptor_, sizeof(Attribution)) != 0) fail("share memory with a child process");
        map();
        new (memory_) Attribution();
    }
    explicit SharedAttribution(int inherited) : descriptor_(inherited) { map(); }
    ~SharedAttribution() {
        ::munmap(memory_, sizeof(Attribution));
        ::close(descriptor_);
    }
    SharedAttribution(const SharedAttribution&) = delete;
    SharedAttribution& operator=(const SharedAttribution&) = delete;

    int descriptor() const { return descriptor_; }
    Attribution& operator*() { return *static_cast<Attribution*>(memory_); }

  private:
    void map() {
        memory_ = ::mmap(nullptr, sizeof(Attribution), PROT_READ | PROT_WRITE, MAP_SHARED, descriptor_, 0);
        if (memory_ == MAP_FAILED) fail("share memory with a child process");
    }
    int descriptor_;
    void* memory_ = nullptr;
};

/// The started program with pipes on both ends. Killed when destroyed.
class ChildProcess {
  public:
    ChildProcess(const std::vector<std::string>& command, int attribution) {
        std::signal(SIGPIPE, SIG_IGN);  // a child that died early is told by waitpid, not by a signal to us
        int input[2], output[2];
        if (::pipe2(input, O_CLOEXEC) != 0 || ::pipe2(output, O_CLOEXEC) != 0) fail("make a pipe");
        std::vector<char*> argv;
        for (const std::string& word : command) argv.push_back(const_cast<char*>(word.c_str()));
        argv.push_back(nullptr);
        const pid_t parent = ::getpid();
        process_ = ::fork();
        if (process_ < 0) fail("start a child process");
        if (process_ == 0) {
            // A group of its own: Ctrl-C reaches the parent alone, which passes it on once. Ends with the parent, whatever ends that.
            ::setpgid(0, 0);
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            if (::getppid() != parent) ::_exit(127);
            ::dup2(input[0], 0);
            ::dup2(output[1], 1);
            if (attribution == attribution_descriptor)
                ::fcntl(attribution, F_SETFD, 0);
            else
                ::dup2(attribution, attribution_descriptor);
            ::execvp(argv[0], argv.data());
            ::_exit(127);
        }
        ::close(input[0]);
        ::close(output[1]);
        input_ = input[1];
        output_ = output[0];
    }
    ~ChildProcess() {
        kill(SIGKILL);
        wait();
        if (input_ >= 0) ::close(input_);
        ::close(output_);
    }
    ChildProcess(const ChildProcess&) = delete;
    ChildProcess& operator=(const ChildProcess&) = delete;

    void send(const std::string& text) {
        std::string_view rest = text;
        while (!rest.empty()) {
            const ssize_t written = ::write(input_, rest.data(), rest.size());
            if (written < 0 && errno == EINTR) continue;
            if (written < 0) break;  // the child is gone; its end is seen on the other pipe
            rest.remove_prefix(static_cast<std::size_t>(written));
        }
        ::close(input_);
        input_ = -1;
    }

    /// False at the end of the child's output. `lines` gets what arrived within 50 ms.
    bool receive(std::vector<std::string>& lines) {
        pollfd waiting{output_, POLLIN, 0};
        if (::poll(&waiting, 1, 50) <= 0) return true;
        char piece[4096];
        const ssize_t size = ::read(output_, piece, sizeof piece);
        if (size < 0 && errno == EINTR) return true;
        if (size <= 0) return false;
        partial_.append(piece, static_cast<std::size_t>(size));
        for (std::size_t end; (end = partial_.find('\n')) != std::string::npos; partial_.erase(0, end + 1))
            lines.push_back(partial_.substr(0, end));
        return true;
    }

    void kill(int signal) {
        if (process_ > 0) ::kill(process_, signal);
    }

    /// Status as waitpid() gives it.
    int wait() {
        if (process_ > 0) {
            while (::waitpid(process_, &status_, 0) < 0 && errno == EINTR) {
            }
            process_ = -1;
        }
        return status_;
    }

  private:
    pid_t process_ = -1;
    int input_ = -1;
    int output_ = -1;
    int status_ = 0;
    std::string partial_;
};

std::string describe_end(int status, const ChildLimits& limits) {
    const std::string limit = limits.memory_bytes > 0 ? " under a memory limit of " + base::format_bytes(limits.memory_bytes) : "";
    if (WIFSIGNALED(status)) {
        const int signal = WTERMSIG(status);
        const std::string why = signal == SIGKILL ? "most likely by the kernel for want of memory" : ::strsignal(signal);
        return "the process was killed by signal " + std::to_string(signal) + " (" + why + ")" + limit;
    }
    return "the process ended with exit code " + std::to_string(WEXITSTATUS(status)) + limit;
}

/// One child, from start to end. Members it sealed are added to `ended`. Returns why the member at work has to become a row, or nothing.
struct Casualty {
    std::size_t member = 0;
    Status status = Status::failed;
    base::ErrorKind cause = base::ErrorKind::failed;
    std::string reason;
};

class Watch {
  public:
    Watch(const Store& store, const GroupJob& job, const std::vector<std::size_t>& members, const ChildLimits& limits,
          const GroupEvents& events)
        : store_(store), job_(job), members_(members), limits_(limits), events_(events) {}

    std::optional<Casualty> run(const std::string& family, const std::vector<std::string>& command, std::set<std::size_t>& ended) {
        GroupJob part = job_;
        part.members.clear();
        for (const std::size_t member : members_) part.members.push_back(job_.members[member]);
        SharedAttribution attribution;
        ChildProcess child(command, attribution.descriptor());
        child.send(job_to_json(store_, family, part, limits_).dump());
        extend_deadline(1);

        bool timed_out = false;
        int forwarded = 0;
        std::vector<std::string> lines;
        while (child.receive(lines)) {
            for (const std::string& line : lines) hear(line, ended);
            lines.clear();
            for (; forwarded < stop_requests(); ++forwarded) child.kill(SIGINT);
            if (limits_.timeout_seconds > 0 && now_seconds() > deadline_) {
                timed_out = true;
                child.kill(SIGKILL);
                break;
            }
        }
        const int status = child.wait();
        const bool orderly = WIFEXITED(status) && WEXITSTATUS(status) == 0;
        if (orderly || (stop_requests() > 0 && !timed_out)) return std::nullopt;
        const int at_work = (*attribution).member;
        Casualty casualty;
        casualty.member = members_[at_work < 0 ? 0 : static_cast<std::size_t>(at_work)];
        casualty.reason = describe_end(status, limits_);
        if (timed_out) {
            casualty.status = Status::timeout;
            casualty.cause = base::ErrorKind::timed_out;
            casualty.reason = "not finished after the time-out of " + base::format_seconds(limits_.timeout_seconds);
        }
        return casualty;
    }

  private:
    void extend_deadline(std::size_t points) { deadline_ = now_seconds() + limits_.timeout_seconds * static_cast<double>(points); }

    void hear(const std::string& line, std::set<std::size_t>& ended) {
        const json event = json::parse(line, nullptr, false);
        if (!event.is_object()) return;
        const std::string what = event.value("event", "");
        const std::size_t member = members_.at(event.value("member", std::size_t{0}));
        if (what == "started") {
            extend_deadline(1);
            events_.started(member);
        } else if (what == "measuring") {
            extend_deadline(members_.size());
            events_.measuring();
        } else if (what == "sampled") {
            Timing timing;
            timing.action = event.at("action");
            timing.median = {number_from_json(event.at("median")), number_from_json(event.at("low")), number_from_json(event.at("high"))};
            events_.sampled(member, timing);
        } else if (what == "finished") {
            ended.insert(member);
            if (const auto record = store_.latest_of(job_.study, job_.members[member].point.hash())) events_.finished(member, *record);
        }
    }

    const Store& store_;
    const GroupJob& job_;
    const std::vector<std::size_t>& members_;
    const ChildLimits& limits_;
    const GroupEvents& events_;
    double deadline_ = 0;
};

/// Writes one event; standard output itself is given to standard error, so that nothing a trial prints can be taken for an event.
class EventPipe {
  public:
    EventPipe() : descriptor_(::dup(1)) { ::dup2(2, 1); }
    void send(const json& event) const {
        const std::string line = event.dump() + "\n";
        [[maybe_unused]] const ssize_t written = ::write(descriptor_, line.data(), line.size());
    }

  private:
    int descriptor_;
};

}  // namespace

void run_group_isolated(const Store& store, const std::string& family, const GroupJob& job, const ChildLimits& limits,
                        const std::vector<std::string>& child_command, const GroupEvents& events) {
    std::set<std::size_t> ended;
    while (ended.size() < job.members.size() && stop_requests() == 0) {
        std::vector<std::size_t> members;
        for (std::size_t member = 0; member < job.members.size(); ++member) {
            if (!ended.contains(member)) members.push_back(member);
        }
        const std::size_t before = ended.size();
        const auto casualty = Watch(store, job, members, limits, events).run(family, child_command, ended);
        if (casualty && !ended.contains(casualty->member)) {
            const GroupMember& member = job.members[casualty->member];
            Record record = begin_record(job, member);
            mark(record, casualty->status, casualty->cause, casualty->reason, "run it alone: " + member.repro);
            record.ended = base::utc_iso8601();
            ended.insert(casualty->member);
            events.finished(casualty->member, store.seal(store.open_work(job.study, member.point), record, member.config_toml));
        } else if (ended.size() == before && stop_requests() == 0) {
            throw base::Error(base::ErrorKind::internal, "a child process of plumb ended without doing any of its points",
                              "run without --isolate");
        }
    }
}

int run_child(const Families& families) {
    install_stop_signals();
    const EventPipe pipe;
    const json stored = json::parse(std::string(std::istreambuf_iterator<char>(std::cin), {}));
    if (const auto limit = stored.at("memory_bytes").get<std::int64_t>(); limit > 0) {
        const rlimit data{static_cast<rlim_t>(limit), static_cast<rlim_t>(limit)};
        ::setrlimit(RLIMIT_DATA, &data);
    }
    SharedAttribution attribution(attribution_descriptor);
    const Store store(stored.at("store").get<std::string>());
    const GroupJob job = job_from_json(stored);
    GroupEvents events;
    events.started = [&](std::size_t member) { pipe.send({{"event", "started"}, {"member", member}}); };
    events.measuring = [&] { pipe.send({{"event", "measuring"}}); };
    events.sampled = [&](std::size_t member, const Timing& timing) {
        pipe.send({{"event", "sampled"},
                   {"member", member},
                   {"action", timing.action},
                   {"median", number_to_json(timing.median.value)},
                   {"low", number_to_json(timing.median.low)},
                   {"high", number_to_json(timing.median.high)}});
    };
    events.finished = [&](std::size_t member, const Record&) { pipe.send({{"event", "finished"}, {"member", member}}); };
    run_group(store, family_named(families, stored.at("family").get<std::string>()), job, events, *attribution);
    return 0;
}

}  // namespace plumb::lab
