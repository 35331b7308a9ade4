// SPDX-License-Identifier: Apache-2.0
// What noise floors are kept and how the noise study counts. How large the noise is depends on the machine and is no matter of a test.
#include "lab/noise.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <limits>

#include "base/error.h"
#include "base/file.h"
#include "lab/probe_family.h"
#include "temporary_folder.h"

namespace plumb::lab {
namespace {

NoiseFloor some_floor() {
    return {.paired = 0.0123, .unpaired = 0.25, .pairs = 40, .machine = "cafe0123", .measured = "2026-01-01T00:00:00Z"};
}

class NoiseFile : public testing::Test {
  protected:
    std::filesystem::path file() const { return store.root() / ".machines" / "cafe0123" / "noise.json"; }

    test::TemporaryFolder folder;
    Store store{folder.path() / "runs"};
};

TEST_F(NoiseFile, IsReadAsItWasWritten) {
    EXPECT_FALSE(load_noise_floor(store, "cafe0123"));
    save_noise_floor(store, some_floor());
    const std::optional<NoiseFloor> floor = load_noise_floor(store, "cafe0123");
    ASSERT_TRUE(floor);
    EXPECT_EQ(floor->paired, 0.0123);
    EXPECT_EQ(floor->unpaired, 0.25);
    EXPECT_EQ(floor->pairs, 40);
    EXPECT_EQ(floor->machine, "cafe0123");
    EXPECT_EQ(floor->measured, "2026-01-01T00:00:00Z");
    EXPECT_TRUE(store.studies().empty()) << "a machine is no study";
}

TEST_F(NoiseFile, BelongsToOneMachine) {
    save_noise_floor(store, some_floor());
    EXPECT_FALSE(load_noise_floor(store, "beef4567"));
    std::filesystem::create_directories(store.root() / ".machines" / "beef4567");
    std::filesystem::copy_file(file(), store.root() / ".machines" / "beef4567" / "noise.json");
    EXPECT_FALSE(load_noise_floor(store, "beef4567")) << "a copied file tells of another machine";
}

TEST_F(NoiseFile, IsNotBelievedWhenDamaged) {
    save_noise_floor(store, some_floor());
    const std::string sound = base::read_file(file());
    for (const std::string& damaged :
         {std::string("{}"), std::string("no json"), std::string("[1]"), std::string(), sound.substr(0, sound.size() / 2),
          std::string(R"({"schema":1,"machine":"cafe0123","measured":"x","pairs":40,"paired":-0.1,"unpaired":0.2})"),
          std::string(R"({"schema":1,"machine":"cafe0123","measured":"x","pairs":40,"paired":"a","unpaired":0.2})"),
          std::string(R"({"schema":2,"machine":"cafe0123","measured":"x","pairs":40,"paired":0.1,"unpaired":0.2})")}) {
        base::replace_file(file(), damaged);
        EXPECT_FALSE(load_noise_floor(store, "cafe0123")) << damaged;
    }
}

TEST_F(NoiseFile, StaysInsideTheStore) {
    NoiseFloor floor = some_floor();
    for (const char* machine : {"", "../outside", ".hidden", "a/b"}) {
        floor.machine = machine;
        EXPECT_THROW(save_noise_floor(store, floor), base::Error) << machine;
        EXPECT_FALSE(load_noise_floor(store, machine)) << machine;
    }
}

TEST(NoiseFloor, ComesFromPairsOfEitherKind) {
    int reports = 0;
    const NoiseFloor floor = measure_noise_floor("cafe0123", 4, 0.2, [&](int done, int total) {
        EXPECT_EQ(done, ++reports);
        EXPECT_EQ(total, 4);
    });
    EXPECT_EQ(reports, 4);
    EXPECT_EQ(floor.pairs, 4);
    EXPECT_EQ(floor.machine, "cafe0123");
    EXPECT_FALSE(floor.measured.empty());
    EXPECT_GE(floor.paired, 0);
    EXPECT_GE(floor.unpaired, 0);
    EXPECT_TRUE(std::isfinite(floor.paired) && std::isfinite(floor.unpaired));
}

TEST(NoiseStudy, CountsVerdictsAgainstTheFloorItIsGiven) {
    // No ratio clears a floor of infinity.
    NoiseFloor deaf = some_floor();
    deaf.paired = std::numeric_limits<double>::infinity();
    const NoiseStudy study = study_noise(deaf, 4, 0.05, 0.02);
    EXPECT_EQ(study.comparisons, 4);
    EXPECT_EQ(study.slowed, 4);
    EXPECT_EQ(study.false_verdicts, 0);
    EXPECT_EQ(study.slowed_found, 0);
    EXPECT_EQ(study.ratios.size(), 4u);
    EXPECT_EQ(study.slowed_ratios.size(), 4u);
    EXPECT_DOUBLE_EQ(study.slowdown, 0.05);
}

TEST(NoiseStudy, InjectsWholeRounds) {
    EXPECT_DOUBLE_EQ(study_noise(some_floor(), 0, 0.3, 1).slowdown, 1.0 / 3);
    EXPECT_DOUBLE_EQ(study_noise(some_floor(), 0, 1, 1).slowdown, 1);
}

TEST(Noise, RefusesWhatCannotBeMeasured) {
    EXPECT_THROW(measure_noise_floor("cafe0123", 0, 1), base::Error);
    for (const double slowdown : {0.0, -0.1, 1.5, std::nan("")})
        EXPECT_THROW(study_noise(some_floor(), 1, slowdown, 1), base::Error) << slowdown;
}

}  // namespace
}  // namespace plumb::lab
