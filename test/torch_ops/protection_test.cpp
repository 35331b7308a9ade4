// SPDX-License-Identifier: Apache-2.0
// Levels of protection in torch.ops.plumb.attention: the same bits at each, and a report that says what the checks saw.
#include <ATen/ATen.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

namespace plumb {
namespace {

using at::Tensor;
using ThreeTensors = std::tuple<Tensor, Tensor, Tensor>;
using Report = std::map<std::string, std::int64_t>;

struct Inputs {
    Inputs() {
        at::manual_seed(59);
        q = at::randn({2, 4, 21, 16});
        k = at::randn({2, 2, 33, 16});
        v = at::randn({2, 2, 33, 24});
        by_head = at::rand({2, 4, 21, 33}).gt(0.3);
    }
    Tensor q;
    Tensor k;
    Tensor v;
    Tensor by_head;
};

ThreeTensors attention(const Inputs& x, const std::optional<Tensor>& mask, const std::string& protect) {
    using Function = ThreeTensors(const Tensor&, const Tensor&, const Tensor&, const std::optional<Tensor>&, bool, std::optional<double>,
                                  std::string_view);
    static const auto op = c10::Dispatcher::singleton().findSchemaOrThrow("plumb::attention", "").typed<Function>();
    return op.call(x.q, x.k, x.v, mask, false, std::nullopt, protect);
}

Report report_of(const ThreeTensors& results) {
    static const auto op = c10::Dispatcher::singleton().findSchemaOrThrow("plumb::report_columns", "").typed<std::vector<std::string>()>();
    const std::vector<std::string> names = op.call();
    const Tensor& row = std::get<2>(results);
    EXPECT_EQ(row.sizes(), at::IntArrayRef({static_cast<std::int64_t>(names.size())}));
    Report report;
    for (std::size_t i = 0; i < names.size(); ++i) report[names[i]] = row[static_cast<std::int64_t>(i)].item<std::int64_t>();
    return report;
}

TEST(TorchProtection, GivesTheSameBitsAtEveryLevelAndSaysWhatItChecked) {
    const Inputs x;
    for (const std::optional<Tensor>& mask :
         {std::optional<Tensor>(), std::optional(x.by_head.narrow(1, 0, 1)), std::optional(x.by_head)}) {
        const ThreeTensors plain = attention(x, mask, "none");
        EXPECT_EQ(report_of(plain)["row_checks"], 0);
        EXPECT_EQ(report_of(plain)["trusted"], 0);
        for (const auto& [word, level] : std::map<std::string, int>{{"detect", 1}, {"correct", 2}}) {
            const ThreeTensors run = attention(x, mask, word);
            EXPECT_TRUE(std::get<0>(run).equal(std::get<0>(plain))) << word;
            EXPECT_TRUE(std::get<1>(run).equal(std::get<1>(plain))) << word;
            Report report = report_of(run);
            EXPECT_EQ(report["level"], level);
            EXPECT_GT(report["row_checks"], 2 * 4 * 21) << word;
            EXPECT_EQ(report["alarms"], 0) << word;
            EXPECT_EQ(report["trusted"], 1) << word;
            EXPECT_GT(report["largest_residual_ppm"], 0) << word;
            EXPECT_LE(report["largest_residual_ppm"], 1000000) << word;
        }
    }
}

/// Sums of values that pass the largest fp32 number raise alarms that no fault is behind.
TEST(TorchProtection, ReportsAlarmsAndWhatBecameOfThem) {
    Inputs x;
    x.v[1][1].select(1, 3).fill_(3e38);
    for (const std::optional<Tensor>& mask : {std::optional<Tensor>(), std::optional(x.by_head)}) {
        Report detected = report_of(attention(x, mask, "detect"));
        EXPECT_GT(detected["alarms"], 0);
        EXPECT_EQ(detected["unresolved"], detected["alarms"]);
        EXPECT_EQ(detected["trusted"], 0);
        Report corrected = report_of(attention(x, mask, "correct"));
        EXPECT_GT(corrected["unresolved"], 0);
        EXPECT_EQ(corrected["unresolved"] + corrected["corrected"] + corrected["false_alarms"], corrected["alarms"]);
        EXPECT_EQ(corrected["trusted"], 0);
    }
}

TEST(TorchProtection, KeepsGradients) {
    Inputs x;
    x.q.requires_grad_();
    const auto gradient = [&](const std::string& protect) {
        const Tensor out = std::get<0>(attention(x, std::nullopt, protect));
        x.q.mutable_grad() = Tensor();
        out.square().sum().backward();
        return x.q.grad().clone();
    };
    EXPECT_TRUE(gradient("none").equal(gradient("correct")));
}

}  // namespace
}  // namespace plumb
