// SPDX-License-Identifier: Apache-2.0
#include "lab/probe_family.h"

#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <thread>
#include <vector>

#include "base/error.h"
#include "base/file.h"

namespace plumb::test {

namespace {

using lab::Value;

lab::Parameter parameter(std::string name, lab::Type type, Value default_value, std::vector<Value> choices = {}) {
    lab::Parameter made;
    made.name = std::move(name);
    made.help = "for tests";
    made.type = type;
    made.default_value = std::move(default_value);
    made.choices = std::move(choices);
    return made;
}

template <class T>
T setting(const lab::Settings& settings, std::string_view name) {
    return std::get<T>(*lab::find(settings, name));
}

void sleep_for(double milliseconds) {
    std::this_thread::sleep_for(std::chrono::duration<double, std::milli>(milliseconds));
}

/// Touches what it takes: a limit on memory must stop it, not lazy paging.
void eat_memory() {
    std::vector<std::vector<char>> eaten;
    for (;;) eaten.emplace_back(16 << 20, 'x');
}

[[noreturn]] void crash() {
    std::signal(SIGSEGV, SIG_DFL);
    std::raise(SIGSEGV);
    std::abort();
}

class ProbeTrial final : public lab::TimedTrial {
  public:
    explicit ProbeTrial(const lab::Settings& settings)
        : behaviour_(setting<std::string>(settings, "behaviour")), milliseconds_(setting<double>(settings, "milliseconds")) {
        if (behaviour_ == "unsupported") throw base::Error(base::ErrorKind::unsupported, "index is odd by decree", "choose another");
        if (behaviour_ == "missing") throw base::Error(base::ErrorKind::missing, "no such data", "bring it");
        if (behaviour_ == "crash") crash();
        if (behaviour_ == "exit") std::_Exit(7);
        if (behaviour_ == "hang") sleep_for(3'600'000);
        if (behaviour_ == "eat-memory") eat_memory();
    }

    std::vector<lab::Check> verify() override {
        output_ = 42;
        if (behaviour_ == "no-checks") return {};
        lab::Check check = lab::at_most("answer", "42", "difference", behaviour_ == "wrong" ? 1.0 : 0.0, 0.5);
        if (behaviour_ == "mistrusted") check = lab::mistrust(check, "all zeros");
        return {check};
    }

    std::vector<lab::Action> actions() override {
        const auto run = [this] {
            if (behaviour_ == "throws-late") throw std::runtime_error("thrown while timed");
            if (behaviour_ == "crash-late") crash();
            if (behaviour_ == "hang-late") sleep_for(3'600'000);
            if (behaviour_ == "spoils-output") output_ = 0;
            sleep_for(milliseconds_);
        };
        return {{"call", run, {}}};
    }

    std::vector<lab::Check> verify_after() override { return {lab::at_most("answer", "42", "difference", std::abs(output_ - 42), 0.5)}; }

    std::vector<lab::MetricValue> metrics(const std::vector<lab::Timing>& timings) override {
        return {lab::estimate("time", timings[0].median, timings[0].samples.size())};
    }

  private:
    std::string behaviour_;
    double milliseconds_;
    double output_ = 0;
};

class ProbeFamily final : public lab::Family {
  public:
    explicit ProbeFamily(int version) : version_(version) {}
    std::string name() const override { return "probe"; }
    std::string summary() const override { return "behaves as told"; }
    int version() const override { return version_; }
    const lab::Schema& schema() const override {
        static const lab::Schema made(
            {parameter("behaviour", lab::Type::text, std::string("fine")), parameter("index", lab::Type::integer, std::int64_t{0}),
             parameter("milliseconds", lab::Type::real, 0.05), parameter("file", lab::Type::text, std::string())});
        return made;
    }
    const std::vector<lab::Metric>& metrics() const override {
        static const std::vector<lab::Metric> made = {{"time", "median time", "s", lab::Metric::Better::lower, true}};
        return made;
    }
    const std::vector<lab::Figure>& figures() const override {
        static const std::vector<lab::Figure> made;
        return made;
    }
    std::map<std::string, std::string> inputs(const lab::Settings& settings) const override {
        const auto file = setting<std::string>(settings, "file");
        if (file.empty()) return {};
        return {{"file", base::read_file(file)}};  // the content is its own digest here
    }
    std::unique_ptr<lab::Trial> prepare(const lab::Point& point, const lab::Context& context) const override {
        context.log("preparing");
        return std::make_unique<ProbeTrial>(point.settings);
    }

