// SPDX-License-Identifier: Apache-2.0
#include "families/fault/case.h"

#include <algorithm>
#include <cstring>
#include <map>

#include "base/random.h"
#include "kernels/attention/accuracy.h"

namespace plumb::families::fault {

namespace {

namespace ka = kernels::attention;
namespace kp = kernels::protect;

// Multiply-adds of the fp64 reference: about half a second.
constexpr double affordable_operations = 5e8;
constexpr std::int64_t fewest_checked_queries = 8;
constexpr int other_inputs = 7;
constexpr std::int64_t length_of_others = 256;

std::string key_of(const Request& request) {
    std::string key = request.distribution;
    const ka::Shape& s = request.shape;
    for (const std::int64_t number : {s.batch, s.heads, s.queries, s.head_dim, static_cast<std::int64_t>(request.options.dtype),
                                      static_cast<std::int64_t>(request.options.mask), static_cast<std::int64_t>(request.seed)})
        key += " " + std::to_string(number);
    return key;
}

void choose_checked(Case& made) {
    const ka::Shape& s = made.problem.shape;
    const double per_query = 2.0 * static_cast<double>(s.batch * s.heads * s.keys) * static_cast<double>(s.head_dim + s.value_dim);
    const auto affordable = static_cast<std::int64_t>(affordable_operations / per_query);
    const std::int64_t count = std::clamp(affordable, std::min(fewest_checked_queries, s.queries), s.queries);
    made.checked = made.problem;
    made.checked.shape.queries = count;
    if (made.problem.mask.kind == ka::MaskKind::causal) {
        made.first_checked = s.queries - count;
    } else {
        made.step = s.queries / count;
    }
    made.checked.q = base::advance(made.problem.dtype, made.problem.q, made.first_checked * made.problem.q_strides.row);
    made.checked.q_strides.row *= made.step;
}

std::shared_ptr<const Case> make_case(const Request& request) {
    auto made = std::make_shared<Case>();
    made->inputs = ka::make_inputs(request.shape, request.options, request.distribution, request.seed);
    made->problem = made->inputs.problem();
    choose_checked(*made);
    made->reference.resize(static_cast<std::size_t>(ka::output_size(made->checked.shape)));
    made->plain.resize(made->reference.size());
    ka::reference(made->checked, made->reference);
    ka::plain(made->checked, made->plain);
    return made;
}

double differing(const base::Numbers& a, const base::Numbers& b) {
    double count = 0;
    const std::size_t width = base::size_of(a.dtype());
    for (std::size_t i = 0; i < a.size(); ++i) count += std::memcmp(a.bytes().data() + i * width, b.bytes().data() + i * width, width) != 0;
    return count;
}

lab::Check accuracy_check(const Case& prepared, const Ran& ran, double& error_ratio) {
    const std::vector<float> part = prepared.checked_part(ran.out);
    const auto accuracy = ka::measure_accuracy(prepared.checked, prepared.reference, prepared.plain, part);
    if (accuracy.bound > 0) error_ratio = 2 * accuracy.max_error / accuracy.bound;
    const std::int64_t count = prepared.checked.shape.queries;
    const std::int64_t all = prepared.problem.shape.queries;
    const std::string which =
        count == all ? "all queries" : std::to_string(count) + " of " + std::to_string(all) + " queries of every head";
    lab::Check check = lab::at_most("accuracy rule", "fp64 attention, " + which, "largest error, at most twice the plain fp32 form's",
                                    accuracy.max_error, accuracy.bound, "", "this is not attention");
    if (const std::string doubt = lab::why_mistrusted(part); !doubt.empty()) check = lab::mistrust(check, doubt);
    return check;
}

/// Alarms of this run and of others on small inputs.
lab::Check quiet_check(const Request& request, const Ran& ran) {
    std::int64_t alarms = ran.report.alarms;
    std::int64_t comparisons = ran.report.row_checks;
    ka::Shape shape = request.shape;
    shape.batch = 1;
    shape.heads = std::min<std::int64_t>(shape.heads, 2);
    shape.queries = shape.keys = std::min(shape.keys, length_of_others);
    for (std::uint64_t other = 0; other < other_inputs; ++other) {
        const std::uint64_t seed = base::RandomStream(request.seed, "fault other inputs").bits(other);
        const ka::Inputs inputs = ka::make_inputs(shape, request.options, request.distribution, seed);
        const kp::Report report = run(request, inputs.problem()).report;
        alarms += report.alarms;
        comparisons += report.row_checks;
    }
    const std::string finding = std::to_string(alarms) + " of " + std::to_string(comparisons) + " comparisons alarm without a fault";
    // A design of others is shown with its false alarms; of anything else an alarm without a fault is a mistake.
    const bool shown_anyway = request.scheme->modelled && alarms > 0;
    const lab::Check check = lab::at_most("no alarm without a fault", "clean runs on 8 inputs", "alarms", static_cast<double>(alarms),
                                          shown_anyway ? static_cast<double>(comparisons) : 0, "", finding);
    return shown_anyway ? lab::mistrust(check, finding) : check;
}

}  // namespace

std::vector<float> Case::checked_part(const base::Numbers& out_BNHE) const {
    const ka::Shape& s = problem.shape;
    std::vector<float> part;
    part.reserve(reference.size());
    for (std::int64_t b = 0; b < s.batch; ++b) {
        for (std::int64_t i = 0; i < checked.shape.queries; ++i) {
            const std::int64_t row = (b * s.queries + first_checked + i * step) * s.heads * s.value_dim;
            for (std::int64_t c = 0; c < s.heads * s.value_dim; ++c) part.push_back(out_BNHE.at(static_cast<std::size_t>(row + c)));
        }
    }
    return part;
}

std::shared_ptr<const Case> shared_case(const Request& request) {
    static std::map<std::string, std::weak_ptr<const Case>> living;
    std::erase_if(living, [](const auto& entry) { return entry.second.expired(); });
    std::weak_ptr<const Case>& place = living[key_of(request)];
    std::shared_ptr<const Case> found = place.lock();
    if (!found) place = found = make_case(request);
    return found;
}

base::Numbers output_for(const ka::Problem& problem) {
    return base::Numbers(problem.dtype, static_cast<std::size_t>(ka::output_size(problem.shape)));
}

Ran run(const Request& request, const ka::Problem& problem) {
    Ran ran{output_for(problem), {}};
    ran.report = request.scheme->run(problem, request.protection, ran.out.bytes());
    return ran;
}

Verified verify_clean(const Request& request, const Case& prepared, const Ran& ran) {
    Verified verified;
    verified.checks.push_back(accuracy_check(prepared, ran, verified.error_ratio));
    verified.checks.push_back(quiet_check(request, ran));
    if (request.scheme->inject == nullptr) return verified;
    base::Numbers other = output_for(prepared.problem);
    kp::scheme(request.scheme->baseline).run(prepared.problem, {.level = kp::Level::none}, other.bytes());
    verified.checks.push_back(lab::at_most("as without protection", "scheme " + std::string(request.scheme->baseline),
                                           "numbers with other bits", differing(ran.out, other), 0));
    request.scheme->inject(prepared.problem, request.protection, nowhere, other.bytes());
    verified.checks.push_back(
        lab::at_most("injecting code without a fault", "the run that is timed", "numbers with other bits", differing(ran.out, other), 0));
    return verified;
}

}  // namespace plumb::families::fault
