// SPDX-License-Identifier: Apache-2.0
#include "lab/declare.h"

#include <utility>

namespace plumb::lab::declare {

namespace {

Parameter parameter(std::string name, std::string help, Type type, Value default_value, double low = -1e308, double high = 1e308) {
    return {std::move(name), std::move(help), type, "", std::move(default_value), {}, low, high};
}

}  // namespace

Parameter text(std::string name, std::string help, std::string default_value) {
    return parameter(std::move(name), std::move(help), Type::text, std::move(default_value));
}

Parameter choice(std::string name, std::string help, std::string default_value, const std::vector<std::string>& choices) {
    Parameter made = text(std::move(name), std::move(help), std::move(default_value));
    made.choices = {choices.begin(), choices.end()};
    return made;
}

Parameter flag(std::string name, std::string help, bool default_value) {
    return parameter(std::move(name), std::move(help), Type::boolean, default_value);
}

Parameter count(std::string name, std::string help, std::int64_t default_value, double low, double high) {
    return parameter(std::move(name), std::move(help), Type::integer, default_value, low, high);
}

Parameter bytes(std::string name, std::string help, std::int64_t default_value, double low, double high) {
    return parameter(std::move(name), std::move(help), Type::bytes, default_value, low, high);
}

Parameter real(std::string name, std::string help, double default_value, double low, double high) {
    return parameter(std::move(name), std::move(help), Type::real, default_value, low, high);
}

Metric metric(std::string name, std::string help, std::string unit, Metric::Better better, bool headline) {
    return {std::move(name), std::move(help), std::move(unit), better, headline};
}

}  // namespace plumb::lab::declare
