// SPDX-License-Identifier: Apache-2.0
// The direction backward: gradients of whoever offers them are right before and after their calls are timed, wrong ones fail, who offers
// none says so, and files with d_out give files with dq, dk and dv.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/random.h"
#include "base/tensor_file.h"
#include "families/attention/backward_trial.h"
#include "families/attention/declarations.h"
#include "families/attention/family.h"
#include "families/attention/gradient_verdicts.h"
#include "families/attention/layout.h"
#include "nn/attention_peers.h"
#include "temporary_folder.h"

namespace plumb::families::attention {
namespace {

namespace ka = kernels::attention;
namespace fs = std::filesystem;
using base::ElementType;
using lab::CheckStatus;
using ::testing::HasSubstr;

lab::Settings with(const lab::Settings& changed) {
    lab::Settings small = {{"direction", std::string("backward")}, {"batch", std::int64_t{2}}, {"heads", std::int64_t{4}},
                           {"queries", std::int64_t{20}},          {"keys", std::int64_t{20}}, {"tries", std::int64_t{2}},
                           {"inputs", std::string("normal")}};
    for (const lab::Setting& entry : changed) {
        std::erase_if(small, [&](const lab::Setting& given) { return given.name == entry.name; });
        small.push_back(entry);
    }
    return resolve(schema().complete(small));
}

Request request(const lab::Settings& changed) {
    return read_request(with(changed), 11);
}

std::string complaint(const lab::Settings& changed) {
    try {
        BackwardTrial trial(request(changed));
    } catch (const base::Error& error) {
        return (error.kind() == base::ErrorKind::unsupported ? "unsupported: " : "") + std::string(error.what()) + " | " + error.hint();
    }
    return "";
}

void expect_passed(const std::vector<lab::Check>& checks) {
    for (const lab::Check& check : checks)
        EXPECT_EQ(check.status, CheckStatus::passed) << check.name << ": " << check.measured << " of " << check.bound << " " << check.note;
}

class EveryGradient : public ::testing::TestWithParam<std::tuple<std::string, std::string>> {};

TEST_P(EveryGradient, PassesItsChecksBeforeAndAfterItsCallsAreTimed) {
    const auto& [impl, kind] = GetParam();
    if (impl == "sdpa" && nn::attention_peers().empty()) GTEST_SKIP() << "built without LibTorch";
    lab::Settings changed = {{"impl", impl}};
    if (kind == "causal" || kind == "boolean" || kind == "sliding_window") changed.push_back({"mask", kind});
    if (kind == "grouped") changed.push_back({"key_heads", std::int64_t{2}});
    if (kind == "heads_first") changed.push_back({"layout", std::string("bhnd")});
    if (kind == "scaled") changed.push_back({"scale", 0.5});
    if (kind == "two_threads") changed.push_back({"threads", std::int64_t{2}});
    BackwardTrial trial(request(changed));
    const std::vector<lab::Check> checks = trial.verify();
    expect_passed(checks);
    EXPECT_EQ(std::ranges::count_if(checks, [](const auto& check) { return check.name.starts_with("accuracy rule of d"); }), 3);
    const auto actions = trial.actions();
    for (int call = 0; call < 3; ++call) {
        for (const lab::Action& action : actions) action.run();
    }
    expect_passed(trial.verify_after());
}

INSTANTIATE_TEST_SUITE_P(Attention, EveryGradient,
                         ::testing::Combine(::testing::Values("fused", "sdpa"),
                                            ::testing::Values("plain", "causal", "boolean", "sliding_window", "grouped", "heads_first",
                                                              "scaled", "two_threads")),
                         [](const auto& chosen) { return std::get<0>(chosen.param) + "_" + std::get<1>(chosen.param); });

TEST(AttentionBackward, TakesSixteenBitsPaddingAndBiasInTheFusedKernel) {
    for (const std::string dtype : {"bf16", "fp16"}) {
        BackwardTrial trial(request({{"dtype", dtype}, {"mask", std::string("key_padding")}, {"bias", true}}));
        expect_passed(trial.verify());
    }
}

TEST(AttentionBackward, ComparesTheHeadsThatAreNotCheckedWithAnotherImplementation) {
    if (nn::attention_peers().empty()) GTEST_SKIP() << "built without LibTorch";
    const lab::Settings many = {{"batch", std::int64_t{1}},
                                {"heads", std::int64_t{24}},
                                {"queries", std::int64_t{400}},
                                {"keys", std::int64_t{400}},
                                {"tries", std::int64_t{1}}};
    for (const std::string impl : {"fused", "sdpa"}) {
        lab::Settings changed = many;
        changed.push_back({"impl", impl});
        const std::vector<lab::Check> checks = BackwardTrial(request(changed)).verify();
        expect_passed(checks);
        const auto named = [&](const std::string& name) {
            return std::ranges::find(checks, name, [](const auto& check) { return check.name; });
        };
        ASSERT_NE(named("accuracy rule of dk"), checks.end());
        EXPECT_THAT(named("accuracy rule of dk")->reference, HasSubstr("19 of 24 key heads"));
        EXPECT_NE(named(std::string("agreement of dq with ") + (impl == "fused" ? "sdpa" : "fused")), checks.end());
    }
}

class GradientVerdictsOnACase : public ::testing::Test {
  protected:
    GradientVerdictsOnACase() : prepared_(CaseSet::shared(key())->at(0)), right_(prepared_->problem.shape) {
        const auto executor = make_gradient_executor("fused", "best", prepared_->gradients->backward(), ka::Layout::bnhd);
        executor->backward();
        executor->copy_gradients(right_.spans());
    }
    static CaseKey key() { return request({{"tries", std::int64_t{1}}}).cases; }
    std::vector<std::string> failures(const GradientArrays& gradients) const {
        GradientVerdicts verdicts("fused", key());
        verdicts.add(*prepared_, gradients);
        std::vector<std::string> failed;
        for (const lab::Check& check : verdicts.checks()) {
            if (check.status == CheckStatus::failed) failed.push_back(check.name);
        }
        return failed;
    }

