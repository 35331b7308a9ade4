// SPDX-License-Identifier: Apache-2.0
#include "lab/runner.h"

#include <algorithm>
#include <chrono>
#include <set>
#include <thread>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "lab/child.h"
#include "lab/study_json.h"

namespace plumb::lab {

namespace {

/// The line that runs one point alone, in the store's study "family-<name>".
std::string repro_line(const Point& point, const Schema& schema) {
    std::string line = "plumb run family:" + point.family;
    for (const Setting& setting : point.settings) {
        const Parameter& parameter = schema.at(setting.name);
        if (setting.value != parameter.default_value)
            line += " " + base::shell_quote(setting.name + "=" + format(setting.value, parameter.type));
    }
    line += " --seed " + std::to_string(point.seed);
    if (point.repeat > 0) line += " --repeats " + std::to_string(point.repeat + 1);
    return line + " --rerun all";
}

bool counts_as_run(const Record& record, Rerun rerun) {
    if (rerun == Rerun::all || record.status == Status::interrupted) return false;
    return record.status == Status::done || rerun == Rerun::none;
}

class Sweep {
  public:
    Sweep(const Store& store, const Families& families, const RunOptions& options, const RunEvents& events, const Study& study,
          const Plan& plan)
        : store_(store),
          families_(families),
          options_(options),
          events_(events),
          study_(study),
          plan_(plan),
          latest_(store.latest(study.name)) {}

    RunSummary run() {
        declare_study();
        std::vector<std::vector<std::size_t>> waiting = missing_groups();
        while (!waiting.empty() && !should_stop()) {
            std::vector<std::vector<std::size_t>> postponed;
            for (const auto& group : waiting) {
                if (should_stop()) break;
                if (!run_locked(group)) postponed.push_back(group);
            }
            if (postponed.size() == waiting.size() && !should_stop()) wait_for_others();
            waiting = std::move(postponed);
        }
        return summarize();
    }

  private:
    const Point& point(std::size_t index) const { return plan_.points[index].point; }
    const Experiment& experiment(std::size_t index) const { return study_.experiments[plan_.points[index].experiment]; }

    bool should_stop() const { return stop_requests() > 0 || (options_.fail_fast && saw_failure_); }

    void declare_study() const {
        std::set<std::string> known;
        for (const auto& [hash, record] : latest_) known.insert(hash);
        nlohmann::json declaration = declare(study_, plan_, families_);
        if (store_.has_study(study_.name)) declaration = merge_declarations(store_.study_declaration(study_.name), declaration, known);
        store_.write_study_declaration(study_.name, declaration);
    }

    /// Groups of plan indices that still have to run, in order; a point that two experiments share is run by the first.
    std::vector<std::vector<std::size_t>> missing_groups() {
        std::vector<std::vector<std::size_t>> groups(plan_.group_count);
        std::set<std::string> taken;
        for (std::size_t index = 0; index < plan_.points.size(); ++index) {
            const std::string hash = point(index).hash();
            if (!taken.insert(hash).second) continue;
            const auto earlier = latest_.find(hash);
            if (earlier != latest_.end() && counts_as_run(earlier->second, options_.rerun))
                ++summary_.skipped;
            else
                groups[plan_.points[index].group].push_back(index);
        }
        std::erase_if(groups, [](const auto& group) { return group.empty(); });
        return groups;
    }

    /// False when another process holds one of the points. What it finished in the meantime is taken over.
    bool run_locked(const std::vector<std::size_t>& group) {
        std::vector<PointLock> locks;
        std::vector<std::size_t> mine;
        for (const std::size_t index : group) {
            auto lock = store_.try_lock(study_.name, point(index).hash());
            if (!lock) return false;
            locks.push_back(std::move(*lock));
        }
        for (const std::size_t index : group) {
            const std::string hash = point(index).hash();
            const auto record = store_.latest_of(study_.name, hash);
            const auto known = latest_.find(hash);
            const bool by_another = record && (known == latest_.end() || known->second.run != record->run);
            if (by_another && counts_as_run(*record, Rerun::none)) {
                latest_.insert_or_assign(hash, *record);
                ++summary_.skipped;
            } else {
                mine.push_back(index);
            }
        }
        if (!mine.empty()) run_points(mine);
        return true;
    }

    void run_points(std::vector<std::size_t> indices) {
        std::erase_if(indices, [&](std::size_t index) { return record_problem(index); });
        if (indices.empty()) return;
        const Experiment& described = experiment(indices.front());
        const GroupEvents events = events_for(indices);
        const GroupJob job = job_for(indices);
        if (options_.isolate || described.isolate || described.timeout_seconds > 0 || described.memory_limit > 0) {
            run_group_isolated(store_, described.family, job, {described.timeout_seconds, described.memory_limit}, options_.child_command,
                               events);
        } else {
            Attribution attribution;
            run_group(store_, family_named(families_, described.family), job, events, attribution);
        }
    }

