// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cmath>
#include <set>
#include <thread>

#include "base/error.h"
#include "base/file.h"
#include "base/random.h"
#include "families/compression/break_even.h"
#include "families/compression/counters.h"
#include "families/compression/declarations.h"
#include "families/compression/family.h"
#include "families/compression/input.h"
#include "families/compression/memory.h"
#include "families/compression/trial.h"
#include "families/compression/worker_pool.h"
#include "lab/check.h"
#include "temporary_folder.h"

namespace plumb::families::compression {
namespace {

namespace kc = kernels::codec;
using test::TemporaryFolder;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string words(std::size_t bytes) {
    static constexpr std::array<std::string_view, 5> vocabulary = {"chunk ", "by ", "chunk, ", "each ", "apart\n"};
    const base::RandomStream random(11, "compression test words");
    std::string text;
    for (std::uint64_t i = 0; text.size() < bytes; ++i) text += vocabulary[random.below(i, vocabulary.size())];
    text.resize(bytes);
    return text;
}

/// A file of words in a folder of its own.
class WithFile : public ::testing::Test {
  protected:
    std::string write(const std::string& name, const std::string& content) {
        const auto path = folder.path() / name;
        std::filesystem::create_directories(path.parent_path());
        base::write_file(path, content);
        return path.string();
    }
    lab::Settings settings(const lab::Settings& changed) { return resolve(schema().complete(changed)); }
    CompressionTrial trial(const lab::Settings& changed) { return CompressionTrial(read_request(settings(changed))); }

