// SPDX-License-Identifier: Apache-2.0
#include "report/summary.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "base/text.h"
#include "report/answers.h"
#include "report/made_up_study.h"

namespace plumb::report {
namespace {

using ::testing::HasSubstr;
using testing::MadeUpStudy;
using ::testing::Not;

std::string doubts_text(const MadeUpStudy& study) {
    std::vector<FigureData> figures;
    for (std::size_t i = 0; i < study.view.experiments.size(); ++i) {
        for (const lab::Figure& figure : study.view.experiments[i].figures) {
            figures.push_back(figure_data(study.store, study.view, i, figure));
        }
    }
    std::string text;
    for (const Doubt& doubt : doubts(study.store, study.view, figures)) {
        text += doubt.text + '\n';
    }
    return text;
}

TEST(Summary, IsAtMostTenLinesAndEndsWithThePage) {
    MadeUpStudy study;
    for (int i = 0; i < 12; ++i) {
        study.view.answers.push_back(study.view.answers.front());
        study.view.damaged.push_back("run " + std::to_string(i));
    }
    const std::vector<std::string> lines = base::split(summary(study.store, study.view, "report.html"), '\n');
    EXPECT_EQ(lines.size(), 11u) << "ten lines, each ended";
    EXPECT_EQ(lines[0], study.view.title);
    EXPECT_EQ(lines[9], "page: report.html");
    EXPECT_THAT(base::join(lines, "\n"), HasSubstr("more answers on the page"));
    EXPECT_THAT(base::join(lines, "\n"), HasSubstr("doubt: "));
}

TEST(Summary, GivesAnswersWithIntervalAndVerdict) {
    MadeUpStudy study;
    study.measure_noise(0.02, 0.04);
    const std::string text = summary(study.store, study.view, "");
    EXPECT_THAT(text, HasSubstr("210×  fused over the loop, batch of 32 (95 % interval"));
    EXPECT_THAT(text, HasSubstr("measured interleaved, faster)"));
    EXPECT_THAT(text, HasSubstr("65 / 70  outputs checked against fp64"));
    EXPECT_THAT(text, Not(HasSubstr("page:")));
}

TEST(Answers, SayWhyThereIsNoNumber) {
    MadeUpStudy study;
    study.view.answers[0].of = {{"stage", std::string("batch")}, {"impl", std::string("fused")}, {"value_dim", std::int64_t{20}}};
    study.view.answers[1].of = {{"impl", std::string("nobody")}};
    const std::vector<AnswerCard> cards = answer_cards(study.store, study.view);
    EXPECT_EQ(cards[0].headline, "–");
    EXPECT_THAT(cards[0].detail, HasSubstr("value_dim 20 is not a multiple of 8"));
    EXPECT_EQ(cards[1].headline, "–");
    EXPECT_THAT(cards[1].detail, HasSubstr("impl=nobody"));
}

TEST(Answers, OfRatiosComparePointsThatDifferOnlyInWhatIsNamed) {
    MadeUpStudy study;
    study.view.answers = {{lab::Answer::Kind::ratio,
                           "fused over sdpa",
                           "sweep",
                           "time",
                           {{"impl", std::string("fused")}, {"keys", std::int64_t{2048}}},
                           {{"impl", std::string("sdpa")}, {"keys", std::int64_t{2048}}}}};
    const std::vector<AnswerCard> cards = answer_cards(study.store, study.view);
    const double fused = study.row(1, {{"impl", std::string("fused")}, {"keys", std::int64_t{2048}}, {"mask", std::string("none")}})
                             .record->metric("time")
                             ->value;
    const double sdpa = study.row(1, {{"impl", std::string("sdpa")}, {"keys", std::int64_t{2048}}, {"mask", std::string("none")}})
                            .record->metric("time")
                            ->value;
    EXPECT_NEAR(std::stod(cards[0].headline), sdpa / fused, 0.03 * sdpa / fused);
}

TEST(Answers, OfTheBestNameThePointAndLeaveOutTheMistrusted) {
    MadeUpStudy study;
    study.view.answers = {{lab::Answer::Kind::best, "the fastest", "sweep", "time", {{"keys", std::int64_t{64}}}, {}}};
    const auto best_by_hand = [&] {
        const lab::ViewRow* best = nullptr;
        for (const lab::ViewRow* row : study.view.rows_of(1)) {
            const bool counts = row->status() == "done" && !row->record->mistrusted() &&
                                *lab::find(row->point.settings, "keys") == lab::Value(std::int64_t{64});
            if (counts && (best == nullptr || row->record->metric("time")->value < best->record->metric("time")->value)) best = row;
        }
        return best;
    };
    const lab::ViewRow* fastest = best_by_hand();
    const AnswerCard card = answer_cards(study.store, study.view)[0];
    EXPECT_THAT(card.detail, HasSubstr("impl=" + lab::format(*lab::find(fastest->point.settings, "impl"))));
    EXPECT_THAT(card.detail, HasSubstr("best of 6 points"));
    lab::ViewRow& doubted = study.row(1, fastest->point.settings);
    doubted.record->checks.front().status = lab::CheckStatus::mistrusted;
    const AnswerCard other = answer_cards(study.store, study.view)[0];
    EXPECT_NE(other.headline, card.headline);
    EXPECT_THAT(other.detail, HasSubstr("best of 5 points, 1 mistrusted left out"));
}

TEST(Answers, OfChecksReportTheWorst) {
    const MadeUpStudy study;
    const std::vector<AnswerCard> cards = answer_cards(study.store, study.view);
    EXPECT_EQ(cards[2].headline, "65 / 70");
    EXPECT_THAT(cards[2].detail, HasSubstr("3.1 (bound 2)"));
}

TEST(Doubts, NameEveryKindOfMissingNumber) {
    const std::string text = doubts_text(MadeUpStudy());
    EXPECT_THAT(text, HasSubstr("1 point failed (impl=einsum mask=causal keys=512)"));
    EXPECT_THAT(text, HasSubstr("1 point timed out (impl=sdpa mask=causal keys=1024): no end after 5 s."));
    EXPECT_THAT(text, HasSubstr("1 point is unsupported (stage=batch impl=fused value_dim=20): value_dim 20 is not a multiple of 8."));
    EXPECT_THAT(text, HasSubstr("1 point has not been run"));
    EXPECT_THAT(text, HasSubstr("proves little for 1 point: all outputs are zero."));
}

TEST(Doubts, DependOnTheNoiseFloor) {
    MadeUpStudy study;
    EXPECT_THAT(doubts_text(study), HasSubstr("never measured"));
    EXPECT_THAT(doubts_text(study), HasSubstr("12 of 12 ratios are unclear"));
    study.measure_noise(0.021, 0.045);
    EXPECT_THAT(doubts_text(study), HasSubstr("2.1 % for interleaved"));
    EXPECT_THAT(doubts_text(study), Not(HasSubstr("are unclear")));
}

TEST(Doubts, TellOfRatiosThatWereNotInterleaved) {
    MadeUpStudy study;
    for (lab::ViewRow& row : study.view.rows) {
        if (row.record) {
            row.record->group.clear();
        }
    }
    EXPECT_THAT(doubts_text(study), HasSubstr("12 of 12 ratios compare measurements that were not interleaved"));
}

TEST(Doubts, TellOfMixedAndUncommittedCodeMixedMachinesDamageAndTimeCaps) {
    MadeUpStudy study;
    study.view.damaged = {"20261122T000000.000Z-deadbeef: the seal is missing"};
    study.view.rows[0].record->code_version = "0.1.0 (1234567, modified)";
    study.view.rows[1].record->host["machine"] = "ffffffff";
    study.view.rows[2].record->timings[0].stop = lab::StopReason::time_cap;
    const std::string text = doubts_text(study);
    EXPECT_THAT(text, HasSubstr("damaged run was left out: 20261122T000000.000Z-deadbeef"));
    EXPECT_THAT(text, HasSubstr("no commit holds: 0.1.0 (1234567, modified)"));
    EXPECT_THAT(text, HasSubstr("2 code versions are mixed"));
    EXPECT_THAT(text, HasSubstr("2 machines are mixed"));
    EXPECT_THAT(text, HasSubstr("reached the time cap"));
}

TEST(Doubts, PutTheGravestFirst) {
    const MadeUpStudy study;
    const std::vector<Doubt> found = doubts(study.store, study.view, {});
    EXPECT_TRUE(std::ranges::is_sorted(found, {}, [](const Doubt& doubt) {
        return doubt.tone == Tone::bad ? 0 : doubt.tone == Tone::doubtful ? 1 : 2;
    }));
    EXPECT_EQ(found.front().tone, Tone::bad);
}

TEST(Counts, AddUpToThePoints) {
    const MadeUpStudy study;
    const Counts counts = count_points(study.view);
    std::size_t sum = 0;
    for (const auto& [status, number] : counts.by_status) {
        sum += number;
    }
    EXPECT_EQ(sum, study.view.rows.size());
    EXPECT_EQ(counts.mistrusted, 1u);
}

}  // namespace
}  // namespace plumb::report
