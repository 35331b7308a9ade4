// SPDX-License-Identifier: Apache-2.0
// Verdicts on records whose truth is known: samples are made up, sealed into a store and compared from there.
#include "lab/compare.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/random.h"
#include "lab/noise.h"
#include "lab/probe_family.h"
#include "temporary_folder.h"

namespace plumb::lab {
namespace {

using testing::HasSubstr;
using testing::Not;

const double not_a_number = std::nan("");
const Metric time_metric{"time", "time of a call", "s", Metric::Better::lower, true};
const Metric rate_metric{"throughput", "bytes a second", "B/s", Metric::Better::higher, false};
const Metric loss_metric{"loss", "nats", "", Metric::Better::lower, false};
const Metric count_metric{"tokens", "tokens seen", "", Metric::Better::neither, false};

// ---- judge ----

TEST(Judge, NeedsTheWholeIntervalBeyondTheThreshold) {
    EXPECT_EQ(judge({1.05, 1.02, 1.08}, true, 0.0).verdict, Verdict::faster);
    EXPECT_EQ(judge({0.95, 0.92, 0.98}, true, 0.0).verdict, Verdict::slower);
    EXPECT_EQ(judge({1.05, 1.009, 1.08}, true, 0.0).verdict, Verdict::unclear);
    EXPECT_EQ(judge({1.0, 0.995, 1.005}, true, 0.0).verdict, Verdict::same);
    EXPECT_EQ(judge({1.0, 0.95, 1.05}, true, 0.0).verdict, Verdict::unclear);
}

TEST(Judge, TakesTheFloorWhereItIsHigherThanOnePercent) {
    EXPECT_EQ(judge({1.05, 1.02, 1.08}, true, 0.03).verdict, Verdict::unclear);
    EXPECT_EQ(judge({1.05, 1.04, 1.08}, true, 0.03).verdict, Verdict::faster);
    EXPECT_EQ(judge({1.0, 0.98, 1.02}, true, 0.03).verdict, Verdict::same);
    EXPECT_EQ(judge({1.05, 1.02, 1.08}, true, 0.001).verdict, Verdict::faster);
    EXPECT_THAT(judge({1.05, 1.04, 1.08}, true, 0.021).reason, HasSubstr("noise floor of 2.1 %"));
}

TEST(Judge, DoesNotTrustAWideIntervalThatJustMissesOne) {
    EXPECT_EQ(judge({1.5, 1.02, 2.2}, true, 0.0).verdict, Verdict::unclear);
    EXPECT_EQ(judge({1 / 1.5, 1 / 2.2, 1 / 1.02}, true, 0.0).verdict, Verdict::unclear);
    EXPECT_EQ(judge({1.5, 1.2, 1.9}, true, 0.0).verdict, Verdict::faster);
    EXPECT_THAT(judge({1.5, 1.02, 2.2}, true, 0.0).reason, HasSubstr("too wide"));
}

TEST(Judge, IsSymmetricInBothDirections) {
    for (const double low : {0.9, 0.97, 0.985, 0.995, 1.001, 1.02, 1.2}) {
        for (const double width : {1.001, 1.01, 1.05}) {
            const Judgement there = judge({low * std::sqrt(width), low, low * width}, true, 0.015);
            const Judgement back = judge({1 / (low * std::sqrt(width)), 1 / (low * width), 1 / low}, true, 0.015);
            const Verdict mirrored = there.verdict == Verdict::faster   ? Verdict::slower
                                     : there.verdict == Verdict::slower ? Verdict::faster
                                                                        : there.verdict;
            EXPECT_EQ(back.verdict, mirrored) << low << " " << width;
        }
    }
}

TEST(Judge, ClaimsNothingOnAMachineWhoseNoiseIsUnknown) {
    const Judgement judgement = judge({2, 1.9, 2.1}, true, std::nullopt);
    EXPECT_EQ(judgement.verdict, Verdict::unclear);
    EXPECT_THAT(judgement.reason, HasSubstr("plumb doctor"));
    EXPECT_EQ(judge({1, 0.999, 1.001}, true, std::nullopt).verdict, Verdict::same);
}

TEST(Judge, IsUnclearWithoutANumber) {
    EXPECT_EQ(judge({not_a_number, not_a_number, not_a_number}, true, 0.0).verdict, Verdict::unclear);
    EXPECT_THAT(judge({not_a_number, not_a_number, not_a_number}, false, 0.0).reason, HasSubstr("no ratio"));
}

TEST(Judge, SaysWhatWouldMakeItClear) {
    EXPECT_THAT(judge({1.05, 0.9, 1.2}, true, 0.0).reason, HasSubstr("collect more samples"));
    EXPECT_THAT(judge({1.01, 1.008, 1.012}, true, 0.0).reason, HasSubstr("quieter machine"));
}

TEST(Verdict, HasANameForEachValue) {
    EXPECT_EQ(name(Verdict::faster), "faster");
    EXPECT_EQ(name(Verdict::slower), "slower");
    EXPECT_EQ(name(Verdict::same), "same");
    EXPECT_EQ(name(Verdict::unclear), "unclear");
}

// ---- records ----

/// Lognormal times of 100 blocks; all of a group see the same drift of the machine.
std::vector<double> samples_of(const std::string& name, double seconds, std::size_t count = 100) {
    const base::RandomStream random(17, name);
    std::vector<double> samples(count);
    for (std::size_t i = 0; i < count; ++i) {
        samples[i] = seconds * (1 + 0.3 * std::sin(static_cast<double>(i) / 9)) * std::exp(0.01 * random.normal(i));
    }
    return samples;
}

Point point_of(const std::string& impl, std::int64_t length, int repeat = 0) {
    Point point;
    point.family = "probe";
    point.settings = {{"impl", impl}, {"length", length}};
    point.repeat = repeat;
    point.seed = 1;
    return point;
}

Record record_of(const Point& point, const std::vector<double>& samples, const std::string& group = {}) {
    Record record;
    record.point = point;
    record.study = "study";
    record.status = Status::done;
    record.checks = {at_most("close", "reference", "error", 0, 1)};
    record.group = group;
    record.host = {{"machine", "cafe0123"}, {"compiler", "GCC 12.2.0"}};
    Timing timing;
    timing.action = "forward";
    timing.samples = samples;
    timing.median = base::median_interval(samples);
    record.timings = {timing};
    const base::Interval median = timing.median;
    record.metrics = {estimate("time", median, samples.size()),
                      estimate("throughput", {1e6 / median.value, 1e6 / median.high, 1e6 / median.low}, 100)};
    return record;
}

class Comparison : public testing::Test {
  protected:
    Comparison() {
        save_noise_floor(store, {.paired = 0.005, .unpaired = 0.2, .pairs = 40, .machine = "cafe0123", .measured = "2026-01-01T00:00:00Z"});
    }
    Record sealed(Record record, const Store& into) {
        return into.seal(into.open_work("study", record.point), std::move(record), "format = 1\n");
    }
    Record sealed(Record record) { return sealed(std::move(record), store); }

