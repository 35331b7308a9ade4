// SPDX-License-Identifier: Apache-2.0
// The driver of protected attention: attention/fused.cpp's, with checksums beside the prepared heads, and second runs of tiles that alarm.
//
// A tile that alarms at level correct runs again, from its first key, up to `most_runs` times. A run counts when it does not alarm; two
// that count and agree bit by bit are the answer. From the second alarm on the operands are doubted too: they are brought in again from the
// caller's memory, as are their checksums.
#pragma once
#include <omp.h>
#include <sched.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <optional>
#include <vector>

#include "kernels/attention/prepare.h"
#include "kernels/attention/rows.h"
#include "kernels/attention/workspace.h"
#include "kernels/protect/guard_memory.h"
#include "kernels/protect/protected_attention.h"
#include "kernels/protect/thresholds.h"

namespace plumb::kernels::protect {

/// Keys and values of one key head as tiles read them, and their checksums.
struct GuardedHead {
    attention::PreparedHead prepared;
    const HeadSums* sums = nullptr;
};

/// What injection adds; nothing of it where there is none.
struct NoInjection {
    const GuardedKernel& kernel(Isa isa) const { return guarded_kernel(isa); }
    const Fault* fault() const { return nullptr; }
    /// Called before sums are made: what stands in the caller's memory.
    void corrupt_in_place(std::int64_t /*key_head*/, attention::PreparedHead& /*head*/, bool /*first*/) const {}
    /// Called after: packed copies and the sums themselves.
    void corrupt_copies(std::int64_t /*key_head*/, attention::PreparedHead& /*head*/, HeadSums& /*sums*/) const {}
};

template <class Injection>
class ProtectedRun {
  public:
    static constexpr int most_runs = 6;

    /// `kept_sums`: checksums of every key head that were made when keys and values were stored; null: they are made here.
    ProtectedRun(const attention::Problem& problem, const Protection& protection, const attention::Outputs& outputs, float* row_sums_BHN,
                 const Injection& injection, const HeadSums* kept_sums = nullptr)
        : problem_(problem),
          protection_(protection),
          outputs_(outputs),
          row_sums_BHN_(row_sums_BHN),
          injection_(injection),
          kept_sums_(kept_sums),
          kernel_(attention::tile_kernel(current_isa())),
          guarded_(injection.kernel(current_isa())),
          keys_(problem),
          plan_(attention::make_plan(problem, keys_, kernel_)),
          factors_(thresholds(protection.thresholds, problem.shape, plan_, kernel_.block_keys)),
          packed_(attention::make_packed_heads(problem, plan_)),
          heads_(static_cast<std::size_t>(plan_.heads_at_once)),
          wrong_copies_(static_cast<std::size_t>(plan_.heads_at_once)) {
        for (std::int64_t slot = 0; slot < plan_.heads_at_once; ++slot) sums_.emplace_back(problem.shape, kernel_.block_keys);
        for (int t = 0; t < plan_.threads; ++t) {
            workspaces_.emplace_back(plan_, problem, kernel_);
            guards_.emplace_back(plan_, problem.shape, kernel_);
            evidence_.emplace_back();
            counts_.emplace_back();
        }
        if (plan_.splits == 1) return;
        const std::int64_t tasks = plan_.heads_at_once * plan_.tiles * plan_.splits;
        states_ = attention::make_buffer(tasks * attention::state_floats(plan_));
        for (std::int64_t task = 0; task < tasks; ++task) guard_states_.emplace_back(plan_, kernel_);
        findings_.resize(static_cast<std::size_t>(tasks));
    }

