// SPDX-License-Identifier: Apache-2.0
// Archives: what is in them in their order, and errors that name them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "base/archive.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/file.h"
#include "temporary_folder.h"

namespace plumb::base {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

const fs::path photos = fs::path(PLUMB_SOURCE_DIR) / "data/trashnet/photos.tar";

std::string complaint(const fs::path& path) {
    try {
        each_in_archive(path, [](const std::string&, std::string) {});
    } catch (const Error& error) {
        return std::string(name(error.kind())) + ": " + error.what();
    }
    return {};
}

TEST(Archive, GivesItsFilesInOrderWithTheirContent) {
    std::vector<std::string> names;
    std::string first;
    each_in_archive(photos, [&](const std::string& name, std::string content) {
        if (names.empty()) first = sha256_hex(content);
        names.push_back(name);
    });
    ASSERT_EQ(names.size(), 150U);
    EXPECT_EQ(names.front(), "cardboard/cardboard3.jpg");
    EXPECT_EQ(first, "16fc4a48e824d8f413d3bd589bd8dfd046569af5d3ecf8021578d162eb3b8ea2") << "as data/trashnet/pixels.csv has it";
}

TEST(Archive, ErrorsNameIt) {
    const test::TemporaryFolder folder;
    EXPECT_THAT(complaint(folder.path() / "none.tar"), HasSubstr("missing: no file"));
    const fs::path torn = folder.path() / "torn.tar";
    std::ofstream(torn, std::ios::binary) << read_file(photos).substr(0, 100000);
    EXPECT_THAT(complaint(torn), HasSubstr("failed: " + torn.string()));
    const fs::path words = folder.path() / "words.tar";
    std::ofstream(words) << "no archive at all, only words that somebody wrote into a file";
    EXPECT_THAT(complaint(words), HasSubstr("failed: " + words.string()));
}

TEST(Archive, IsToldByItsEnding) {
    for (const char* name : {"a.tar", "a.zip", "b/a.tar.gz", "a.tgz", "a.tar.zst"}) EXPECT_TRUE(names_archive(name)) << name;
    for (const char* name : {"a.csv", "a.csv.zst", ".tar", "tar", "folder"}) EXPECT_FALSE(names_archive(name)) << name;
}

}  // namespace
}  // namespace plumb::base