    test::TemporaryFolder folder;
    Store store{folder.path() / "runs"};
    Store other{folder.path() / "other"};
};

TEST_F(Comparison, PairsBlocksOfRunsThatWereInterleaved) {
    const Record slow = sealed(record_of(point_of("slow", 8), samples_of("slow", 1.05e-3), "g1"));
    const Record fast = sealed(record_of(point_of("fast", 8), samples_of("fast", 1e-3), "g1"));
    const Judgement judgement = compare_records(store, slow, fast, time_metric);
    EXPECT_TRUE(judgement.paired);
    EXPECT_NEAR(judgement.ratio.value, 1.05, 0.005);
    EXPECT_EQ(judgement.verdict, Verdict::faster);
    EXPECT_THAT(judgement.reason, HasSubstr("100 blocks, interleaved"));
    EXPECT_EQ(compare_records(store, fast, slow, time_metric).verdict, Verdict::slower);
    EXPECT_EQ(compare_records(store, fast, fast, time_metric).verdict, Verdict::same);
}

TEST_F(Comparison, DoesNotPairRunsThatWereTakenApart) {
    const Record slow = sealed(record_of(point_of("slow", 8), samples_of("slow", 1.05e-3)));
    const Record fast = sealed(record_of(point_of("fast", 8), samples_of("fast", 1e-3)));
    const Judgement judgement = compare_records(store, slow, fast, time_metric);
    EXPECT_FALSE(judgement.paired);
    EXPECT_NEAR(judgement.ratio.value, 1.05, 0.2);
    EXPECT_NE(judgement.verdict, Verdict::faster) << "a ratio of 1.05 cannot clear the floor of 20 % of such runs";
    EXPECT_THAT(judgement.reason, HasSubstr("not interleaved"));
    const Record slower = sealed(record_of(point_of("slower", 8), samples_of("slower", 2e-3), "g2"));
    EXPECT_FALSE(compare_records(store, slower, fast, time_metric).paired);
    EXPECT_EQ(compare_records(store, slower, fast, time_metric).verdict, Verdict::faster);
}

TEST_F(Comparison, UsesTheIntervalsOfWhatIsNotATiming) {
    const Record slow = sealed(record_of(point_of("slow", 8), samples_of("slow", 2e-3), "g1"));
    const Record fast = sealed(record_of(point_of("fast", 8), samples_of("fast", 1e-3), "g1"));
    const Judgement judgement = compare_records(store, slow, fast, rate_metric);
    EXPECT_FALSE(judgement.paired);
    EXPECT_NEAR(judgement.ratio.value, 2, 0.1);
    EXPECT_EQ(judgement.verdict, Verdict::faster);
    EXPECT_THAT(judgement.reason, HasSubstr("from the intervals"));
    EXPECT_THAT(judgement.reason, Not(HasSubstr("drift")));
}

TEST_F(Comparison, JudgesNumbersThatDoNotDependOnTimeWithoutAFloor) {
    Record worse = record_of(point_of("a", 8), samples_of("a", 1e-3));
    Record better = record_of(point_of("b", 8), samples_of("b", 1e-3));
    worse.host["machine"] = better.host["machine"] = "unmeasured";
    worse.metrics = {exact("loss", 3.0), exact("tokens", 100), exact("zero", 0)};
    better.metrics = {exact("loss", 2.5), exact("tokens", 200), exact("zero", 0)};
    worse = sealed(worse);
    better = sealed(better);
    EXPECT_EQ(compare_records(store, worse, better, loss_metric).verdict, Verdict::faster);
    EXPECT_EQ(compare_records(store, better, worse, loss_metric).verdict, Verdict::slower);
    EXPECT_EQ(compare_records(store, better, better, loss_metric).verdict, Verdict::same);
    EXPECT_EQ(compare_records(store, worse, better, count_metric).verdict, Verdict::unclear);
    EXPECT_THAT(compare_records(store, worse, better, count_metric).reason, HasSubstr("no better direction"));
    EXPECT_EQ(compare_records(store, worse, better, {"zero", "", "", Metric::Better::lower, false}).verdict, Verdict::same);
    EXPECT_THAT(compare_records(store, worse, better, rate_metric).reason, HasSubstr("has no 'throughput'"));
}

TEST_F(Comparison, ConcludesNothingFromOneTiming) {
    const Record slow = sealed(record_of(point_of("slow", 8), {2.0}));
    const Record fast = sealed(record_of(point_of("fast", 8), {1.0}));
    const Judgement judgement = compare_records(store, slow, fast, time_metric);
    EXPECT_EQ(judgement.verdict, Verdict::unclear);
    EXPECT_THAT(judgement.reason, HasSubstr("collect more samples"));
    EXPECT_EQ(judgement.ratio.value, 2);
}

TEST_F(Comparison, SaysWhatDiffersAndWhatIsDoubtful) {
    Record here = record_of(point_of("a", 8), samples_of("a", 3e-3));
    Record there = record_of(point_of("b", 8), samples_of("b", 1e-3));
    there.host = {{"machine", "beef4567"}, {"compiler", "GCC 14.1.0"}};
    there.checks = {mistrust(there.checks[0], "all zeros")};
    here = sealed(here);
    there = sealed(there);
    const Judgement unknown = compare_records(store, here, there, time_metric);
    EXPECT_EQ(unknown.verdict, Verdict::unclear) << "the other machine has no floor";
    EXPECT_THAT(unknown.reason, HasSubstr("different machines (cafe0123 and beef4567)"));
    EXPECT_THAT(unknown.reason, HasSubstr("compiler differs"));
    EXPECT_THAT(unknown.reason, HasSubstr("check of the candidate is mistrusted"));
    save_noise_floor(store, {.paired = 0.5, .unpaired = 0.9, .pairs = 40, .machine = "beef4567", .measured = "2026-01-01T00:00:00Z"});
    EXPECT_THAT(compare_records(store, here, there, time_metric).reason, HasSubstr("noise floor of 90 %"))
        << "the larger floor of both counts";
}

TEST_F(Comparison, ReadsEachSideFromItsOwnStore) {
    const Record here = sealed(record_of(point_of("a", 8), samples_of("here", 3e-3)));
    const Record there = sealed(record_of(point_of("a", 8), samples_of("there", 1e-3)), other);
    EXPECT_EQ(compare_records(store, here, other, there, time_metric).verdict, Verdict::unclear) << "the other store knows no floor";
    save_noise_floor(other, *load_noise_floor(store, "cafe0123"));
    EXPECT_EQ(compare_records(store, here, other, there, time_metric).verdict, Verdict::faster);
}

TEST(TimedAction, FollowsTheNameOfTheMetric) {
    Record record;
    EXPECT_EQ(timed_action(record, "time"), std::nullopt);
    record.timings.resize(2);
    record.timings[0].action = "compress";
    record.timings[1].action = "decompress";
    EXPECT_EQ(timed_action(record, "time"), "compress");
    EXPECT_EQ(timed_action(record, "decompress_time"), "decompress");
    EXPECT_EQ(timed_action(record, "decompress"), "decompress");
    EXPECT_EQ(timed_action(record, "decompress_throughput"), std::nullopt);
}

// ---- points of studies ----

StudyView view_of(const std::string& name, std::vector<Record> records) {
    StudyView view;
    view.name = name;
    ViewExperiment experiment;
    experiment.name = "ladder";
    experiment.family = "probe";
    experiment.varying = {"impl", "length"};
    Parameter impl{.name = "impl", .help = "", .type = Type::text, .unit = "", .default_value = std::string("slow"), .choices = {}};
    Parameter length{.name = "length", .help = "", .type = Type::integer, .unit = "", .default_value = std::int64_t{8}, .choices = {}};
    experiment.parameters = {impl, length};
    experiment.metrics = {time_metric, rate_metric};
    view.experiments = {experiment};
    for (Record& record : records) view.rows.push_back({0, record.point, std::move(record)});
    return view;
}

class Points : public Comparison {
  protected:
    Points() {
        Record failed = record_of(point_of("fast", 16), {});
        failed.status = Status::failed;
        failed.reason = "out of memory";
        failed.timings.clear();
        failed.metrics.clear();
        view = view_of("study", {sealed(record_of(point_of("slow", 8), samples_of("slow 8", 2e-3), "g8")),
                                 sealed(record_of(point_of("fast", 8), samples_of("fast 8", 1e-3), "g8")),
                                 sealed(record_of(point_of("slow", 16), samples_of("slow 16", 4e-3), "g16")), sealed(failed)});
        view.rows.push_back({0, point_of("fast", 32), std::nullopt});
    }
    StudyView view;
};

TEST_F(Points, AreComparedAlongAKeyAndSayWhyTheyAreNot) {
    const std::vector<ComparisonRow> rows = compare_by(store, view, "impl", "", "time");
    ASSERT_EQ(rows.size(), 3u);
    EXPECT_EQ(rows[0].baseline, "slow");
    EXPECT_EQ(rows[0].candidate, "fast");
    EXPECT_EQ(rows[0].settings, (Settings{{"length", std::int64_t{8}}}));
    ASSERT_TRUE(rows[0].judgement);
    EXPECT_EQ(rows[0].judgement->verdict, Verdict::faster);
    EXPECT_NEAR(rows[0].judgement->ratio.value, 2, 0.02);
    EXPECT_EQ(rows[0].candidate_record, &*view.rows[1].record);
    EXPECT_FALSE(rows[1].judgement);
    EXPECT_EQ(rows[1].baseline_status, "done");
    EXPECT_EQ(rows[1].candidate_status, "failed: out of memory");
    EXPECT_FALSE(rows[2].judgement);
    EXPECT_EQ(rows[2].baseline_status, "not planned");
    EXPECT_EQ(rows[2].candidate_status, "not run");
    EXPECT_EQ(rows[2].baseline_record, nullptr);
}

TEST_F(Points, TakeTheBaselineThatIsNamed) {
    const std::vector<ComparisonRow> rows = compare_by(store, view, "impl", "fast", "time");
    ASSERT_EQ(rows.size(), 2u);
    EXPECT_EQ(rows[0].candidate, "slow");
    EXPECT_EQ(rows[0].judgement->verdict, Verdict::slower);
    EXPECT_EQ(compare_by(store, view, "length", "16", "throughput").size(), 3u);
}

TEST_F(Points, WithoutAVerifiedOutputHaveNoRatio) {
    view.rows[1].record->checks[0].status = CheckStatus::failed;
    const std::vector<ComparisonRow> rows = compare_by(store, view, "impl", "slow", "time");
    EXPECT_FALSE(rows[0].judgement);
    EXPECT_THAT(rows[0].candidate_status, HasSubstr("check failed"));
}

TEST_F(Points, OfRepeatsAreComparedRepeatByRepeat) {
    StudyView repeated = view_of("study", {});
    for (const int repeat : {0, 1}) {
        for (const char* impl : {"slow", "fast"}) {
            const std::string name = impl + std::to_string(repeat);
            const Record record =
                sealed(record_of(point_of(impl, 8, repeat), samples_of(name, impl[0] == 's' ? 2e-3 : 1e-3), std::to_string(repeat)));
            repeated.rows.push_back({0, record.point, record});
        }
    }
    const std::vector<ComparisonRow> rows = compare_by(store, repeated, "impl", "", "time");
    ASSERT_EQ(rows.size(), 2u);
    EXPECT_EQ(rows[1].settings, (Settings{{"length", std::int64_t{8}}, {"repeat", std::int64_t{1}}}));
    EXPECT_TRUE(rows[1].judgement->paired);
}

std::string refusal(const std::function<void()>& act) {
    try {
        act();
    } catch (const base::Error& error) {
        EXPECT_EQ(error.kind(), base::ErrorKind::usage);
        return std::string(error.what()) + " | " + error.hint();
    }
    return "accepted";
}

TEST_F(Points, AreRefusedWithWhatThereIs) {
    EXPECT_THAT(refusal([&] { compare_by(store, view, "impl", "", "tiem"); }), HasSubstr("did you mean 'time'"));
    EXPECT_THAT(refusal([&] { compare_by(store, view, "imp", "", "time"); }), HasSubstr("did you mean 'impl'"));
    EXPECT_THAT(refusal([&] { compare_by(store, view, "impl", "fats", "time"); }), HasSubstr("did you mean 'fast'"));
    EXPECT_THAT(refusal([&] { compare_views(store, view, store, view, "tiem"); }), HasSubstr("did you mean 'time'"));
}

TEST_F(Points, OfTwoStudiesArePairedBySettings) {
    const StudyView later = view_of("later", {sealed(record_of(point_of("fast", 8), samples_of("later", 0.5e-3)), other),
                                              sealed(record_of(point_of("new", 8), samples_of("new", 0.5e-3)), other)});
    save_noise_floor(other, *load_noise_floor(store, "cafe0123"));
    const std::vector<ComparisonRow> rows = compare_views(store, view, other, later, "time");
    ASSERT_EQ(rows.size(), 6u);  // five of the first study, one that only the second has
    EXPECT_EQ(rows[0].candidate_status, "not in later");
    ASSERT_TRUE(rows[1].judgement);
    EXPECT_EQ(rows[1].baseline, "study");
    EXPECT_EQ(rows[1].candidate, "later");
    EXPECT_EQ(rows[1].judgement->verdict, Verdict::faster);
    EXPECT_EQ(rows[3].baseline_status, "failed: out of memory");
    EXPECT_EQ(rows[5].baseline_status, "not in study");
    EXPECT_EQ(rows[5].candidate_record, &*later.rows[1].record);
}

TEST_F(Points, OfOneStudyInTwoStoresAreToldApartByTheStore) {
    const StudyView copy = view_of("study", {sealed(record_of(point_of("slow", 8), samples_of("copy", 2e-3)), other)});
    const std::vector<ComparisonRow> rows = compare_views(store, view, other, copy, "time");
    EXPECT_NE(rows[0].baseline, rows[0].candidate);
    EXPECT_THAT(rows[0].candidate, HasSubstr("other"));
}

TEST(ChanceRemark, CountsClaimsAgainstWhatChanceGives) {
    std::vector<ComparisonRow> rows(41);
    for (std::size_t i = 0; i < 40; ++i)
        rows[i].judgement = judge(i < 3 ? base::Interval{1.2, 1.1, 1.3} : base::Interval{1, 0.999, 1.001}, true, 0.0);
    EXPECT_DOUBLE_EQ(expected_false_verdicts(40), 2);
    EXPECT_THAT(chance_remark(rows), HasSubstr("3 of 40"));
    EXPECT_THAT(chance_remark(rows), HasSubstr("at most 2"));
    EXPECT_EQ(chance_remark(std::span(rows).first(1)), "");
}

}  // namespace
}  // namespace plumb::lab
