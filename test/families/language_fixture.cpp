// SPDX-License-Identifier: Apache-2.0
#include "families/language_fixture.h"

#include <array>
#include <utility>

#include "base/file.h"
#include "base/random.h"
#include "families/language/family.h"
#include "families/one_point.h"

namespace plumb::test {

namespace {

std::string sentences(std::uint64_t seed, int lines) {
    const std::array<const char*, 4> who = {"the cat", "a dog", "the old ship", "her river"};
    const std::array<const char*, 4> does = {"follows", "remembers", "leaves", "carries"};
    const std::array<const char*, 4> whom = {"the moon", "a song", "every stone", "the winter"};
    const std::array<const char*, 3> when = {"in the morning", "before the war", "again and again"};
    const base::RandomStream random(seed, "sentences");
    std::string text;
    std::uint64_t next = 0;
    const auto pick = [&](const auto& from) { return std::string(from[random.below(next++, from.size())]); };
    for (int line = 0; line < lines; ++line) {
        for (int sentence = 0; sentence < 3; ++sentence) text += pick(who) + " " + pick(does) + " " + pick(whom) + " " + pick(when) + " . ";
        text += "\n";
    }
    return text;
}

}  // namespace

TextFiles::TextFiles() : train((folder.path() / "train.txt").string()), validation((folder.path() / "validation.txt").string()) {
    base::write_file(train, sentences(1, 300));
    base::write_file(validation, sentences(2, 40));
}

lab::Settings TextFiles::settings(const lab::Settings& changed) const {
    lab::Settings made = {{"model", std::string("lstm")},
                          {"train", train},
                          {"validation", validation},
                          {"test", std::string()},
                          {"length", std::int64_t{16}},
                          {"batch", std::int64_t{4}},
                          {"width", std::int64_t{4}},
                          {"hidden", std::int64_t{6}},
                          {"heads", std::int64_t{2}},
                          {"feed_forward", std::int64_t{8}},
                          {"rate", 0.02},
                          {"steps", std::int64_t{12}},
                          {"evaluate", std::int64_t{5}},
                          {"scored", std::int64_t{8}},
                          {"sample", std::int64_t{4}}};
    return with_changes(std::move(made), changed);
}

lab::Study language_study(const lab::Settings& settings) {
    return one_point_study("language", settings);
}

int run_language(const lab::Store& store, const lab::Study& study) {
    const lab::Families families = {families::language::make_family()};
    return lab::Runner(store, families, {}, {}).run(study, lab::make_plan(study, families)).exit_code();
}

lab::Record only_language_record(const lab::Store& store) {
    return store.latest("language").begin()->second;
}

}  // namespace plumb::test
