// SPDX-License-Identifier: Apache-2.0
// Claims about typed parameters: what is taken, what is refused, and how refusals read.
#include "lab/schema.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "lab/study_families.h"
#include "nlohmann/json.hpp"

namespace plumb::lab {
namespace {

using ::testing::AllOf;
using testing::bounded;
using testing::error_of;
using ::testing::HasSubstr;
using testing::parameter;
using ::testing::StartsWith;

const Schema& schema() {
    static const Schema known(testing::attention_parameters());
    return known;
}

TEST(Schema, ParsesEveryTypeAsTyped) {
    EXPECT_EQ(schema().parse("impl", "loop"), Value("loop"));
    EXPECT_EQ(schema().parse("keys", " 4096 "), Value(4096));
    EXPECT_EQ(schema().parse("keys", "+7"), Value(7));
    EXPECT_EQ(schema().parse("scale", "-2.5e-3"), Value(-2.5e-3));
    EXPECT_EQ(schema().parse("scale", "3"), Value(3.0));
    EXPECT_EQ(schema().parse("exact", "true"), Value(true));
    EXPECT_EQ(schema().parse("exact", "off"), Value(false));
    EXPECT_EQ(schema().parse("workspace", "4KiB"), Value(4096));
    EXPECT_EQ(schema().parse("pause", "20 ms"), Value(0.02));
    EXPECT_EQ(schema().parse("label", "../a..b"), Value("../a..b"));
}

TEST(Schema, RefusalNamesParameterTextTypeAndBounds) {
    EXPECT_THAT(error_of([] { schema().parse("keys", "many"); }),
                AllOf(HasSubstr("keys = many"), HasSubstr("not an integer"), HasSubstr("from 0 to 65536")));
    EXPECT_THAT(error_of([] { schema().parse("keys", "70000"); }),
                AllOf(HasSubstr("keys = 70000"), HasSubstr("out of bounds"), HasSubstr("from 0 to 65536")));
    EXPECT_THAT(error_of([] { schema().parse("keys", "4.5"); }), HasSubstr("not an integer"));
    EXPECT_THAT(error_of([] { schema().parse("keys", ""); }), HasSubstr("keys = ''"));
    EXPECT_THAT(error_of([] { schema().parse("keys", "99999999999999999999"); }), HasSubstr("keys = 99999999999999999999"));
    EXPECT_THAT(error_of([] { schema().parse("scale", "nan"); }), HasSubstr("not a finite number"));
    EXPECT_THAT(error_of([] { schema().parse("scale", "1e999"); }), HasSubstr("scale = 1e999"));
    EXPECT_THAT(error_of([] { schema().parse("exact", "maybe"); }), HasSubstr("not true or false"));
    EXPECT_THAT(error_of([] { schema().parse("workspace", "4 KB"); }), AllOf(HasSubstr("workspace = 4 KB"), HasSubstr("KiB")));
    EXPECT_THAT(error_of([] { schema().parse("workspace", "0"); }), HasSubstr("out of bounds"));
    EXPECT_THAT(error_of([] { schema().parse("pause", "2 h"); }), AllOf(HasSubstr("pause"), HasSubstr("from 0 s to 3600 s")));
    EXPECT_THAT(error_of([] { schema().parse("label", "\xff\xfe"); }), HasSubstr("UTF-8"));
}

TEST(Schema, UnknownNamesGetTheNearestAndAllAllowed) {
    EXPECT_THAT(error_of([] { schema().parse("kesy", "1"); }),
                AllOf(HasSubstr("no parameter 'kesy'"), HasSubstr("did you mean 'keys'?"), HasSubstr("head_dim")));
    EXPECT_THAT(error_of([] { schema().parse("impl", "fusde"); }),
                AllOf(StartsWith("impl = fusde"), HasSubstr("did you mean 'fused'?"), HasSubstr("loop, einsum, fused")));
    EXPECT_TRUE(schema().contains("keys"));
    EXPECT_FALSE(schema().contains("kesy"));
}

TEST(Schema, ChecksTypedValuesAndConvertsOnlyWithoutLoss) {
    EXPECT_EQ(schema().check("scale", 2), Value(2.0));
    EXPECT_EQ(schema().check("pause", 2), Value(2.0));
    EXPECT_EQ(schema().check("pause", "500ms"), Value(0.5));
    EXPECT_EQ(schema().check("workspace", "1 MiB"), Value(1 << 20));
    EXPECT_THAT(error_of([] { schema().check("keys", 4.0); }), HasSubstr("not an integer"));
    EXPECT_THAT(error_of([] { schema().check("keys", "4"); }), HasSubstr("not an integer"));
    EXPECT_THAT(error_of([] { schema().check("impl", 4); }), HasSubstr("not text"));
    EXPECT_THAT(error_of([] { schema().check("exact", 1); }), HasSubstr("not true or false"));
    EXPECT_THAT(error_of([] { schema().check("scale", std::numeric_limits<double>::infinity()); }), HasSubstr("not a finite number"));
    EXPECT_THAT(error_of([] { schema().check("workspace", 1.5); }), HasSubstr("not a number of bytes"));
}

TEST(Schema, TakesMinusZeroForZero) {
    EXPECT_FALSE(std::signbit(std::get<double>(schema().check("scale", -0.0))));
}

TEST(Schema, CompletesWithDefaultsInItsOwnOrder) {
    const Settings complete = schema().complete({{"scale", 2}, {"impl", "loop"}});
    ASSERT_EQ(complete.size(), schema().parameters().size());
    for (std::size_t i = 0; i < complete.size(); ++i) EXPECT_EQ(complete[i].name, schema().parameters()[i].name);
    EXPECT_EQ(testing::text_of(complete, {"impl", "scale", "keys", "exact"}), "impl=loop scale=2 keys=32 exact=false");
    EXPECT_EQ(*find(complete, "scale"), Value(2.0));
    EXPECT_EQ(find(complete, "nothing"), nullptr);
    EXPECT_THAT(error_of([] { schema().complete({{"imp", "loop"}}); }), HasSubstr("did you mean 'impl'?"));
    EXPECT_THAT(error_of([] { schema().complete({{"impl", "loop"}, {"impl", "fused"}}); }), HasSubstr("two values"));
}

TEST(Schema, RefusesDeclarationsThatContradictThemselves) {
    const auto kind = base::ErrorKind::internal;
    const auto declare = [](std::vector<Parameter> parameters) { return [parameters] { Schema declared(parameters); }; };
    EXPECT_THAT(error_of(declare({parameter("a", Type::text, "x"), parameter("a", Type::text, "y")}), kind),
                StartsWith("parameter 'a' is declared twice"));
    EXPECT_THAT(error_of(declare({parameter("a", Type::text, "x", {"y", "z"})}), kind), StartsWith("declaration of parameter 'a'"));
    EXPECT_THAT(error_of(declare({parameter("a", Type::integer, "x")}), kind), StartsWith("declaration of parameter 'a'"));
    EXPECT_THAT(error_of(declare({bounded(parameter("a", Type::integer, 5), 6, 9)}), kind), StartsWith("declaration of parameter 'a'"));
    EXPECT_THAT(error_of(declare({parameter("a b", Type::integer, 5)}), kind), StartsWith("parameter name 'a b'"));
}

TEST(Format, IsReadBackByParse) {
    const std::vector<std::pair<std::string, Value>> cases = {
        {"scale", 0.1},          {"scale", 1e-300}, {"scale", 123456789.125}, {"keys", 4096},    {"workspace", 4096}, {"workspace", 65537},
        {"workspace", 62500000}, {"pause", 0.0},    {"pause", 0.3},           {"pause", 2e-5},   {"pause", 1.0 / 3},  {"pause", 3600.0},
        {"exact", true},         {"exact", false},  {"label", "a b, c"},      {"impl", "einsum"}};
    for (const auto& [name, value] : cases) {
        const std::string text = format(value, schema().at(name).type);
        EXPECT_EQ(schema().parse(name, text), value) << name << " = " << text;
    }
    EXPECT_EQ(format(4096, Type::bytes), "4KiB");
    EXPECT_EQ(format(2e-5, Type::seconds), "20us");
    EXPECT_EQ(format(0.5, Type::seconds), "0.5s");
}

TEST(ValueJson, KeepsTypeAndEveryBit) {
    const std::vector<Value> values = {true,
                                       false,
                                       0,
                                       std::numeric_limits<std::int64_t>::min(),
                                       std::numeric_limits<std::int64_t>::max(),
                                       1.0,
                                       -0.1,
                                       5e-324,
                                       1.7976931348623157e308,
                                       "",
                                       "text",
                                       "3",
                                       "true",
                                       "\u00e4\"\\\n"};
    for (const Value& value : values) {
        const Value back = value_from_json(nlohmann::json::parse(to_json(value).dump()));
        EXPECT_EQ(back, value);
        EXPECT_EQ(back.index(), value.index());
    }
}

TEST(ValueJson, RefusesWhatIsNoValue) {
    for (const std::string text : {"null", "[]", "{}", "18446744073709551615"}) {
        EXPECT_NE(error_of([&] { value_from_json(nlohmann::json::parse(text)); }), "") << text;
    }
}

TEST(SettingsJson, KeepsTheOrder) {
    const Settings settings = {{"z", 1}, {"a", 2.0}, {"m", "x"}};
    EXPECT_EQ(settings_from_json(nlohmann::json::parse(to_json(settings).dump())), settings);
    for (const std::string text : {"{}", "[1]", "[[1, 2]]", "[[\"a\"]]", "[[\"a\", null]]"}) {
        EXPECT_NE(error_of([&] { settings_from_json(nlohmann::json::parse(text)); }), "") << text;
    }
}

}  // namespace
}  // namespace plumb::lab
