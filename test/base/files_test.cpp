// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>
#include <zstd.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>

#include "base/digest.h"
#include "base/error.h"
#include "base/file.h"
#include "base/version.h"

namespace plumb::base {
namespace {

namespace fs = std::filesystem;

std::string with_digits_as_nines(std::string text) {
    std::replace_if(
        text.begin(), text.end(), [](unsigned char letter) { return std::isdigit(letter) != 0; }, '9');
    return text;
}

class Files : public ::testing::Test {
  protected:
    Files() : folder(fs::temp_directory_path() / ("plumb-files-" + std::to_string(::getpid()))) { fs::create_directories(folder); }
    ~Files() override { fs::remove_all(folder); }
    fs::path folder;
};

TEST(Digest, MatchesPublishedVectors) {
    // FIPS 180-2, appendix B.1; xxHash's own sanity values for empty input with seed 0.
    EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    EXPECT_EQ(xxh3_hex(""), "99aa06d3014798d86001c324468d497f");
}

TEST_F(Files, DigestOfAFileIsTheDigestOfItsBytes) {
    const std::string content(3'000'000, 'x');
    write_file(folder / "big", content);
    EXPECT_EQ(file_sha256_hex(folder / "big"), sha256_hex(content));
    EXPECT_EQ(file_xxh3_hex(folder / "big"), xxh3_hex(content));
}

TEST_F(Files, KnownDigestsFollowAChangeOfTheFile) {
    write_file(folder / "file", "first");
    EXPECT_EQ(known_file_xxh3_hex(folder / "file"), xxh3_hex("first"));
    EXPECT_EQ(known_file_xxh3_hex(folder / "file"), xxh3_hex("first"));
    write_file(folder / "file", "second");
    EXPECT_EQ(known_file_xxh3_hex(folder / "file"), xxh3_hex("second"));
    EXPECT_THROW(known_file_xxh3_hex(folder / "absent"), Error);
}

TEST_F(Files, JoinsPiecesIntoOneFile) {
    const std::string_view pieces[] = {"one", "", "two"};
    replace_file(folder / "file", pieces);
    EXPECT_EQ(read_file(folder / "file"), "onetwo");
    write_file(folder / "made", "elsewhere");
    move_into_place(folder / "made", folder / "file");
    EXPECT_EQ(read_file(folder / "file"), "elsewhere");
    EXPECT_NE(temporary_beside(folder / "file"), temporary_beside(folder / "file"));
    EXPECT_THROW(replace_file(folder / "no" / "where", pieces), Error);
    EXPECT_EQ(std::distance(fs::directory_iterator(folder), fs::directory_iterator()), 1) << "a temporary file stayed behind";
}

TEST_F(Files, ReadsBackWhatWasWrittenAndReplaced) {
    const std::string bytes("a\0b\n", 4);
    write_file(folder / "file", bytes);
    EXPECT_EQ(read_file(folder / "file"), bytes);
    replace_file(folder / "file", "second");
    EXPECT_EQ(read_file(folder / "file"), "second");
    EXPECT_EQ(std::distance(fs::directory_iterator(folder), fs::directory_iterator()), 1) << "a temporary file stayed behind";
}

TEST_F(Files, UnpacksZstandardFramesAndLeavesTheRestAlone) {
    const std::string content(3'000'000, 'x');
    std::string packed(ZSTD_compressBound(content.size()), '\0');
    packed.resize(ZSTD_compress(packed.data(), packed.size(), content.data(), content.size(), 3));
    write_file(folder / "packed", packed);
    EXPECT_EQ(read_unpacked(folder / "packed"), content);
    write_file(folder / "twice", packed + packed);
    EXPECT_EQ(read_unpacked(folder / "twice"), content + content) << "frames follow each other";
    write_file(folder / "plain", "plain text");
    EXPECT_EQ(read_unpacked(folder / "plain"), "plain text");
    write_file(folder / "empty", "");
    EXPECT_EQ(read_unpacked(folder / "empty"), "");
    for (std::size_t kept = 4; kept < packed.size(); kept += 7) {
        write_file(folder / "cut", packed.substr(0, kept));
        EXPECT_THROW(read_unpacked(folder / "cut"), Error) << kept << " of " << packed.size() << " bytes";
    }
    packed[20] = static_cast<char>(packed[20] ^ 0x40);
    packed.resize(30);
    write_file(folder / "broken", packed);
    EXPECT_THROW(read_unpacked(folder / "broken"), Error);
}

TEST_F(Files, NamesTheFileThatCannotBeReadOrWritten) {
    try {
        read_file(folder / "absent");
        FAIL() << "an absent file was read";
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::missing);
        EXPECT_THAT(error.what(), ::testing::HasSubstr("absent"));
    }
    EXPECT_THROW(read_file(folder), Error) << "a folder is no file";
    EXPECT_THROW(write_file(folder / "no" / "where", "x"), Error);
}

TEST(Time, StampsSortAsTheyPass) {
    EXPECT_EQ(with_digits_as_nines(utc_timestamp()), "99999999T999999.999Z");
    EXPECT_EQ(with_digits_as_nines(utc_iso8601()), "9999-99-99T99:99:99Z");
    const std::string earlier = utc_timestamp();
    EXPECT_LE(earlier, utc_timestamp());
}

TEST(Error, KindsHaveTheExitCodesOfTheContract) {
    EXPECT_EQ(exit_code(ErrorKind::check_failed), 1);
    EXPECT_EQ(exit_code(ErrorKind::usage), 2);
    EXPECT_EQ(exit_code(ErrorKind::failed), 3);
    EXPECT_EQ(exit_code(ErrorKind::unsupported), 3);
    EXPECT_EQ(exit_code(ErrorKind::timed_out), 3);
    EXPECT_EQ(exit_code(ErrorKind::missing), 4);
    EXPECT_EQ(exit_code(ErrorKind::internal), 5);
    EXPECT_EQ(exit_code(ErrorKind::interrupted), 130);
}

TEST(Version, NamesVersionAndCompiler) {
    EXPECT_THAT(code_version(), ::testing::StartsWith(version()));
    EXPECT_THAT(compiler(), ::testing::Not(::testing::IsEmpty()));
}

}  // namespace
}  // namespace plumb::base