    Report all() {
#pragma omp parallel num_threads(plan_.threads)
        {
            const int thread = omp_get_thread_num();
            for (std::int64_t first_head = 0; first_head < plan_.key_heads; first_head += plan_.heads_at_once) {
                const std::int64_t heads = std::min(plan_.heads_at_once, plan_.key_heads - first_head);
#pragma omp for schedule(static)
                for (std::int64_t slot = 0; slot < heads; ++slot)
                    heads_[slot] = prepare(first_head + slot, slot, packed_, sums_[slot], guards_[thread].scratch, true);
                if (plan_.splits > 1) {
#pragma omp for schedule(dynamic)
                    for (std::int64_t task = 0; task < heads * plan_.tiles * plan_.splits; ++task)
                        accumulate_split(first_head, task, thread);
                }
#pragma omp for schedule(dynamic)
                for (std::int64_t task = 0; task < heads * plan_.tiles; ++task) tile(first_head, task, thread);
#pragma omp for schedule(static)
                for (std::int64_t slot = 0; slot < heads; ++slot) {
                    if (wrong_copies_[slot] != 0)
                        heads_[slot] = prepare(first_head + slot, slot, packed_, sums_[slot], guards_[thread].scratch, false);
                }
#pragma omp for schedule(dynamic)
                for (std::int64_t task = 0; task < heads * plan_.tiles; ++task) {
                    if (wrong_copies_[task / plan_.tiles] != 0) replace(task_of(first_head, task, thread));
                }
#pragma omp for schedule(static)
                for (std::int64_t slot = 0; slot < heads; ++slot) wrong_copies_[slot] = 0;
            }
        }
        return report();
    }

  private:
    struct Counts {
        std::int64_t row_checks = 0;
        std::int64_t unchecked_rows = 0;
        float largest = 0;
    };
    /// One tile at work.
    struct Task {
        std::int64_t key_head = 0;
        std::int64_t slot = 0;
        std::int64_t tile = 0;
        int thread = 0;
    };
    /// What a run left in the caller's memory.
    struct Written {
        std::vector<std::byte> bytes;
        bool accepted = false;
        bool operator==(const Written& other) const { return bytes == other.bytes; }
    };

    GuardedHead prepare(std::int64_t key_head, std::int64_t slot, const attention::PackedHeads& packed, OwnedSums& sums,
                        const GuardScratch& scratch, bool first) const {
        const attention::Shape& s = problem_.shape;
        GuardedHead head{attention::prepare_head(problem_, plan_, kernel_, key_head, slot, keys_, packed), &sums.sums};
        if (s.keys == 0) return head;
        if (kept_sums_ != nullptr && first) {
            head.sums = kept_sums_ + key_head;
            return head;
        }
        injection_.corrupt_in_place(key_head, head.prepared, first);
        const std::int64_t b = key_head / s.kv_heads();
        const std::int64_t g = key_head % s.kv_heads();
        const auto source = [&](const void* numbers, const attention::Strides& strides) {
            return base::advance(problem_.dtype, numbers, b * strides.batch + g * strides.head);
        };
        const void* k = plan_.pack_keys ? source(problem_.k, problem_.k_strides) : head.prepared.k_MD;
        const void* v = plan_.pack_values ? source(problem_.v, problem_.v_strides) : head.prepared.v;
        const std::int64_t* index = keys_.index(b);
        guarded_.encode_keys(problem_.dtype, k, problem_.k_strides, index, head.prepared.keys, s.head_dim, kernel_.block_keys, scratch,
                             sums.sums);
        guarded_.encode_values(problem_.dtype, v, problem_.v_strides, index, head.prepared.keys, s.value_dim, scratch, sums.sums);
        add_beta(sums.sums, 0, head.prepared.keys);
        if (first) injection_.corrupt_copies(key_head, head.prepared, sums.sums);
        return head;
    }

    attention::Tile make_tile(const Task& task, std::int64_t split, const GuardedHead& head) {
        return attention::make_tile(problem_, plan_, keys_, head.prepared, task.key_head, task.tile, split, outputs_,
                                    workspaces_[task.thread].rows);
    }

    Guard make_guard(const Task& task, const GuardedHead& head, const GuardState& state, int run, Findings& findings) {
        Guard guard;
        guard.checks = protection_.checks;
        guard.factors = factors_;
        guard.sums = head.sums;
        guard.scratch = guards_[task.thread].scratch;
        guard.state = state;
        guard.findings = &findings;
        guard.row_sum_of_output = row_sums_BHN_ == nullptr ? nullptr : guards_[task.thread].row_sums.data();
        guard.fault = injection_.fault();
        guard.run = run;
        guard.key_head = task.key_head;
        guard.first_row = task.tile * plan_.tile_rows;
        return guard;
    }