    /// A point whose inputs could not be read is a row at once.
    bool record_problem(std::size_t index) {
        const PlannedPoint& planned = plan_.points[index];
        if (planned.problem.empty()) return false;
        if (events_.started) events_.started(planned, ++position_, total());
        const GroupJob job = job_for({index});
        Record record = begin_record(job, job.members.front());
        mark(record, Status::failed, base::ErrorKind::missing, planned.problem, planned.problem_hint);
        record.ended = base::utc_iso8601();
        keep(index, store_.seal(store_.open_work(study_.name, planned.point), record, job.members.front().config_toml));
        return true;
    }

    GroupJob job_for(const std::vector<std::size_t>& indices) const {
        const Experiment& described = experiment(indices.front());
        GroupJob job{study_.name, described.name, described.stop, {}, options_.argv};
        for (const std::size_t index : indices) {
            const Schema& schema = family_named(families_, point(index).family).schema();
            job.members.push_back({point(index), config_toml(study_, described, point(index), schema), repro_line(point(index), schema)});
        }
        return job;
    }

    GroupEvents events_for(const std::vector<std::size_t>& indices) {
        GroupEvents events;
        events.started = [this, indices](std::size_t member) {
            if (started_.insert(indices[member]).second) ++position_;
            if (events_.started) events_.started(plan_.points[indices[member]], position_, total());
        };
        events.sampled = [this, indices](std::size_t member, const Timing& timing) {
            if (events_.sampled) events_.sampled(plan_.points[indices[member]], timing);
        };
        events.finished = [this, indices](std::size_t member, const Record& record) { keep(indices[member], record); };
        return events;
    }

    std::size_t total() const { return plan_.points.size() - static_cast<std::size_t>(summary_.skipped); }

    void keep(std::size_t index, const Record& record) {
        ++summary_.ran;
        latest_.insert_or_assign(point(index).hash(), record);
        saw_failure_ = saw_failure_ || (record.status != Status::done && record.status != Status::unsupported);
        if (events_.finished) events_.finished(plan_.points[index], record);
    }

    void wait_for_others() {
        if (!said_waiting_ && events_.note) events_.note("waiting for points that another process is working on");
        said_waiting_ = true;
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }

    RunSummary summarize() {
        std::set<std::string> counted;
        for (std::size_t index = 0; index < plan_.points.size(); ++index) {
            const std::string hash = point(index).hash();
            if (!counted.insert(hash).second) continue;
            const auto found = latest_.find(hash);
            if (found == latest_.end()) continue;
            const Record& record = found->second;
            if (record.status == Status::done)
                ++summary_.done;
            else if (record.status == Status::unsupported)
                ++summary_.unsupported;
            else if (record.status == Status::timeout)
                ++summary_.timed_out;
            else if (record.status == Status::failed && record.cause == base::name(base::ErrorKind::check_failed))
                ++summary_.failed_checks;
            else if (record.status == Status::failed && record.cause == base::name(base::ErrorKind::missing))
                ++summary_.missing;
            else if (record.status == Status::failed)
                ++summary_.failed;
        }
        summary_.interrupted = stop_requests() > 0;
        return summary_;
    }

    const Store& store_;
    const Families& families_;
    const RunOptions& options_;
    const RunEvents& events_;
    const Study& study_;
    const Plan& plan_;
    std::map<std::string, Record> latest_;
    std::set<std::size_t> started_;
    RunSummary summary_;
    std::size_t position_ = 0;
    bool saw_failure_ = false;
    bool said_waiting_ = false;
};

}  // namespace

int RunSummary::exit_code() const {
    if (interrupted) return base::exit_code(base::ErrorKind::interrupted);
    if (failed_checks > 0) return base::exit_code(base::ErrorKind::check_failed);
    if (missing > 0) return base::exit_code(base::ErrorKind::missing);
    return failed + unsupported + timed_out > 0 ? base::exit_code(base::ErrorKind::failed) : 0;
}

Runner::Runner(const Store& store, const Families& families, RunOptions options, RunEvents events)
    : store_(store), families_(families), options_(std::move(options)), events_(std::move(events)) {}

RunSummary Runner::run(const Study& study, const Plan& plan) {
    return Sweep(store_, families_, options_, events_, study, plan).run();
}

}  // namespace plumb::lab
