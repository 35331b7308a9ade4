// SPDX-License-Identifier: Apache-2.0
// The runs that are timed: no code for faults in them.
#include "kernels/protect/unfused.h"

#include <sched.h>

#include "kernels/protect/unfused_heads.h"

namespace plumb::kernels::protect {

std::string why_not_unfused(const attention::Problem& problem) {
    if (problem.mask.kind != attention::MaskKind::none) return "masks are not offered with stored scores";
    if (problem.bias.data != nullptr) return "a bias is not offered with stored scores";
    if (problem.precision != attention::Precision::highest)
        return "precision " + std::string(name(problem.precision)) + " is not offered with stored scores, only highest";
    if (problem.shape.keys == 0) return "nothing to attend to: zero keys";
    return {};
}

void require_unfused(const attention::Problem& problem, std::span<const std::byte> out_BNHE) {
    attention::validate(problem);
    attention::require_output_size(problem.shape, out_BNHE.size() / base::size_of(problem.dtype));
    if (const std::string reason = why_not_unfused(problem); !reason.empty())
        throw base::Error(base::ErrorKind::unsupported, reason, "choose one of the fused schemes");
}

bool accept(Report& report, double residual, double threshold) {
    ++report.row_checks;
    if (!(residual <= threshold)) return false;
    if (threshold > 0) report.largest_residual = std::max(report.largest_residual, residual / threshold);
    return true;
}

void note_alarm(Report& report, const HeadPlace& place, const Doubt& doubt, Outcome outcome) {
    ++report.alarms;
    report.corrected += outcome == Outcome::corrected;
    report.false_alarms += outcome == Outcome::false_alarm;
    report.unresolved += outcome == Outcome::unresolved || outcome == Outcome::detected;
    if (report.evidence.size() >= most_evidence) return;
    Evidence evidence;
    evidence.alarm = doubt.alarm;
    evidence.outcome = outcome;
    evidence.key_head = place.key_head;
    evidence.row = doubt.row < 0 ? -1 : place.first_row + doubt.row;
    evidence.residual = static_cast<float>(doubt.residual);
    evidence.threshold = static_cast<float>(doubt.threshold);
    evidence.thread = omp_get_thread_num();
    evidence.core = sched_getcpu();
    report.evidence.push_back(evidence);
}

void join(Report& all, const Report& head) {
    all.row_checks += head.row_checks;
    all.alarms += head.alarms;
    all.corrected += head.corrected;
    all.false_alarms += head.false_alarms;
    all.unresolved += head.unresolved;
    all.largest_residual = std::max(all.largest_residual, head.largest_residual);
    for (const Evidence& evidence : head.evidence) {
        if (all.evidence.size() < most_evidence) all.evidence.push_back(evidence);
    }
}

Report run_unfused(const Design& design, const attention::Problem& problem, const Protection& protection, std::span<std::byte> out_BNHE) {
    return run_heads(design, problem, protection, NoFaults(), out_BNHE);
}

}  // namespace plumb::kernels::protect