    TemporaryFolder folder;
    std::string file = write("words.txt", words(300'000));
};

double value_of(const std::vector<lab::MetricValue>& metrics, const std::string& name) {
    const auto found = std::ranges::find(metrics, name, &lab::MetricValue::name);
    EXPECT_NE(found, metrics.end()) << name;
    return found == metrics.end() ? 0 : found->value;
}

lab::Timing timing(double seconds) {
    lab::Timing made;
    made.samples = {seconds, seconds, seconds};
    made.median = {seconds, seconds * 0.99, seconds * 1.01};
    return made;
}

TEST(WorkerPool, RunsEveryItemOnceWhateverTheNumberOfWorkers) {
    for (const std::size_t workers : {1u, 2u, 5u}) {
        WorkerPool pool(workers);
        for (const std::size_t items : {0u, 1u, 3u, 1000u}) {
            std::vector<std::atomic<int>> seen(items);
            std::set<std::size_t> who;
            pool.run(items, [&](std::size_t worker, std::size_t item) {
                EXPECT_LT(worker, workers);
                ++seen[item];
            });
            EXPECT_TRUE(std::ranges::all_of(seen, [](const auto& count) { return count == 1; })) << workers << " workers, " << items;
        }
    }
}

TEST(WorkerPool, ThrowsWhatAJobThrewAndGoesOnAfterwards) {
    WorkerPool pool(2);
    const auto fail = [](std::size_t, std::size_t item) {
        if (item == 7) throw base::Error(base::ErrorKind::failed, "item 7");
    };
    EXPECT_THROW(pool.run(20, fail), base::Error);
    std::atomic<int> done = 0;
    pool.run(20, [&](std::size_t, std::size_t) { ++done; });
    EXPECT_EQ(done, 20);
}

TEST(WorkerPool, TellsBusyWorkersFromIdleOnes) {
    WorkerPool pool(3);
    // Two items for three workers: one has nothing to do.
    pool.run(2, [](std::size_t, std::size_t) { std::this_thread::sleep_for(std::chrono::milliseconds(30)); });
    std::vector<double> busy;
    for (const WorkerUse& use : pool.uses()) busy.push_back(use.busy_seconds);
    std::ranges::sort(busy);
    EXPECT_LT(busy[0], 0.02);
    EXPECT_GT(busy[1], 0.025);
    EXPECT_LE(busy[2], pool.wall_seconds() + 1e-3);
    for (const WorkerUse& use : pool.uses()) EXPECT_LT(use.cpu_seconds, 0.02) << "sleeping is no work of the processor";
}

TEST_F(WithFile, ChunksTileEachFileAndNeverReachIntoTheNext) {
    const Content content{std::vector<std::uint8_t>(25), {{0, 10}, {10, 15}}};
    EXPECT_THAT(cut(content, 10), ElementsAre(Span{0, 10}, Span{10, 10}, Span{20, 5}));
    EXPECT_THAT(cut(content, 7), ElementsAre(Span{0, 7}, Span{7, 3}, Span{10, 7}, Span{17, 7}, Span{24, 1}));
    EXPECT_THAT(cut(content, 100), ElementsAre(Span{0, 10}, Span{10, 15}));
    EXPECT_THROW(cut(content, 0), base::Error);
}

TEST_F(WithFile, AFolderIsItsFilesInOrderWithoutTheEmptyOnes) {
    write("set/b.txt", "second");
    write("set/a/one.txt", "first");
    write("set/empty.txt", "");
    const auto content = load_content((folder.path() / "set").string(), 0);
    EXPECT_EQ(std::string(content->bytes.begin(), content->bytes.end()), "firstsecond");
    EXPECT_THAT(content->files, ElementsAre(Span{0, 5}, Span{5, 6}));
}

TEST_F(WithFile, RepeatsTheFileFromItsStart) {
    const std::string small = write("small.txt", "abc");
    const auto content = load_content(small, 8);
    EXPECT_EQ(std::string(content->bytes.begin(), content->bytes.end()), "abcabcab");
    EXPECT_THAT(content->files, ElementsAre(Span{0, 8}));
    EXPECT_EQ(load_content(file, 100)->bytes.size(), 100u) << "less than the file is its start";
}

TEST_F(WithFile, SaysWhatIsWrongWithAFile) {
    const auto kind_of = [](const auto& call) {
        try {
            call();
        } catch (const base::Error& error) {
            return error.kind();
        }
        return base::ErrorKind::internal;
    };
    EXPECT_EQ(kind_of([] { load_content("no/such/file", 0); }), base::ErrorKind::missing);
    EXPECT_EQ(kind_of([] { digest_content("no/such/file"); }), base::ErrorKind::missing);
    EXPECT_EQ(kind_of([] { load_content("silesia/dikens", 0); }), base::ErrorKind::usage) << "a typing mistake in a known set";
    EXPECT_EQ(kind_of([&] { load_content(write("empty", ""), 0); }), base::ErrorKind::unsupported);
}

TEST_F(WithFile, ADigestFollowsTheContent) {
    const auto first = digest_content(file);
    EXPECT_EQ(digest_content(file), first);
    write("words.txt", "other words");
    EXPECT_NE(digest_content(file), first);
}

TEST_F(WithFile, ACountOfChunksIsAChunkSize) {
    const auto chunk_of = [&](const lab::Settings& changed) { return std::get<std::int64_t>(*lab::find(settings(changed), "chunk")); };
    EXPECT_EQ(chunk_of({{"file", file}, {"chunks", std::int64_t{8}}}), 37500);
    EXPECT_EQ(chunk_of({{"file", file}, {"chunks", std::int64_t{7}}}), 42858) << "rounded up, so that there are no more than seven";
    EXPECT_EQ(chunk_of({{"file", file}, {"chunks", std::int64_t{131072}}, {"total", std::int64_t{524'288'000}}}), 4000);
    EXPECT_EQ(chunk_of({{"file", file}, {"chunks", std::int64_t{8}}, {"repeat_to", std::int64_t{524'288'000}}}), 65'536'000);
    EXPECT_EQ(settings({{"file", file}, {"chunks", std::int64_t{131072}}, {"total", std::int64_t{524'288'000}}}),
              settings({{"file", file}, {"chunk", std::int64_t{4000}}}))
        << "the same thing said twice is one point";
}

/// Every codec that can run here.
class EveryCodec : public WithFile, public ::testing::WithParamInterface<std::string> {};

std::vector<std::string> codec_names() {
    std::vector<std::string> names;
    for (const kc::Codec& codec : kc::codecs()) names.push_back(codec.name);
    return names;
}
std::string test_name(const ::testing::TestParamInfo<std::string>& info) {
    std::string name = info.param;
    std::ranges::replace_if(
        name, [](char letter) { return std::isalnum(static_cast<unsigned char>(letter)) == 0; }, '_');
    return name;
}
INSTANTIATE_TEST_SUITE_P(Codecs, EveryCodec, ::testing::ValuesIn(codec_names()), test_name);

TEST_P(EveryCodec, ComesBackByteForByteBeforeAndAfterTiming) {
    if (const std::string& missing = kc::codec_named(GetParam()).missing; !missing.empty()) GTEST_SKIP() << missing;
    for (const std::int64_t workers : {1, 2}) {
        CompressionTrial made = trial({{"file", file}, {"codec", GetParam()}, {"chunk", std::int64_t{16384}}, {"workers", workers}});
        for (const lab::Check& check : made.verify()) EXPECT_EQ(check.status, lab::CheckStatus::passed) << check.name << check.note;
        const std::vector<lab::Action> actions = made.actions();
        ASSERT_EQ(actions.size(), 2u);
        for (int i = 0; i < 3; ++i) {
            for (const lab::Action& action : actions) action.run();
        }
        for (const lab::Check& check : made.verify_after()) EXPECT_EQ(check.status, lab::CheckStatus::passed) << check.name << check.note;
        const auto metrics = made.metrics({timing(0.01), timing(0.005)});
        EXPECT_DOUBLE_EQ(value_of(metrics, "compress_throughput"), 3e7);
        EXPECT_DOUBLE_EQ(value_of(metrics, "decompress_throughput"), 6e7);
        EXPECT_EQ(value_of(metrics, "chunk_count"), 19);
        EXPECT_EQ(value_of(metrics, "metadata_bytes"), 19 * 16);
        EXPECT_NEAR(value_of(metrics, "ratio"), 300'000 / value_of(metrics, "compressed_bytes"), 1e-12);
        EXPECT_LT(value_of(metrics, "ratio_with_metadata"), value_of(metrics, "ratio"));
        const double utilisation = value_of(metrics, "compress_utilisation");
        EXPECT_GT(utilisation, 0);
        EXPECT_LE(utilisation, 1 + 1e-9);
        std::set<std::string> declared;
        for (const lab::Metric& metric : compression::metrics()) declared.insert(metric.name);
        for (const lab::MetricValue& metric : metrics) EXPECT_TRUE(declared.contains(metric.name)) << metric.name;
    }
}

TEST_F(WithFile, AnOutputThatWasNotWrittenIsSeenAfterTiming) {
    CompressionTrial made = trial({{"file", file}});
    made.verify();
    // Nothing ran since: the output holds what it was spoilt with.
    const auto checks = made.verify_after();
    const auto last = std::ranges::find(checks, "last decompression", &lab::Check::name);
    ASSERT_NE(last, checks.end());
    EXPECT_EQ(last->status, lab::CheckStatus::failed);
    EXPECT_EQ(last->measured, 5) << "chunks";
}

TEST_F(WithFile, TimesOneDirectionWhereAskedTo) {
    for (const std::string direction : {"compress", "decompress"}) {
        CompressionTrial made = trial({{"file", file}, {"direction", direction}});
        made.verify();
        const auto actions = made.actions();
        ASSERT_EQ(actions.size(), 1u);
        EXPECT_EQ(actions[0].name, direction);
        actions[0].run();
        for (const lab::Check& check : made.verify_after()) EXPECT_EQ(check.status, lab::CheckStatus::passed) << check.name;
        EXPECT_DOUBLE_EQ(value_of(made.metrics({timing(0.01)}), direction + "_throughput"), 3e7);
    }
}

TEST_F(WithFile, MistrustsAnInputOfOneValue) {
    const auto checks = trial({{"file", write("zeros", std::string(100'000, '\0'))}}).verify();
    EXPECT_EQ(checks.front().status, lab::CheckStatus::mistrusted);
}

TEST_F(WithFile, CountsChunksThatWereHandedBackRaw) {
    std::string noise(100'000, '\0');
    const base::RandomStream random(3, "compression test noise");
    for (std::size_t i = 0; i < noise.size(); ++i) noise[i] = static_cast<char>(random.below(i, 256));
    CompressionTrial raw = trial({{"file", write("noise", noise)}, {"codec", std::string("lz4")}, {"chunk", std::int64_t{10'000}}});
    raw.verify();
    EXPECT_EQ(value_of(raw.metrics({timing(1), timing(1)}), "stored_chunks"), 10);
    CompressionTrial packed = trial({{"file", file}, {"codec", std::string("lz4")}});
    packed.verify();
    EXPECT_EQ(value_of(packed.metrics({timing(1), timing(1)}), "stored_chunks"), 0);
}

TEST_F(WithFile, WhatACodecDoesNotTakeIsUnsupported) {
    const auto refuses = [&](const lab::Settings& changed, const std::string& part) {
        lab::Settings all = {{"file", file}};
        all.insert(all.end(), changed.begin(), changed.end());
        try {
            trial(all);
            ADD_FAILURE() << "accepted: " << part;
        } catch (const base::Error& error) {
            EXPECT_EQ(error.kind(), base::ErrorKind::unsupported) << error.what();
            EXPECT_THAT(error.what(), HasSubstr(part));
        }
    };
    refuses({{"codec", std::string("zstd")}, {"level", std::string("99")}}, "99");
    refuses({{"codec", std::string("zstd")}, {"level", std::string("best")}}, "best");
    refuses({{"codec", std::string("lz4")}, {"element", std::string("u32")}}, "element");
    refuses({{"codec", std::string("snappy")}, {"rle", std::int64_t{1}}}, "rle");
    refuses({{"codec", std::string("zstd")}, {"device", std::string("A100")}}, "A100");
}

TEST_F(WithFile, RecordsTheLevelThatRan) {
    CompressionTrial made = trial({{"file", file}, {"codec", std::string("zstd")}});
    made.verify();
    EXPECT_EQ(value_of(made.metrics({timing(1), timing(1)}), "used_level"), 3);
}

TEST(BreakEven, IsTheLinkSpeedAtWhichBothWaysTakeEquallyLong) {
    const Throughputs speeds{base::Interval{200e6, 190e6, 210e6}, base::Interval{800e6, 790e6, 810e6}};
    const double ratio = 2.5, bytes = 1e9;
    const auto metrics = break_even(ratio, speeds);
    const double link = value_of(metrics, "break_even");
    EXPECT_NEAR(bytes / link, bytes / 200e6 + bytes / ratio / link + bytes / 800e6, 1e-9);
    const double read = value_of(metrics, "break_even_read");
    EXPECT_NEAR(bytes / read, bytes / ratio / read + bytes / 800e6, 1e-9);
    for (const lab::MetricValue& metric : metrics) {
        EXPECT_LT(metric.low, metric.value);
        EXPECT_GT(metric.high, metric.value);
    }
}

TEST(BreakEven, IsZeroWhereNothingIsSavedAndAbsentWithoutTimes) {
    const Throughputs speeds{base::Interval{1, 1, 1}, base::Interval{1, 1, 1}};
    EXPECT_EQ(value_of(break_even(0.99, speeds), "break_even"), 0);
    EXPECT_TRUE(break_even(2, {base::Interval{1, 1, 1}, std::nullopt}).empty());
}

TEST(PerUtilisation, IsUnboundedWhereTheUseMayBeNothing) {
    const base::Interval speed{100, 90, 110};
    const lab::MetricValue half = per_utilisation("x", speed, {"u", 0.5, 0.4, 0.6, 3});
    EXPECT_DOUBLE_EQ(half.value, 200);
    EXPECT_DOUBLE_EQ(half.low, 150);
    EXPECT_DOUBLE_EQ(half.high, 275);
    EXPECT_TRUE(std::isinf(per_utilisation("x", speed, {"u", 0.01, 0, 0.02, 3}).high));
}

TEST(Counters, GiveNumbersOrTheReasonWhyNot) {
    volatile double sum = 0;
    const auto counts = count([&] {
        for (int i = 0; i < 100'000; ++i) sum = sum + i;
    });
    if (!why_no_counters().empty()) {
        EXPECT_FALSE(counts);
        GTEST_SKIP() << why_no_counters();
    }
    if (!counts) GTEST_SKIP() << "the counters did not run all the time";
    EXPECT_GT(counts->instructions, 100'000);
    EXPECT_GT(counts->cycles, 0);
}

TEST(CompressionFamily, EveryFigureDrawsWhatIsDeclared) {
    const auto known = [](const std::string& name) {
        return schema().contains(name) || std::ranges::find(metrics(), name, &lab::Metric::name) != metrics().end();
    };
    for (const lab::Figure& figure : figures()) {
        for (const std::string& name : {figure.x, figure.y, figure.colour, figure.facet_column, figure.facet_row})
            EXPECT_TRUE(name.empty() || known(name)) << figure.name << ": " << name;
    }
}

}  // namespace
}  // namespace plumb::families::compression
