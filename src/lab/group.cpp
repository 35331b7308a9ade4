// SPDX-License-Identifier: Apache-2.0
#include "lab/group.h"

#include <algorithm>
#include <fstream>
#include <new>

#include "base/file.h"
#include "base/random.h"
#include "base/units.h"
#include "base/version.h"
#include "lab/host.h"
#include "lab/stop.h"

namespace plumb::lab {

namespace {

Status status_for(base::ErrorKind kind) {
    switch (kind) {
        case base::ErrorKind::unsupported:
            return Status::unsupported;
        case base::ErrorKind::timed_out:
            return Status::timeout;
        case base::ErrorKind::interrupted:
            return Status::interrupted;
        default:
            return Status::failed;
    }
}

/// Turns whatever was thrown into the record's status and reason. Called inside a catch block.
void mark_from_exception(Record& record) {
    try {
        throw;
    } catch (const CheckFailure& failure) {
        record.checks = failure.checks();
        mark(record, Status::failed, base::ErrorKind::check_failed, failure.what(),
             "every check with its repro line: plumb show RUN --checks");
    } catch (const base::Error& error) {
        mark(record, status_for(error.kind()), error.kind(), error.what(), error.hint());
    } catch (const std::bad_alloc&) {
        mark(record, Status::failed, base::ErrorKind::failed, "out of memory", "choose a smaller shape, or raise --memory-limit");
    } catch (const std::exception& error) {
        mark(record, Status::failed, base::ErrorKind::failed, error.what());
    } catch (...) {
        mark(record, Status::failed, base::ErrorKind::failed, "something that is not an exception was thrown");
    }
}

std::uint64_t seed_of(const Point& point) {
    if (point.repeat == 0) return point.seed;
    return base::RandomStream(point.seed, "repeat").bits(static_cast<std::uint64_t>(point.repeat));
}

void fill_repro(std::vector<Check>& checks, const std::string& repro) {
    for (Check& check : checks) {
        if (check.repro.empty()) check.repro = repro;
    }
}

/// Throws CheckFailure with all checks where a later one failed.
void add_later_checks(Record& record, std::vector<Check> later, const char* when) {
    const bool spoilt = std::any_of(later.begin(), later.end(), [](const Check& check) { return check.status == CheckStatus::failed; });
    for (Check& check : later) check.name += when;
    record.checks.insert(record.checks.end(), later.begin(), later.end());
    if (spoilt) throw CheckFailure(record.checks);
}

void require_known_kind(const Trial* trial) {
    if (dynamic_cast<const TimedTrial*>(trial) || dynamic_cast<const LongTrial*>(trial)) return;
    throw base::Error(base::ErrorKind::internal, "the family made a trial that is neither timed nor long");
}

/// Raised inside an action, to say whose action it was.
struct ActionFailed {
    std::exception_ptr error;
};

}  // namespace

void mark(Record& record, Status status, base::ErrorKind cause, std::string reason, std::string hint) {
    record.status = status;
    record.cause = base::name(cause);
    record.reason = std::move(reason);
    record.hint = std::move(hint);
    record.metrics.clear();
}

Record begin_record(const GroupJob& job, const GroupMember& member) {
    Record record;
    record.point = member.point;
    record.study = job.study;
    record.experiment = job.experiment;
    record.host = collect_host();
    record.argv = job.argv;
    record.code_version = base::code_version();
    record.started = base::utc_iso8601();
    return record;
}

class GroupRun {
  public:
    GroupRun(const Store& store, const Family& family, const GroupJob& job, const GroupEvents& events, Attribution& attribution)
        : store_(store), family_(family), job_(job), events_(events), attribution_(attribution) {}

    void run() {
        for (std::size_t member = 0; member < job_.members.size() && stop_requests() == 0; ++member) {
            attribution_.member = static_cast<int>(member);
            begin(member);
            if (auto* trial = dynamic_cast<LongTrial*>(participants_.back().trial.get())) run_long(participants_.back(), *trial);
            if (!participants_.back().trial) conclude(participants_.back());
        }
        std::erase_if(participants_, [](const Participant& participant) { return !participant.trial; });
        while (!participants_.empty()) measure_timed();
    }

  private:
    struct Participant {
        std::size_t member;
        Record record;
        std::filesystem::path work;
        std::unique_ptr<Trial> trial;  ///< empty once the point has ended
        std::optional<Verified> proof;
        double seconds = 0;
    };

    /// Prepares and verifies; on any failure the participant has no trial and its record says why.
    void begin(std::size_t member) {
        events_.started(member);
        const double start = now_seconds();
        Participant participant{
            member, begin_record(job_, job_.members[member]), store_.open_work(job_.study, job_.members[member].point), nullptr, {}, 0};
        try {
            participant.trial = family_.prepare(participant.record.point, context_of(participant));
            require_known_kind(participant.trial.get());
            participant.proof = verify(*participant.trial);
            participant.record.checks = participant.proof->checks();
        } catch (...) {
            mark_from_exception(participant.record);
            participant.trial.reset();
        }
        participant.seconds = now_seconds() - start;
        participants_.push_back(std::move(participant));
    }