    std::shared_ptr<Case> prepared_;
    GradientArrays right_;
};

TEST_F(GradientVerdictsOnACase, FailTheTensorWithOneWrongNumberWhereverItStands) {
    EXPECT_THAT(failures(right_), ::testing::IsEmpty());
    for (const float wrong : {1.5F, std::nanf(""), INFINITY}) {
        for (const std::size_t place : {std::size_t{0}, right_.dk.size() / 2 + 7, right_.dk.size() - 1}) {
            GradientArrays gradients = right_;
            gradients.dk[place] += wrong;
            EXPECT_THAT(failures(gradients), ::testing::ElementsAre("accuracy rule of dk")) << wrong << " at " << place;
        }
    }
    GradientArrays gradients = right_;
    for (float& number : gradients.dq) number *= 1.0001F;
    EXPECT_THAT(failures(gradients), ::testing::ElementsAre("accuracy rule of dq"));
}

TEST_F(GradientVerdictsOnACase, FailASavedOutputThatIsWrongThoughTheGradientsFollowIt) {
    // What the kernel is given is not what the references are made of: both are borrowed, and only the first is changed.
    const ka::Backward given = prepared_->gradients->backward();
    float& saved = const_cast<float&>(static_cast<const float*>(given.out)[5]);
    const float before = saved;
    saved += 0.25F;
    EXPECT_THAT(failures(right_), ::testing::Contains("saved output: accuracy rule"));
    saved = before;
    EXPECT_THAT(failures(right_), ::testing::IsEmpty());
}

TEST(AttentionBackward, SaysWhoHasNone) {
    for (const std::string& impl : implementation_names()) {
        if (impl == "fused" || impl == "sdpa") continue;
        EXPECT_THAT(complaint({{"impl", impl}}), HasSubstr("unsupported: impl " + impl + ": no backward pass"));
    }
    EXPECT_THAT(complaint({{"precision", std::string("high")}}), HasSubstr("precision high is not offered"));
    EXPECT_THAT(complaint({{"queries", std::int64_t{40000}}, {"keys", std::int64_t{40000}}, {"tries", std::int64_t{1}}}),
                HasSubstr("choose fewer queries or keys"));
    if (nn::attention_peers().empty()) return;
    EXPECT_THAT(complaint({{"impl", std::string("sdpa")}, {"dtype", std::string("bf16")}}), HasSubstr("unsupported: impl sdpa: "));
    EXPECT_THAT(complaint({{"impl", std::string("sdpa")}, {"bias", true}}), HasSubstr("bias"));
    EXPECT_THAT(complaint({{"impl", std::string("sdpa")}, {"mask", std::string("causal")}, {"keys", std::int64_t{10}}}),
                HasSubstr("queries see no key"));
}

TEST(AttentionBackward, CountsTheOperationsOfFiveProducts) {
    BackwardTrial trial(request({{"tries", std::int64_t{1}}}));
    trial.verify();
    std::vector<lab::Timing> timings(2);
    for (const lab::Action& action : trial.actions()) action.run();
    for (lab::Timing& timing : timings) {
        timing.samples = {0.002, 0.002, 0.004};
        timing.median = {0.002, 0.002, 0.004};
    }
    std::set<std::string> declared;
    for (const lab::Metric& metric : metrics()) declared.insert(metric.name);
    double throughput = 0;
    for (const lab::MetricValue& value : trial.metrics(timings)) {
        EXPECT_TRUE(declared.contains(value.name)) << value.name;
        if (value.name == "throughput") throughput = value.value;
    }
    EXPECT_NEAR(throughput, 5 * 2.0 * 2 * 4 * 20 * 20 * 64 * 1e-9 / 0.002, 1e-9);
}

/// B 2, N 5, M 7, H 4, G 2, D 3, E 6 in the layout bnhd.
class AttentionBackwardFiles : public ::testing::Test {
  protected:
    static std::vector<float> normal(std::size_t count, const std::string& purpose) {
        std::vector<float> numbers(count);
        base::RandomStream(17, purpose).fill_normal(numbers, 0, 1);
        return numbers;
    }
    fs::path path(const std::string& name) const { return folder_.path() / name; }
    void write(std::vector<std::int64_t> shape_of_d_out) const {
        std::vector<base::TensorView> tensors = {base::tensor_view<float>("q", ElementType::fp32, {2, 5, 4, 3}, q_),
                                                 base::tensor_view<float>("k", ElementType::fp32, {2, 7, 2, 3}, k_),
                                                 base::tensor_view<float>("v", ElementType::fp32, {2, 7, 2, 6}, v_)};
        if (!shape_of_d_out.empty())
            tensors.push_back(base::tensor_view<float>("d_out", ElementType::fp32, std::move(shape_of_d_out), d_out_));
        base::write_tensors(path("in.safetensors"), tensors);
    }
    std::string run() const {
        try {
            const auto family = make_family();
            lab::Point point{family->name(),
                             family->version(),
                             family->resolve(family->schema().complete({{"direction", std::string("backward")},
                                                                        {"mask", std::string("causal")},
                                                                        {"input", path("in.safetensors").string()},
                                                                        {"output", path("out.npz").string()}})),
                             {},
                             0,
                             0};
            point.inputs = family->inputs(point.settings);
            expect_passed(family->prepare(point, {})->verify());
        } catch (const base::Error& error) {
            return std::string(error.what()) + " | " + error.hint();
        }
        return "";
    }
    /// sum(out x d_out) in fp64, straight from the definition.
    double loss() const {
        double sum = 0;
        for (int b = 0; b < 2; ++b)
            for (int h = 0; h < 4; ++h)
                for (int n = 0; n < 5; ++n) {
                    double weights = 0, weighted = 0;
                    for (int m = 0; m <= n + 2; ++m) {
                        double score = 0, value = 0;
                        for (int d = 0; d < 3; ++d)
                            score += number(q_, ((b * 5 + n) * 4 + h) * 3 + d) * number(k_, ((b * 7 + m) * 2 + h / 2) * 3 + d);
                        for (int e = 0; e < 6; ++e)
                            value += number(d_out_, ((b * 5 + n) * 4 + h) * 6 + e) * number(v_, ((b * 7 + m) * 2 + h / 2) * 6 + e);
                        weights += std::exp(score / std::sqrt(3.0));
                        weighted += std::exp(score / std::sqrt(3.0)) * value;
                    }
                    sum += weighted / weights;
                }
        return sum;
    }
    static double number(const std::vector<float>& numbers, int at) { return static_cast<double>(numbers[static_cast<std::size_t>(at)]); }

