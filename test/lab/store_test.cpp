// SPDX-License-Identifier: Apache-2.0
#include "lab/store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "base/error.h"
#include "base/file.h"
#include "lab/probe_family.h"
#include "lab/record.h"
#include "lab/runner.h"
#include "lab/view.h"
#include "temporary_folder.h"

namespace plumb {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class Store : public ::testing::Test {
  protected:
    Store() {
        const lab::Study study = test::probe_study("sweep", 3);
        lab::Runner(store, families, {}).run(study, lab::make_plan(study, families));
    }
    static std::string dump(const std::vector<lab::Record>& records) {
        std::string text;
        for (const lab::Record& record : records) text += to_json(record).dump() + "\n";
        return text;
    }
    fs::path first_run() const { return store.run_folder(store.records("sweep").front()); }

    test::TemporaryFolder folder;
    lab::Families families = test::probe_families();
    lab::Store store{folder.path() / "runs"};
};

TEST_F(Store, KeepsEveryFileOfTheContract) {
    for (const char* file :
         {"run.json", "config.toml", "host.json", "checks.json", "metrics.jsonl", "log.txt", "samples/call.f64", "samples/call.json"}) {
        EXPECT_TRUE(fs::exists(first_run() / file)) << file;
    }
    EXPECT_TRUE(fs::is_directory(first_run() / "artifacts"));
}

TEST_F(Store, GivesTheSameRecordsFromTheIndexAndFromTheFolders) {
    const std::string indexed = dump(store.records("sweep"));
    fs::remove(store.root() / "index.sqlite");
    EXPECT_EQ(dump(store.records("sweep")), indexed);
    std::ofstream(store.root() / "index.sqlite") << "this is no database";
    EXPECT_EQ(dump(store.records("sweep")), indexed);
}

TEST_F(Store, GivesTheSameTablesAfterACopyToAnotherPathWithoutIndex) {
    const std::string before = dump(store.records("sweep"));
    const fs::path elsewhere = folder.path() / "copy";
    fs::copy(store.root(), elsewhere, fs::copy_options::recursive);
    fs::remove(elsewhere / "index.sqlite");
    const lab::Store copy(elsewhere);
    EXPECT_EQ(dump(copy.records("sweep")), before);
    const lab::StudyView view = lab::load_view(copy, "sweep");
    EXPECT_EQ(view.rows.size(), 3u);
    for (const lab::ViewRow& row : view.rows) EXPECT_EQ(row.status(), "done");
}

TEST_F(Store, DoesNotBelieveATornFileOrAnAlteredNumber) {
    const auto names_after = [&](const fs::path& file, const std::string& content) {
        fs::remove(store.root() / "index.sqlite");
        const std::string original = base::read_file(file);
        std::ofstream(file, std::ios::trunc) << content;
        std::vector<std::string> damaged;
        const std::size_t sound = store.records("sweep", &damaged).size();
        std::ofstream(file, std::ios::trunc) << original;
        EXPECT_EQ(sound, 2u) << file;
        return damaged.empty() ? std::string() : damaged.front();
    };
    const fs::path run = first_run();
    const std::string sealed = base::read_file(run / "run.json");
    EXPECT_THAT(names_after(run / "run.json", sealed.substr(0, sealed.size() / 2)), HasSubstr("torn"));
    std::string other_status = sealed;
    other_status.replace(other_status.find("\"done\""), 6, "\"gone\"");
    EXPECT_THAT(names_after(run / "run.json", other_status), HasSubstr("altered"));
    EXPECT_THAT(names_after(run / "samples/call.f64", "x"), HasSubstr("samples/call.f64 is torn"));
    std::string metrics = base::read_file(run / "metrics.jsonl");
    metrics[metrics.find("value") + 8] ^= 1;
    EXPECT_THAT(names_after(run / "metrics.jsonl", metrics), HasSubstr("altered"));
}

TEST_F(Store, RunsATornPointAgain) {
    fs::remove(first_run() / "checks.json");
    fs::remove(store.root() / "index.sqlite");
    const lab::Study study = test::probe_study("sweep", 3);
    const lab::RunSummary summary = lab::Runner(store, families, {}).run(study, lab::make_plan(study, families));
    EXPECT_EQ(summary.ran, 1);
    EXPECT_EQ(summary.done, 3);
}

TEST_F(Store, ForgetsARunWhoseFolderWasDeleted) {
    fs::remove_all(first_run());
    EXPECT_EQ(store.records("sweep").size(), 2u);
}

TEST_F(Store, LocksAPointForOneHolderAtATime) {
    auto lock = store.try_lock("sweep", "abc");
    ASSERT_TRUE(lock.has_value());
    EXPECT_FALSE(store.try_lock("sweep", "abc").has_value());
    EXPECT_TRUE(store.try_lock("sweep", "abd").has_value());
    lock.reset();
    EXPECT_TRUE(store.try_lock("sweep", "abc").has_value());
    EXPECT_THAT(fs::directory_iterator(store.root() / "sweep" / ".locks") == fs::directory_iterator(), true);
}

TEST_F(Store, FindsARunByNamePrefixOrHashAndNamesTheCandidatesOtherwise) {
    const lab::Record record = store.records("sweep").front();
    EXPECT_EQ(store.find(record.run).run, record.run);
    EXPECT_EQ(store.find(record.point.short_hash()).run, record.run);
    try {
        store.find("20");
        FAIL() << "an ambiguous name was accepted";
    } catch (const base::Error& error) {
        EXPECT_EQ(error.kind(), base::ErrorKind::usage);
        EXPECT_THAT(error.hint(), HasSubstr(record.run));
    }
    EXPECT_THROW(store.find("nonesuch"), base::Error);
}

TEST_F(Store, NamesTheStudiesThereAreWhenOneIsMissing) {
    try {
        store.study_declaration("swep");
        FAIL() << "a study without results was found";
    } catch (const base::Error& error) {
        EXPECT_EQ(error.kind(), base::ErrorKind::missing);
        EXPECT_THAT(error.hint(), HasSubstr("sweep"));
    }
    EXPECT_THROW(store.has_study("../outside"), base::Error);
}

TEST(Record, SurvivesJsonWithNumbersThatJsonLacks) {
    lab::Record record;
    record.point.family = "probe";
    record.metrics = {{"a", std::numeric_limits<double>::infinity(), -std::numeric_limits<double>::infinity(), std::nan(""), 3}};
    const lab::Record back = lab::record_from_json(nlohmann::json::parse(to_json(record).dump()));
    EXPECT_TRUE(std::isinf(back.metrics[0].value) && back.metrics[0].value > 0);
    EXPECT_TRUE(std::isinf(back.metrics[0].low) && back.metrics[0].low < 0);
    EXPECT_TRUE(std::isnan(back.metrics[0].high));
}

}  // namespace
}  // namespace plumb
