// SPDX-License-Identifier: Apache-2.0
// Claims about the identity of a point. The golden hashes guard every stored run: they may never change.
#include "lab/point.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "base/digest.h"
#include "lab/study_families.h"
#include "nlohmann/json.hpp"

namespace plumb::lab {
namespace {

using testing::error_of;
using ::testing::HasSubstr;

Point example() {
    Point point;
    point.family = "attention";
    point.family_version = 2;
    point.settings = {{"impl", "fused"}, {"keys", 4096}, {"scale", 0.125}, {"exact", true}};
    point.inputs = {{"text", "abc"}};
    point.seed = 7;
    point.repeat = 1;
    return point;
}

TEST(PointHash, IsTheDigestOfTheCanonicalText) {
    // 0.125 = 2^-3 is 3fc0000000000000 in IEEE 754.
    const std::string canonical =
        R"({"family":"attention","inputs":{"text":"abc"},"repeat":1,"seed":7,"settings":{"exact":true,"impl":"fused","keys":4096,)"
        R"("scale":["f64","3fc0000000000000"]},"version":2})";
    EXPECT_EQ(example().hash(), base::xxh3_hex(canonical));
}

TEST(PointHash, IsTheSameOnEveryMachine) {
    EXPECT_EQ(example().hash(), "2c42c0fc35d6d2064acebb967fd0cc7d");
    EXPECT_EQ(Point{}.hash(), "b0e8426c1bcacdbb7e58cd432de02284");
    EXPECT_EQ(example().short_hash(), example().hash().substr(0, 8));
}

TEST(PointHash, IgnoresTheOrderOfSettings) {
    Point point = example();
    std::reverse(point.settings.begin(), point.settings.end());
    EXPECT_EQ(point.hash(), example().hash());
}

TEST(PointHash, ChangesWithEverythingThatMakesThePoint) {
    std::vector<Point> points(10, example());
    points[1].family = "fault";
    points[2].family_version = 3;
    points[3].settings[0].value = "loop";
    points[4].settings[2].value = 0.12500000000000003;
    points[5].settings[1].value = 4096.0;
    points[6].inputs["text"] = "abd";
    points[7].inputs["more"] = "abc";
    points[8].seed = 8;
    points[9].repeat = 0;
    for (std::size_t a = 0; a < points.size(); ++a) {
        for (std::size_t b = 0; b < a; ++b) EXPECT_NE(points[a].hash(), points[b].hash()) << a << ' ' << b;
    }
}

TEST(PointHash, TellsTextFromNumbers) {
    Point number, text;
    number.settings = {{"a", 1}};
    text.settings = {{"a", "1"}};
    EXPECT_NE(number.hash(), text.hash());
}

TEST(Point, DescribesWhatDiffersFromTheDefaults) {
    const Schema schema(testing::attention_parameters());
    Point point;
    point.settings = schema.complete({{"impl", "loop"}, {"keys", 4096}, {"workspace", 65536}, {"pause", 0.5}});
    EXPECT_EQ(point.describe(schema), "impl=loop keys=4096 workspace=64KiB pause=0.5s");
    EXPECT_EQ(point.describe(schema, {"head_dim", "impl"}), "head_dim=64 impl=loop");
    point.settings = schema.complete({});
    EXPECT_EQ(point.describe(schema), "defaults");
    point.settings = schema.complete({{"label", "a, b"}});
    EXPECT_EQ(point.describe(schema), "label=\"a, b\"");
}

TEST(PointJson, IsARoundTrip) {
    const Point back = point_from_json(nlohmann::json::parse(to_json(example()).dump()));
    EXPECT_EQ(back.family, example().family);
    EXPECT_EQ(back.family_version, example().family_version);
    EXPECT_EQ(back.settings, example().settings);
    EXPECT_EQ(back.inputs, example().inputs);
    EXPECT_EQ(back.seed, example().seed);
    EXPECT_EQ(back.repeat, example().repeat);
    EXPECT_EQ(back.hash(), example().hash());
    EXPECT_EQ(to_json(example())["hash"], example().hash());
}

TEST(PointJson, KeepsTheLargestSeed) {
    Point point = example();
    point.seed = UINT64_MAX;
    EXPECT_EQ(point_from_json(nlohmann::json::parse(to_json(point).dump())).seed, UINT64_MAX);
}

TEST(PointJson, NamesTheMemberThatIsWrong) {
    for (const std::string member : {"family", "family_version", "settings", "inputs", "seed", "repeat"}) {
        nlohmann::json json = to_json(example());
        json.erase(member);
        EXPECT_THAT(error_of([&] { point_from_json(json); }), HasSubstr("'" + member + "'"));
        json[member] = nullptr;
        EXPECT_NE(error_of([&] { point_from_json(json); }), "") << member;
    }
    nlohmann::json json = to_json(example());
    json["seed"] = -1;
    EXPECT_THAT(error_of([&] { point_from_json(json); }), HasSubstr("'seed'"));
    json = to_json(example());
    json["repeat"] = 1e10;
    EXPECT_THAT(error_of([&] { point_from_json(json); }), HasSubstr("'repeat'"));
    EXPECT_NE(error_of([] { point_from_json(nlohmann::json::array()); }), "");
}

}  // namespace
}  // namespace plumb::lab
