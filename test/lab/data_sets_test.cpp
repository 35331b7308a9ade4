// SPDX-License-Identifier: Apache-2.0
#include "lab/data_sets.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "base/digest.h"
#include "base/error.h"
#include "base/file.h"
#include "temporary_folder.h"

namespace plumb::lab {
namespace {

using ::testing::HasSubstr;

/// PLUMB_DATA names a folder of the test's own.
class DataSets : public ::testing::Test {
  protected:
    DataSets() { ::setenv("PLUMB_DATA", folder.path().c_str(), 1); }
    ~DataSets() override { ::unsetenv("PLUMB_DATA"); }

    void write(const std::string& name, const std::string& content) {
        std::filesystem::create_directories((folder.path() / name).parent_path());
        base::write_file(folder.path() / name, content);
    }
    void declare(const std::string& set, const std::string& path, const std::string& content) {
        write("manifest.toml", "[[set]]\nname = \"" + set +
                                   "\"\nsummary = \"s\"\nlicence = \"l\"\nsource = \"o\"\n[[set.file]]\npath = \"" + path +
                                   "\"\nbytes = " + std::to_string(content.size()) + "\nsha256 = \"" + base::sha256_hex(content) + "\"\n");
    }
    DataFile file(const std::string& word) {
        const auto found = find_data_file(word);
        EXPECT_TRUE(found) << word;
        return found.value_or(DataFile{});
    }

    test::TemporaryFolder folder;
};

TEST_F(DataSets, WhatCameWithTheSourceIsSound) {
    const DataSet silesia = data_set_named("silesia");
    EXPECT_EQ(silesia.state(), "partly");
    for (const DataFile& each : silesia.files) EXPECT_EQ(verify(each), each.present() ? "passed" : "missing") << each.name;
    EXPECT_EQ(read_data_file(file("silesia/xml")).size(), 5345280u);
}

TEST_F(DataSets, FindsAFilePackedPlainOrByItsBareName) {
    const std::string content = "a small data set";
    declare("mine", "deep/words.zst", content);
    EXPECT_EQ(data_set_named("mine").state(), "missing");
    for (const std::string place : {"deep/words.zst", "deep/words", "words.zst", "words"}) {
        write(place, content);
        EXPECT_EQ(read_data_file(file("mine/words")), content) << place;
        EXPECT_EQ(data_set_named("mine").state(), "present");
        std::filesystem::remove(folder.path() / place);
    }
}

TEST_F(DataSets, AnAlteredFileIsNotRead) {
    declare("mine", "words", "as it was");
    write("words", "as it is");
    EXPECT_EQ(verify(file("mine/words")), "altered");
    try {
        read_data_file(file("mine/words"));
        FAIL() << "read an altered file";
    } catch (const base::Error& error) {
        EXPECT_EQ(error.kind(), base::ErrorKind::missing);
        EXPECT_THAT(error.what(), HasSubstr("altered"));
        EXPECT_THAT(error.hint(), HasSubstr("plumb data verify mine"));
    }
}

TEST_F(DataSets, AFileThatIsNotHereSaysWhereToPutIt) {
    const DataFile mozilla = file("silesia/mozilla");
    if (mozilla.present()) GTEST_SKIP() << "somebody brought mozilla";
    try {
        read_data_file(mozilla);
        FAIL() << "read what is not there";
    } catch (const base::Error& error) {
        EXPECT_EQ(error.kind(), base::ErrorKind::missing);
        EXPECT_THAT(error.hint(), HasSubstr("PLUMB_DATA"));
    }
}

TEST_F(DataSets, NamesTheNearestFileAndLeavesPathsAlone) {
    EXPECT_EQ(find_data_file("words.txt"), std::nullopt);
    EXPECT_EQ(find_data_file("some/folder/words.txt"), std::nullopt);
    try {
        find_data_file("silesia/dikens");
        FAIL() << "found a file that nobody declared";
    } catch (const base::Error& error) {
        EXPECT_THAT(error.hint(), HasSubstr("dickens"));
    }
}

TEST_F(DataSets, ASetOfTwoManifestsIsAnError) {
    declare("silesia", "words", "x");
    EXPECT_THROW(data_sets(), base::Error);
}

TEST_F(DataSets, AMalformedManifestIsNamed) {
    write("manifest.toml", "[[set]\n");
    try {
        data_sets();
        FAIL() << "read a malformed manifest";
    } catch (const base::Error& error) {
        EXPECT_THAT(error.what(), HasSubstr("manifest.toml"));
    }
}

}  // namespace
}  // namespace plumb::lab