  private:
    int version_;
};

/// state = state * 3 + step (mod 2^32): the end depends on every step having run once, in order.
class StepsTrial final : public lab::LongTrial {
  public:
    StepsTrial(std::int64_t steps, bool spoil, std::filesystem::path checkpoint)
        : steps_(steps), spoil_(spoil), checkpoint_(std::move(checkpoint)) {}
    std::vector<lab::Check> verify() override { return {lab::at_most("sane", "0", "difference", 0, 0.5)}; }
    void run(lab::Recorder& recorder) override {
        std::int64_t step = 0;
        std::uint32_t state = 1;
        if (std::filesystem::exists(checkpoint_)) std::ifstream(checkpoint_) >> step >> state;
        recorder.rewind(step);
        for (; step < steps_; ++step) {
            if (recorder.stop_requested()) throw base::Error(base::ErrorKind::interrupted, "stopped at step " + std::to_string(step));
            state = state * 3 + static_cast<std::uint32_t>(step);
            recorder.step(step, {{"state", static_cast<double>(state)}});
            base::replace_file(checkpoint_, std::to_string(step + 1) + " " + std::to_string(state));
            sleep_for(1);
        }
        recorder.result(lab::exact("state", static_cast<double>(state)));
        end_ = state + (spoil_ ? 1 : 0);
    }
    std::vector<lab::Check> verify_after() override {
        std::uint32_t state = 1;
        for (std::int64_t step = 0; step < steps_; ++step) state = state * 3 + static_cast<std::uint32_t>(step);
        return {lab::at_most("replayed", "all steps again", "difference", std::abs(static_cast<double>(end_) - static_cast<double>(state)),
                             0.5)};
    }

  private:
    std::int64_t steps_;
    bool spoil_;
    std::uint32_t end_ = 0;
    std::filesystem::path checkpoint_;
};

class StepsFamily final : public lab::Family {
  public:
    std::string name() const override { return "steps"; }
    std::string summary() const override { return "a long trial with checkpoints"; }
    int version() const override { return 1; }
    const lab::Schema& schema() const override {
        static const lab::Schema made(
            {parameter("steps", lab::Type::integer, std::int64_t{10}), parameter("spoil", lab::Type::boolean, false)});
        return made;
    }
    const std::vector<lab::Metric>& metrics() const override {
        static const std::vector<lab::Metric> made = {{"state", "end state", "", lab::Metric::Better::neither, true}};
        return made;
    }
    const std::vector<lab::Figure>& figures() const override {
        static const std::vector<lab::Figure> made;
        return made;
    }
    std::unique_ptr<lab::Trial> prepare(const lab::Point& point, const lab::Context& context) const override {
        return std::make_unique<StepsTrial>(setting<std::int64_t>(point.settings, "steps"), setting<bool>(point.settings, "spoil"),
                                            context.artifacts / "checkpoint.txt");
    }
};

lab::Study one_experiment(const std::string& name, const std::string& family, std::vector<lab::Axis> axes) {
    lab::Study study;
    study.name = name;
    study.title = name;
    lab::Experiment experiment;
    experiment.name = "main";
    experiment.family = family;
    experiment.axes = std::move(axes);
    experiment.stop.half_width = 0.5;
    experiment.stop.max_seconds = 0.01;
    experiment.stop.min_samples = 3;
    experiment.stop.min_seconds = 0.0005;
    experiment.stop.max_samples = 5;
    experiment.stop.warmup_seconds = 0.0005;
    experiment.stop.warmup_calls = 1;
    study.experiments.push_back(std::move(experiment));
    return study;
}

}  // namespace

std::shared_ptr<const lab::Family> probe_family(int version) {
    return std::make_shared<ProbeFamily>(version);
}

lab::Families probe_families() {
    return {probe_family(), std::make_shared<StepsFamily>()};
}

lab::Study probe_study(const std::string& name, std::int64_t count) {
    lab::Axis index;
    index.keys = {"index"};
    for (std::int64_t i = 0; i < count; ++i) index.values.push_back({i});
    return one_experiment(name, "probe", {index});
}

lab::Study probe_study(const std::string& name, const std::vector<std::string>& behaviours) {
    lab::Axis axis;
    axis.keys = {"behaviour"};
    for (const std::string& behaviour : behaviours) axis.values.push_back({behaviour});
    return one_experiment(name, "probe", {axis});
}

lab::Study steps_study(const std::string& name, std::int64_t steps) {
    lab::Axis axis;
    axis.keys = {"steps"};
    axis.values = {{steps}};
    return one_experiment(name, "steps", {axis});
}

}  // namespace plumb::test