    attention::Tile accumulate(const Task& task, std::int64_t split, const GuardedHead& head, const attention::RowState& state,
                               const GuardState& guard_state, int run, Findings& findings) {
        const attention::Tile tile = make_tile(task, split, head);
        const Guard guard = make_guard(task, head, guard_state, run, findings);
        (plan_.few_rows ? guarded_.accumulate_few : guarded_.accumulate)(tile, workspaces_[task.thread].scratch, state, guard);
        return tile;
    }

    void accumulate_split(std::int64_t first_head, std::int64_t index, int thread) {
        const Task task = task_of(first_head, index / plan_.splits, thread);
        findings_[index] = {};
        accumulate(task, index % plan_.splits, heads_[task.slot], split_state(index), guard_states_[index].state, 0, findings_[index]);
    }

    Task task_of(std::int64_t first_head, std::int64_t index, int thread) const {
        const std::int64_t slot = index / plan_.tiles;
        return {first_head + slot, slot, index % plan_.tiles, thread};
    }
    attention::RowState split_state(std::int64_t index) const {
        return attention::make_state(plan_, states_.get() + index * attention::state_floats(plan_));
    }

    static void add(const Findings& more, Findings& findings) {
        findings.row_checks += more.row_checks;
        findings.unchecked_rows += more.unchecked_rows;
        findings.largest = std::max(findings.largest, more.largest);
        if (more.alarms > 0 && findings.alarms == 0) findings.first = more.first;
        findings.alarms += more.alarms;
    }

    /// Normalises, checks, writes.
    void finish(const Task& task, const attention::Tile& tile, const GuardedHead& head, const attention::RowState& state,
                const GuardState& guard_state, int run, Findings& findings) {
        guarded_.finish(tile, state, make_guard(task, head, guard_state, run, findings));
        if (row_sums_BHN_ == nullptr) return;
        for (std::int64_t t = 0; t < tile.row_count; ++t) row_sums_BHN_[place_of(task, t)] = guards_[task.thread].row_sums[t];
    }
    /// Where row t of the tile stands among B x H x N.
    std::int64_t place_of(const Task& task, std::int64_t t) const {
        const attention::Shape& s = problem_.shape;
        const std::int64_t row = task.tile * plan_.tile_rows + t;
        const std::int64_t b = task.key_head / s.kv_heads();
        const std::int64_t h = task.key_head % s.kv_heads() * s.group() + row / s.queries;
        return (b * s.heads + h) * s.queries + row % s.queries;
    }

    /// The first run of a tile; its splits have been accumulated.
    void tile(std::int64_t first_head, std::int64_t index, int thread) {
        const Task task = task_of(first_head, index, thread);
        const GuardedHead& head = heads_[task.slot];
        Findings findings;
        if (plan_.splits == 1) {
            const GuardState& guard_state = guards_[thread].state.state;
            const attention::Tile made = accumulate(task, 0, head, workspaces_[thread].state, guard_state, 0, findings);
            finish(task, made, head, workspaces_[thread].state, guard_state, 0, findings);
        } else {
            const std::int64_t first = index * plan_.splits;
            const attention::Tile made = make_tile(task, 0, head);
            add(findings_[first], findings);
            for (std::int64_t split = 1; split < plan_.splits; ++split) {
                add(findings_[first + split], findings);
                merge(task, made, head, split_state(first + split), guard_states_[first + split].state, split_state(first),
                      guard_states_[first].state, findings);
            }
            finish(task, made, head, split_state(first), guard_states_[first].state, 0, findings);
        }
        conclude(task, findings);
    }

    void merge(const Task& task, const attention::Tile& tile, const GuardedHead& head, const attention::RowState& more,
               const GuardState& guard_more, const attention::RowState& state, const GuardState& guard_state, Findings& findings) {
        guarded_.merge(tile, more, guard_more, state, make_guard(task, head, guard_state, 0, findings));
    }