    Context context_of(const Participant& participant) const {
        Context context;
        context.seed = seed_of(participant.record.point);
        context.artifacts = participant.work / "artifacts";
        context.log = [file = participant.work / "log.txt"](const std::string& line) {
            std::ofstream(file, std::ios::app) << base::utc_iso8601() << ' ' << line << '\n';
        };
        context.stop_requested = [] { return stop_requests() > 0; };
        return context;
    }

    void run_long(Participant& participant, LongTrial& trial) {
        const double start = now_seconds();
        events_.measuring();
        try {
            Recorder recorder(*participant.proof, participant.work, [] { return stop_requests() > 0; });
            trial.run(recorder);
            add_later_checks(participant.record, trial.verify_after(), ", after the run");
            participant.record.metrics = recorder.results();
            participant.record.status = Status::done;
        } catch (...) {
            mark_from_exception(participant.record);
        }
        participant.seconds += now_seconds() - start;
        participant.trial.reset();
    }

    /// Measures all timed trials together. One that throws is taken out, and the others are measured again without it.
    void measure_timed() {
        const double start = now_seconds();
        events_.measuring();
        Meter meter(job_.stop, seed_of(participants_.front().record.point));
        for (Participant& participant : participants_) meter.add(*participant.proof, tagged_actions(participant));
        std::vector<std::vector<Timing>> timings;
        try {
            timings = meter.measure([&](std::size_t index, const Timing& so_far) {
                events_.sampled(participants_[index].member, so_far);
                return stop_requests() == 0;
            });
        } catch (const ActionFailed& failure) {
            drop_failed(failure);
            return;
        }
        const double share = (now_seconds() - start) / static_cast<double>(participants_.size());
        const std::string group =
            participants_.size() > 1 ? base::utc_timestamp() + "-" + participants_.front().record.point.short_hash() : "";
        for (std::size_t index = 0; index < participants_.size(); ++index) {
            participants_[index].seconds += share;
            participants_[index].record.group = group;
            attribution_.member = static_cast<int>(participants_[index].member);
            finish_timed(participants_[index], std::move(timings[index]));
            conclude(participants_[index]);
        }
        participants_.clear();
    }

    std::vector<Action> tagged_actions(const Participant& participant) {
        std::vector<Action> actions = static_cast<TimedTrial&>(*participant.trial).actions();
        for (Action& action : actions) {
            const auto tag = [this, member = participant.member](const std::function<void()>& call) {
                return std::function<void()>([this, member, call] {
                    attribution_.member.store(static_cast<int>(member), std::memory_order_relaxed);
                    try {
                        call();
                    } catch (...) {
                        throw ActionFailed{std::current_exception()};
                    }
                });
            };
            action.run = tag(action.run);
            if (action.reset) action.reset = tag(action.reset);
        }
        return actions;
    }

    void drop_failed(const ActionFailed& failure) {
        const auto guilty = std::find_if(participants_.begin(), participants_.end(), [&](const Participant& participant) {
            return static_cast<int>(participant.member) == attribution_.member;
        });
        try {
            std::rethrow_exception(failure.error);
        } catch (...) {
            mark_from_exception(guilty->record);
        }
        conclude(*guilty);
        participants_.erase(guilty);
    }

    /// The output is checked again, then the metrics are made. An interrupted point keeps its samples and has no metrics.
    void finish_timed(Participant& participant, std::vector<Timing> timings) {
        auto& trial = static_cast<TimedTrial&>(*participant.trial);
        Record& record = participant.record;
        record.timings = std::move(timings);
        const bool cut_short = std::any_of(record.timings.begin(), record.timings.end(),
                                           [](const Timing& timing) { return timing.stop == StopReason::interrupted; });
        if (cut_short) {
            mark(record, Status::interrupted, base::ErrorKind::interrupted,
                 "stopped by the user after " + std::to_string(record.timings.front().samples.size()) + " samples",
                 "run the same command again to go on");
            return;
        }
        try {
            add_later_checks(record, trial.verify_after(), ", after timing");
            record.metrics = trial.metrics(record.timings);
            record.status = Status::done;
        } catch (...) {
            mark_from_exception(record);
        }
    }

    void conclude(Participant& participant) {
        const GroupMember& member = job_.members[participant.member];
        participant.trial.reset();
        participant.record.ended = base::utc_iso8601();
        participant.record.seconds = participant.seconds;
        fill_repro(participant.record.checks, member.repro);
        events_.finished(participant.member, store_.seal(participant.work, participant.record, member.config_toml));
    }

    const Store& store_;
    const Family& family_;
    const GroupJob& job_;
    const GroupEvents& events_;
    Attribution& attribution_;
    std::vector<Participant> participants_;
};

void run_group(const Store& store, const Family& family, const GroupJob& job, const GroupEvents& events, Attribution& attribution) {
    GroupRun(store, family, job, events, attribution).run();
}

}  // namespace plumb::lab
