// SPDX-License-Identifier: Apache-2.0
// Two families with parameters of every type, for tests of studies and plans. They declare and digest; nothing here runs.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "lab/family.h"

namespace plumb::lab::testing {

inline Parameter parameter(std::string name, Type type, Value default_value, std::vector<Value> choices = {}) {
    Parameter result;
    result.name = std::move(name);
    result.help = "of a test";
    result.type = type;
    result.default_value = std::move(default_value);
    result.choices = std::move(choices);
    return result;
}

inline Parameter bounded(Parameter parameter, double low, double high) {
    parameter.low = low;
    parameter.high = high;
    return parameter;
}

inline Figure figure(std::string name, std::string relative_to = {}) {
    Figure result;
    result.name = result.title = std::move(name);
    result.x = "keys";
    result.y = "time";
    if (!relative_to.empty()) result.relative = Relative{std::move(relative_to), "loop"};
    return result;
}

/// A family that is all declaration; "file = absent" has no digest, "file = broken" fails in an unforeseen way.
class DeclaredFamily : public Family {
  public:
    DeclaredFamily(std::string name, int version, std::vector<Parameter> parameters, std::vector<Metric> metrics,
                   std::vector<Figure> figures)
        : name_(std::move(name)),
          version_(version),
          schema_(std::move(parameters)),
          metrics_(std::move(metrics)),
          figures_(std::move(figures)) {}

    std::string name() const override { return name_; }
    std::string summary() const override { return "the " + name_ + " family of a test"; }
    int version() const override { return version_; }
    const Schema& schema() const override { return schema_; }
    const std::vector<Metric>& metrics() const override { return metrics_; }
    const std::vector<Figure>& figures() const override { return figures_; }

    std::map<std::string, std::string> inputs(const Settings& settings) const override {
        const Value* file = lab::find(settings, "file");
        if (file == nullptr) return {};
        if (*file == Value("absent")) throw base::Error(base::ErrorKind::missing, "no file absent", "plumb data path");
        if (*file == Value("broken")) throw std::runtime_error("disk on fire");
        return {{"file", "digest of " + std::get<std::string>(*file)}};
    }

    std::unique_ptr<Trial> prepare(const Point&, const Context&) const override {
        throw base::Error(base::ErrorKind::unsupported, "a declared family does not run", {});
    }

  private:
    std::string name_;
    int version_;
    Schema schema_;
    std::vector<Metric> metrics_;
    std::vector<Figure> figures_;
};

inline std::vector<Parameter> attention_parameters() {
    return {parameter("stage", Type::text, "queries", {"queries", "heads", "batch"}),
            parameter("impl", Type::text, "fused", {"loop", "einsum", "fused"}),
            bounded(parameter("queries", Type::integer, 32), 0, 65536),
            bounded(parameter("keys", Type::integer, 32), 0, 65536),
            bounded(parameter("head_dim", Type::integer, 64), 1, 1024),
            parameter("scale", Type::real, 1.0),
            parameter("exact", Type::boolean, false),
            bounded(parameter("workspace", Type::bytes, 4096), 1, 1e15),
            bounded(parameter("pause", Type::seconds, 0.0), 0, 3600),
            parameter("label", Type::text, "")};
}

inline std::shared_ptr<const Family> attention_family(int version = 1) {
    return std::make_shared<DeclaredFamily>("attention", version, attention_parameters(),
                                            std::vector<Metric>{{"time", "median", "s", Metric::Better::lower, true}},
                                            std::vector<Figure>{figure("speedup", "impl"), figure("lengths")});
}

inline std::shared_ptr<const Family> compression_family() {
    return std::make_shared<DeclaredFamily>(
        "compression", 3,
        std::vector<Parameter>{parameter("codec", Type::text, "lz4", {"lz4", "zstd"}),
                               bounded(parameter("chunk", Type::bytes, 65536), 1, 1e12),
                               bounded(parameter("level", Type::integer, 1), 1, 19), parameter("file", Type::text, "dickens"),
                               parameter("impl", Type::text, "scalar", {"scalar", "simd"})},
        std::vector<Metric>{{"ratio", "original / compressed", "", Metric::Better::higher, true}}, std::vector<Figure>{figure("pareto")});
}

inline Families families() {
    return {attention_family(), compression_family()};
}

/// Settings as text, for comparing: "impl=loop keys=32".
inline std::string text_of(const Settings& settings, const std::vector<std::string>& names) {
    std::string text;
    for (const std::string& name : names) {
        const Value* value = lab::find(settings, name);
        text += (text.empty() ? "" : " ") + name + "=" + (value == nullptr ? "?" : format(*value));
    }
    return text;
}

/// What an Error says: "message | hint"; "" when nothing was thrown.
template <class Function>
std::string error_of(const Function& function, base::ErrorKind kind = base::ErrorKind::usage) {
    try {
        function();
    } catch (const base::Error& error) {
        return (error.kind() == kind ? "" : "wrong kind: ") + std::string(error.what()) + " | " + error.hint();
    }
    return {};
}

}  // namespace plumb::lab::testing