    /// A whole tile again, all splits one after the other.
    Findings run_again(const Task& task, const GuardedHead& head, int run) {
        Findings findings;
        attention::Workspace& workspace = workspaces_[task.thread];
        GuardWorkspace& own = guards_[task.thread];
        // Its rows are those of every split.
        const attention::Tile tile = accumulate(task, 0, head, workspace.state, own.state.state, run, findings);
        if (plan_.splits > 1) {
            const attention::Buffer memory = attention::make_buffer(attention::state_floats(plan_));
            const attention::RowState more = attention::make_state(plan_, memory.get());
            const OwnedGuardState guard_more(plan_, kernel_);
            for (std::int64_t split = 1; split < plan_.splits; ++split) {
                accumulate(task, split, head, more, guard_more.state, run, findings);
                merge(task, tile, head, more, guard_more.state, workspace.state, own.state.state, findings);
            }
        }
        finish(task, tile, head, workspace.state, own.state.state, run, findings);
        return findings;
    }

    Written written(const Task& task, bool accepted) {
        Written result;
        result.accepted = accepted;
        const attention::Tile tile = make_tile(task, 0, heads_[task.slot]);
        const auto append = [&](const void* numbers, std::size_t size) {
            const auto* bytes = static_cast<const std::byte*>(numbers);
            result.bytes.insert(result.bytes.end(), bytes, bytes + size);
        };
        for (std::int64_t t = 0; t < tile.row_count; ++t) {
            for (std::int64_t e = 0; e < tile.value_dim; ++e)
                append(base::advance(tile.dtype, tile.rows[t].out, e * tile.out_column),
                       static_cast<std::size_t>(base::size_of(tile.dtype)));
            if (tile.rows[t].lse != nullptr) append(tile.rows[t].lse, sizeof(float));
        }
        return result;
    }

    void conclude(const Task& task, const Findings& findings) {
        Counts& counts = counts_[task.thread];
        counts.row_checks += findings.row_checks;
        counts.unchecked_rows += findings.unchecked_rows;
        counts.largest = std::max(counts.largest, findings.largest);
        if (findings.alarms == 0 || protection_.level == Level::none) return;
        record(task, findings, protection_.level == Level::correct ? recover(task, findings) : Outcome::detected);
    }

    /// A tile of a head whose packed keys or values turned out wrong: what did not alarm may be wrong all the same, below the thresholds.
    void replace(const Task& task) {
        const Findings findings = run_again(task, heads_[task.slot], most_runs);
        if (findings.alarms > 0) record(task, findings, Outcome::unresolved);
    }

    void record(const Task& task, const Findings& findings, Outcome outcome) {
        Evidence evidence;
        evidence.alarm = findings.first.alarm;
        evidence.outcome = outcome;
        evidence.key_head = task.key_head;
        evidence.tile = task.tile;
        if (findings.first.row >= 0) evidence.row = task.tile * plan_.tile_rows + findings.first.row;
        evidence.first_key = findings.first.first_key;
        evidence.residual = findings.first.residual;
        evidence.threshold = findings.first.threshold;
        evidence.thread = task.thread;
        evidence.core = sched_getcpu();
        evidence_[task.thread].push_back(evidence);
    }

