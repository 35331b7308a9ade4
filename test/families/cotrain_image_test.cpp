// SPDX-License-Identifier: Apache-2.0
// Images as views: which files are samples, the cache of their crops, and the family on photographs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <map>

#include "base/archive.h"
#include "base/error.h"
#include "base/file.h"
#include "families/cotrain/crop_cache.h"
#include "families/cotrain/image_list.h"
#include "families/cotrain/image_views.h"
#include "families/cotrain_fixture.h"

namespace plumb::families::cotrain {
namespace {

namespace fs = std::filesystem;
using kernels::image::Pipeline;
using kernels::image::Section;
using testing::ElementsAre;
using testing::HasSubstr;

const fs::path photos = fs::path(PLUMB_SOURCE_DIR) / "data/trashnet/photos.tar";

/// Crops are kept in a folder of the test, not in that of the user.
class CotrainPhotos : public testing::Test {
  protected:
    CotrainPhotos() { ::setenv("PLUMB_CACHE", cache.path().c_str(), 1); }
    ~CotrainPhotos() override { ::unsetenv("PLUMB_CACHE"); }
    void put(const fs::path& name, const std::string& content) const {
        fs::create_directories((folder.path() / name).parent_path());
        std::ofstream(folder.path() / name, std::ios::binary) << content;
    }
    /// The first photos of every class, so many, as files.
    void unpack(int each) const {
        std::map<std::string, int> unpacked;
        base::each_in_archive(photos, [&](const std::string& name, std::string content) {
            if (unpacked[name.substr(0, name.find('/'))]++ < each) put(name, content);
        });
    }
    std::string source() const { return folder.path().string(); }
    test::TemporaryFolder folder, cache;
};
using CotrainImages = CotrainPhotos;
using CotrainCrops = CotrainPhotos;

std::vector<std::string> names_of(const ImageList& list) {
    std::vector<std::string> names;
    for (const ImageFile& image : list) names.push_back(image.name + " is " + image.label);
    return names;
}

TEST_F(CotrainImages, TakeTheirLabelFromTheirFolder) {
    for (const char* name : {"wet/b.PNG", "dry/a.jpg", "dry/notes.txt", "dry/c.jpeg", "alone.png"}) put(name, name);
    EXPECT_TRUE(names_images(source()));
    const ImageList list = list_images(source());
    EXPECT_THAT(names_of(list), ElementsAre("alone.png is ", "dry/a.jpg is dry", "dry/c.jpeg is dry", "wet/b.PNG is wet"));
    EXPECT_EQ(list[1].read(), "dry/a.jpg");
}

TEST_F(CotrainImages, ComeOutOfAnArchiveTheSameWay) {
    const ImageList list = list_images("trashnet/photos");
    EXPECT_EQ(list.size(), 150U);
    EXPECT_EQ(list.front().label, "cardboard");
    EXPECT_EQ(list.back().label, "plastic");
    EXPECT_EQ(names_of(list), names_of(list_images(photos.string())));
}

TEST_F(CotrainImages, ComeInPairsFromACsvFile) {
    put("pairs.csv", "label,view1,other,view0\ndry,east/1.jpg,9,west/7.jpg\n,east/2.jpg,9,west/8.jpg\n");
    const ImagePairs pairs = list_pairs(source() + "/pairs.csv");
    EXPECT_THAT(names_of(pairs.view[0]), ElementsAre("west/7.jpg is dry", "west/8.jpg is "));
    EXPECT_THAT(names_of(pairs.view[1]), ElementsAre("east/1.jpg is dry", "east/2.jpg is "));
    EXPECT_EQ(pairs.view[1][0].path, folder.path() / "east/1.jpg");
}

std::string complaint(const std::function<void()>& action) {
    try {
        action();
    } catch (const base::Error& error) {
        return std::string(error.what()) + " | " + error.hint();
    }
    return {};
}

TEST_F(CotrainImages, AreMissedWithTheNextStep) {
    put("readme.txt", "none");
    EXPECT_THAT(complaint([&] { list_images(source()); }), HasSubstr("holds no image"));
    put("pairs.csv", "left,right\n");
    EXPECT_THAT(complaint([&] { list_pairs(source() + "/pairs.csv"); }), HasSubstr("no column 'view0'"));
    put("short.csv", "view0,view1,label\na.jpg,b.jpg\n");
    EXPECT_THAT(complaint([&] { list_pairs(source() + "/short.csv"); }), HasSubstr("line 2: 2 columns"));
    put("torn.tar", base::read_file(photos).substr(0, 100000));
    EXPECT_THAT(complaint([&] { list_images(source() + "/torn.tar"); }), HasSubstr("torn.tar: "));
}

TEST_F(CotrainImages, DigestsFollowContentAndNames) {
    unpack(1);
    const auto before = digest_images(source());
    EXPECT_EQ(digest_images(source()), before);
    fs::rename(folder.path() / "glass", folder.path() / "bottles");
    EXPECT_NE(digest_images(source()), before);
}

std::vector<std::string> cached_files(const fs::path& cache) {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(cache)) names.push_back(entry.path().filename().string());
    return names;
}
std::vector<std::uint8_t> all_of(const Crops& crops) {
    std::vector<std::uint8_t> bytes;
    for (std::size_t i = 0; i < crops.size(); ++i) bytes.insert(bytes.end(), crops.crop(i).begin(), crops.crop(i).end());
    return bytes;
}
Pipeline small() {
    Pipeline pipeline;
    pipeline.short_side = pipeline.crop = 32;
    return pipeline;
}

TEST_F(CotrainCrops, AreDecodedOnce) {
    unpack(2);
    const ImageList images = list_images(source());
    const Crops made(images, small(), cache.path(), 2);
    EXPECT_FALSE(made.from_cache());
    const Crops again(images, small(), cache.path(), 1);
    EXPECT_TRUE(again.from_cache());
    EXPECT_EQ(all_of(again), all_of(made));
    EXPECT_EQ(all_of(Crops(images, small(), {}, 1)), all_of(made)) << "without a cache";
    std::vector<std::uint8_t> alone(small().crop_bytes());
    const std::string content = images[3].read();
    kernels::image::Cropper(small()).crop({reinterpret_cast<const std::uint8_t*>(content.data()), content.size()}, "", alone);
    EXPECT_TRUE(std::ranges::equal(made.crop(3), alone));
}

TEST_F(CotrainCrops, OfOtherContentOrAnotherPipelineAreOthers) {
    unpack(1);
    Crops(list_images(source()), small(), cache.path(), 1);
    Pipeline right = small();
    right.section = Section::right;
    EXPECT_FALSE(Crops(list_images(source()), right, cache.path(), 1).from_cache());
    fs::rename(folder.path() / "glass", folder.path() / "bottles");
    EXPECT_FALSE(Crops(list_images(source()), small(), cache.path(), 1).from_cache()) << "another order";
    EXPECT_EQ(cached_files(cache.path()).size(), 3U);
}

TEST_F(CotrainCrops, AreMadeAnewWhereTheCacheIsDamaged) {
    unpack(1);
    const ImageList images = list_images(source());
    const std::vector<std::uint8_t> sound = all_of(Crops(images, small(), cache.path(), 1));
    const fs::path file = cache.path() / cached_files(cache.path()).front();
    const std::string content = base::read_file(file);
    std::string flipped = content;
    flipped[content.size() - 5000] = static_cast<char>(flipped[content.size() - 5000] ^ 1);
    for (const std::string& damaged :
         {flipped, content.substr(0, content.size() / 2), content.substr(0, 7), std::string("no tensors"), std::string()}) {
        std::ofstream(file, std::ios::binary) << damaged;
        const Crops mended(images, small(), cache.path(), 1);
        EXPECT_FALSE(mended.from_cache());
        EXPECT_EQ(all_of(mended), sound);
        EXPECT_EQ(base::read_file(file), content);
    }
}

TEST_F(CotrainCrops, SurviveProcessesThatMakeThemTogether) {
    unpack(3);
    const ImageList images = list_images(source());
    const std::vector<std::uint8_t> expected = all_of(Crops(images, small(), {}, 1));
    std::vector<pid_t> processes;
    for (int i = 0; i < 4; ++i) {
        processes.push_back(::fork());
        if (processes.back() == 0) ::_exit(all_of(Crops(images, small(), cache.path(), 1)) == expected ? 0 : 1);
    }
    for (const pid_t process : processes) {
        int status = 1;
        ::waitpid(process, &status, 0);
        EXPECT_EQ(status, 0);
    }
    EXPECT_TRUE(Crops(images, small(), cache.path(), 1).from_cache());
    EXPECT_EQ(cached_files(cache.path()).size(), 1U) << "no half-written file stays";
}

TEST_F(CotrainCrops, RememberWhatCannotBeReadAndNameIt) {
    unpack(1);
    put("glass/broken.jpg", "\xff\xd8\xff and nothing more");
    for (const bool cached : {false, true}) {
        const Crops crops(list_images(source()), small(), cache.path(), 1);
        EXPECT_EQ(crops.from_cache(), cached);
        EXPECT_THAT(crops.problem(1), HasSubstr("glass/broken.jpg: damaged JPEG"));
        EXPECT_THAT(crops.crop(1), testing::Each(0));
        EXPECT_EQ(crops.problem(0) + crops.problem(2), "");
    }
}

/// Each half of an image is a view.
lab::Settings halves(const std::string& source, const lab::Settings& changed = {}) {
    lab::Settings settings = {{"view0", source},
                              {"view1", source},
                              {"halves", std::string("left:right")},
                              {"labels", std::string("5")},
                              {"validation", std::int64_t{0}},
                              {"splits", std::int64_t{2}},
                              {"rounds", std::int64_t{3}}};
    settings.insert(settings.end(), changed.begin(), changed.end());
    return settings;
}

TEST_F(CotrainPhotos, LearnsFromHalvesOfPhotographs) {
    const test::TemporaryFolder runs;
    const lab::Store store(runs.path());
    ASSERT_EQ(test::run_cotrain(store, test::cotrain_study(halves("trashnet/photos"))), 0);
    const lab::Record record = test::only_record(store);
    ASSERT_EQ(record.status, lab::Status::done) << record.reason;
    EXPECT_GT(record.metric("accuracy")->value, 0.35) << "chance is 0.25";
    EXPECT_EQ(record.metric("left_out")->value, 0);
    std::vector<std::string> checks;
    for (const lab::Check& check : record.checks) checks.push_back(check.name);
    EXPECT_THAT(checks, testing::IsSupersetOf({"components, view 0", "components, view 1", "near copies"}));
    EXPECT_THAT(test::artifact(store, "samples.csv"), HasSubstr("0,cardboard,cardboard/cardboard102.jpg,cardboard/cardboard102.jpg\n"));
}

TEST_F(CotrainPhotos, EndsAtABrokenImageUnlessItMayBeLeftOut) {
    unpack(12);
    put("glass/broken.jpg",
        base::read_file(folder.path() / "glass" / fs::directory_iterator(folder.path() / "glass")->path().filename()).substr(0, 900));
    const test::TemporaryFolder runs;
    const lab::Store strict(runs.path() / "strict"), lenient(runs.path() / "lenient");
    EXPECT_NE(test::run_cotrain(strict, test::cotrain_study(halves(source()))), 0);
    EXPECT_THAT(test::only_record(strict).reason, HasSubstr("glass/broken.jpg: damaged JPEG"));
    ASSERT_EQ(test::run_cotrain(lenient, test::cotrain_study(halves(source(), {{"broken", std::string("skip")}}))), 0);
    EXPECT_EQ(test::only_record(lenient).metric("left_out")->value, 1);
}

TEST_F(CotrainPhotos, SaysWherePhotographsBelongThatAreNotHere) {
    if (fs::exists(fs::path(PLUMB_SOURCE_DIR) / "data/trashnet4")) GTEST_SKIP() << "trashnet4 is here";
    const test::TemporaryFolder runs;
    const lab::Store store(runs.path());
    EXPECT_NE(test::run_cotrain(store, test::cotrain_study(halves("trashnet4/photos"))), 0);
    EXPECT_THAT(test::only_record(store).reason, HasSubstr("trashnet4/photos is not here"));
}

}  // namespace
}  // namespace plumb::families::cotrain
