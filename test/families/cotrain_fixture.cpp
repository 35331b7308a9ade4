// SPDX-License-Identifier: Apache-2.0
#include "families/cotrain_fixture.h"

#include <random>
#include <utility>

#include "base/file.h"
#include "families/cotrain/family.h"
#include "families/one_point.h"

namespace plumb::test {

namespace {

std::string clouds(double noise, unsigned seed) {
    std::mt19937 random(seed);
    std::normal_distribution<double> normal(0, noise);
    std::string text = "0,1,2,3,4,5,label\n";
    for (int row = 0; row < 360; ++row) {
        for (int column = 0; column < 6; ++column) text += std::to_string((column % 3 == row % 3 ? 2 : 0) + normal(random)) + ",";
        text += std::string(1, static_cast<char>('a' + row % 3)) + "\n";
    }
    return text;
}

}  // namespace

TwoViewFiles::TwoViewFiles(double noise0, double noise1)
    : view0((folder.path() / "view0.csv").string()), view1((folder.path() / "view1.csv").string()) {
    base::write_file(view0, clouds(noise0, 1));
    base::write_file(view1, clouds(noise1, 2));
}

lab::Settings TwoViewFiles::settings(const lab::Settings& changed) const {
    lab::Settings made = {
        {"view0", view0}, {"view1", view1}, {"splits", std::int64_t{3}}, {"rounds", std::int64_t{4}}, {"threads", std::int64_t{1}}};
    return with_changes(std::move(made), changed);
}

lab::Study cotrain_study(const lab::Settings& settings) {
    return one_point_study("cotrain", settings);
}

int run_cotrain(const lab::Store& store, const lab::Study& study, const std::function<void()>& started) {
    const lab::Families families = {families::cotrain::make_family()};
    lab::RunEvents events;
    events.started = [&](const lab::PlannedPoint&, std::size_t, std::size_t) { started(); };
    return lab::Runner(store, families, {}, events).run(study, lab::make_plan(study, families)).exit_code();
}

lab::Record only_record(const lab::Store& store) {
    return store.latest("cotrain").begin()->second;
}

std::string artifact(const lab::Store& store, const std::string& name) {
    return base::read_file(store.run_folder(only_record(store)) / "artifacts" / name);
}

}  // namespace plumb::test