    Outcome recover(const Task& task, const Findings& first) {
        std::vector<Written> runs{written(task, false)};
        const GuardedHead* head = &heads_[task.slot];
        std::optional<OwnedSums> fresh_sums;
        attention::PackedHeads fresh_copies;
        GuardedHead fresh;
        bool all_alike = true;
        float residual = first.first.residual;
        for (int run = 1; run < most_runs; ++run) {
            const Findings findings = run_again(task, *head, run);
            runs.push_back(written(task, findings.alarms == 0));
            const Written& last = runs.back();
            all_alike = all_alike && last == runs.front();
            if (last.accepted) {
                if (last == runs.front() && findings.alarms == 0) return Outcome::false_alarm;
                const bool agreed = std::any_of(runs.begin(), runs.end() - 1, [&](const Written& w) { return w.accepted && w == last; });
                if (agreed) {
                    if (head == &fresh) {
#pragma omp atomic write
                        wrong_copies_[task.slot] = 1;
                    }
                    return Outcome::corrected;
                }
                continue;
            }
            residual = std::max(residual, findings.first.residual);
            if (fresh_sums.has_value()) continue;
            fresh_sums.emplace(problem_.shape, kernel_.block_keys);
            fresh_copies = one_head();
            fresh = prepare(task.key_head, 0, fresh_copies, *fresh_sums, guards_[task.thread].scratch, false);
            head = &fresh;
            if (!source_intact(task, fresh_sums->sums)) return Outcome::unresolved;
        }
        const ThresholdFactors certain = thresholds(ThresholdKind::provable, problem_.shape, plan_, kernel_.block_keys);
        // How much further the provable threshold is, at least: both grow with the same numbers of the row.
        const float further =
            std::min(certain.scores / factors_.scores,
                     certain.output_bound / std::max(factors_.output_bound, 3 * factors_.outputs + factors_.output_bound));
        // A threshold that is not finite, of operands that are, is no measure of noise.
        const float threshold = first.first.threshold;
        const bool measured = std::isfinite(threshold) && threshold > 0;
        const bool noise = all_alike && measured && residual <= threshold * std::max(further, 1.0F);
        return noise ? Outcome::false_alarm : Outcome::unresolved;
    }

    attention::PackedHeads one_head() const {
        const attention::Shape& s = problem_.shape;
        attention::PackedHeads packed;
        if (plan_.pack_keys) packed.keys = attention::make_buffer(s.keys * s.head_dim);
        if (plan_.pack_values) packed.values = attention::make_buffer(s.keys * plan_.padded_values);
        return packed;
    }

    /// Keys and values that are read where the caller keeps them, or were stored with their checksums, have no other source: when they no
    /// longer give the sums that they gave, they (or the sums; nobody can tell) have changed.
    bool source_intact(const Task& task, const HeadSums& fresh) const {
        if (kept_sums_ == nullptr && plan_.pack_keys && plan_.pack_values) return true;
        return same_sums(fresh, *heads_[task.slot].sums, problem_.shape, kernel_.block_keys);
    }

    Report report() {
        Report report;
        for (const Counts& counts : counts_) {
            report.row_checks += counts.row_checks;
            report.unchecked_rows += counts.unchecked_rows;
            report.largest_residual = std::max(report.largest_residual, static_cast<double>(counts.largest));
        }
        for (const std::vector<Evidence>& some : evidence_) report.evidence.insert(report.evidence.end(), some.begin(), some.end());
        std::sort(report.evidence.begin(), report.evidence.end(),
                  [](const Evidence& a, const Evidence& b) { return std::pair(a.key_head, a.tile) < std::pair(b.key_head, b.tile); });
        for (const Evidence& evidence : report.evidence) count(evidence.outcome, report);
        if (report.evidence.size() > most_evidence) report.evidence.resize(most_evidence);
        return report;
    }
    static void count(Outcome outcome, Report& report) {
        ++report.alarms;
        if (outcome == Outcome::corrected) ++report.corrected;
        if (outcome == Outcome::false_alarm) ++report.false_alarms;
        if (outcome == Outcome::unresolved || outcome == Outcome::detected) ++report.unresolved;
    }

    const attention::Problem& problem_;
    const Protection protection_;
    const attention::Outputs outputs_;
    float* row_sums_BHN_;
    const Injection& injection_;
    const HeadSums* kept_sums_;
    const attention::TileKernel& kernel_;
    const GuardedKernel& guarded_;
    const attention::KeyLists keys_;
    const attention::Plan plan_;
    const ThresholdFactors factors_;
    const attention::PackedHeads packed_;
    std::vector<GuardedHead> heads_;
    std::vector<int> wrong_copies_;  ///< of heads_: 1 where packed keys or values turned out wrong
    std::vector<OwnedSums> sums_;
    std::vector<attention::Workspace> workspaces_;
    std::vector<GuardWorkspace> guards_;
    std::vector<std::vector<Evidence>> evidence_;
    std::vector<Counts> counts_;
    attention::Buffer states_;
    std::vector<OwnedGuardState> guard_states_;
    std::vector<Findings> findings_;
};

}  // namespace plumb::kernels::protect