    std::vector<float> q_ = normal(2 * 5 * 4 * 3, "q"), k_ = normal(2 * 7 * 2 * 3, "k"), v_ = normal(2 * 7 * 2 * 6, "v");
    std::vector<float> d_out_ = normal(2 * 5 * 4 * 6, "d_out");

  private:
    test::TemporaryFolder folder_;
};

TEST_F(AttentionBackwardFiles, HoldTheDerivativesOfTheLossByEveryNumber) {
    write({2, 5, 4, 6});
    EXPECT_EQ(run(), "");
    const base::TensorFile written(path("out.npz"));
    const std::pair<const char*, std::vector<float>*> tensors[] = {{"dq", &q_}, {"dk", &k_}, {"dv", &v_}};
    constexpr float step = 0x1p-10F;
    for (const auto& [name, numbers] : tensors) {
        const base::Tensor gradient = written.read(name);
        ASSERT_EQ(gradient.as<float>().size(), numbers->size()) << name;
        for (std::size_t i = 0; i < numbers->size(); ++i) {
            float& number = (*numbers)[i];
            const float before = number;
            number = before + step;
            const float above = number;
            const double upper = loss();
            number = before - step;
            const double slope = (upper - loss()) / static_cast<double>(above - number);
            number = before;
            // The third derivative times the step's square: 1e-6 of numbers of size 1 to 10.
            EXPECT_NEAR(static_cast<double>(gradient.as<float>()[i]), slope, 2e-5) << name << " " << i;
        }
    }
    EXPECT_EQ(written.at("dk"), (base::TensorInfo{"dk", ElementType::fp32, {2, 7, 2, 3}}));
}

TEST_F(AttentionBackwardFiles, SayThatTheGradientOfTheOutputIsMissingOrOfAnotherShape) {
    write({});
    EXPECT_THAT(run(), ::testing::AllOf(HasSubstr("in.safetensors has no tensor 'd_out', which direction=backward needs"),
                                        HasSubstr("add the gradient of the output")));
    write({2, 4, 5, 6});
    EXPECT_THAT(run(), ::testing::AllOf(HasSubstr("tensor 'd_out' is fp32 [2, 4, 5, 6]"), HasSubstr("fp32 [2, 5, 4, 6], as the output")));
}

}  // namespace
}  // namespace plumb::families::attention
