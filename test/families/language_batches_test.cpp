// SPDX-License-Identifier: Apache-2.0
// What a training is fed: batches, their order, learning rates, embeddings of others, and its place in between.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"
#include "base/random.h"
#include "base/tensor_file.h"
#include "families/language/batches.h"
#include "families/language/embedding_file.h"
#include "families/language/progress.h"
#include "families/language/schedule.h"
#include "temporary_folder.h"

namespace plumb::families::language {
namespace {

std::vector<Chunk> ten_chunks() {
    std::vector<Chunk> chunks;
    for (std::int64_t i = 0; i < 10; ++i) chunks.push_back({8 * i, 8});
    chunks.back().targets = 3;
    return chunks;
}

std::vector<Id> hundred_ids() {
    std::vector<Id> ids(100);
    std::iota(ids.begin(), ids.end(), Id{1});
    return ids;
}

TEST(LanguageBatches, AnEpochHasEveryChunkOnceInAnOrderOfItsOwn) {
    const auto epoch = [](std::int64_t which, std::uint64_t seed) {
        Epochs epochs(ten_chunks(), 4, seed);
        EXPECT_EQ(epochs.steps_an_epoch(), 3);
        std::vector<std::int64_t> begins;
        for (std::int64_t step = 3 * which; step < 3 * which + 3; ++step) {
            for (const Chunk& chunk : epochs.at(step)) begins.push_back(chunk.begin);
        }
        return begins;
    };
    std::vector<std::int64_t> sorted = epoch(0, 1);
    std::ranges::sort(sorted);
    for (std::int64_t i = 0; i < 10; ++i) EXPECT_EQ(sorted[static_cast<std::size_t>(i)], 8 * i);
    EXPECT_NE(epoch(0, 1), epoch(1, 1));
    EXPECT_NE(epoch(0, 1), epoch(0, 2));
    EXPECT_EQ(epoch(5, 1), epoch(5, 1)) << "without having gone through the epochs before";
}

TEST(LanguageBatches, WeightsAddUpToOneHoweverTheyAreShared) {
    const std::vector<Id> ids = hundred_ids();
    const std::vector<Chunk> chunks = {{0, 8}, {72, 3}};
    const Batch by_prediction(ids, chunks, Weighting::predictions), by_sequence(ids, chunks, Weighting::sequences);
    const auto weights = [](const Batch& batch) {
        const auto span = batch.view().weights;
        return std::vector<float>(span.begin(), span.end());
    };
    for (const Batch* batch : {&by_prediction, &by_sequence}) {
        const std::vector<float> all = weights(*batch);
        EXPECT_NEAR(std::accumulate(all.begin(), all.end(), 0.0), 1, 1e-6);
        EXPECT_EQ(batch->predictions(), 11);
    }
    EXPECT_FLOAT_EQ(weights(by_prediction)[0], 1.0F / 11);
    EXPECT_FLOAT_EQ(weights(by_prediction)[8], 1.0F / 11);
    EXPECT_FLOAT_EQ(weights(by_sequence)[0], 1.0F / 16);
    EXPECT_FLOAT_EQ(weights(by_sequence)[8], 1.0F / 6);
    EXPECT_EQ(weights(by_sequence)[11], 0) << "behind the short sequence";
}

TEST(LanguageBatches, PiecesHoldEveryRowOnce) {
    const std::vector<Id> ids = hundred_ids();
    const Batch batch(ids, ten_chunks());
    for (const std::int64_t count : {1, 3, 4, 10, 99}) {
        std::vector<Id> targets;
        for (const nn::TokenBatch& piece : batch.pieces(count)) {
            EXPECT_GT(piece.rows, 0);
            targets.insert(targets.end(), piece.targets.begin(), piece.targets.end());
        }
        EXPECT_TRUE(std::ranges::equal(targets, batch.view().targets)) << count;
    }
}

TEST(LanguageSchedule, ClimbsThenStaysOrFallsToZero) {
    Schedule schedule{.rate = 2, .warmup = 4, .decline = Decline::constant, .steps = 14};
    EXPECT_EQ(rate_at(schedule, 0), 0.5);
    EXPECT_EQ(rate_at(schedule, 3), 2);
    EXPECT_EQ(rate_at(schedule, 13), 2);
    schedule.decline = Decline::cosine;
    EXPECT_EQ(rate_at(schedule, 4), 2);
    EXPECT_NEAR(rate_at(schedule, 9), 1, 1e-12) << "half way";
    EXPECT_NEAR(rate_at(schedule, 14), 0, 1e-12);
    EXPECT_THROW(decline_named("linear"), base::Error);
}

TEST(LanguageProgress, ComesBackWithEveryBit) {
    Progress progress;
    progress.nats = 0.1 + 0.2;
    progress.predictions = (std::int64_t{1} << 40) + 1;
    progress.best_nats = -1.0 / 3;
    progress.best_step = 7;
    progress.seconds = 1e-300;
    progress.peak_shares = {0.1 + 0.2, 1e-300};
    progress.curves = "a,b\n1,2\n";
    const Progress back = progress_from_metadata(to_metadata(progress));
    EXPECT_EQ(back.nats, progress.nats);
    EXPECT_EQ(back.predictions, progress.predictions);
    EXPECT_EQ(back.best_nats, progress.best_nats);
    EXPECT_EQ(back.best_step, 7);
    EXPECT_EQ(back.seconds, progress.seconds);
    EXPECT_EQ(back.curves, progress.curves);
    EXPECT_EQ(back.peak_shares, progress.peak_shares);
    EXPECT_TRUE(progress_from_metadata(to_metadata({})).peak_shares.empty());
    EXPECT_THROW(progress_from_metadata({}), base::Error);
}

/// A model of 7 ids (6 and padding) and 2 numbers, 5 positions.
nn::LanguageForm tiny_form() {
    nn::LanguageForm form;
    form.architecture = nn::Architecture::gpt1;
    form.vocabulary = 7;
    form.width = 2;
    form.context = 5;
    return form;
}

std::vector<float> counting_up(std::size_t size, float first) {
    std::vector<float> numbers(size);
    std::iota(numbers.begin(), numbers.end(), first);
    return numbers;
}

TEST(LanguageEmbeddings, ComeFromEveryKnownForm) {
    const test::TemporaryFolder folder;
    const std::vector<float> tokens = counting_up(6 * 2, 5000), positions = counting_up(512 * 2, 1);
    const auto fp32 = base::ElementType::fp32;
    const auto write = [&](const char* file, const char* first, const char* second) {
        const base::TensorView views[] = {base::tensor_view<float>(first, fp32, {6, 2}, tokens),
                                          base::tensor_view<float>(second, fp32, {512, 2}, positions)};
        base::write_tensors(folder.path() / file, views);
        return folder.path() / file;
    };
    std::vector<std::filesystem::path> forms = {
        write("assignment.npz", "tokens", "position"),
        write("hugging-face.safetensors", "transformer.tokens_embed.weight", "transformer.positions_embed.weight"),
        folder.path() / "openai"};
    std::filesystem::create_directory(forms.back());
    std::vector<float> all = positions;
    all.insert(all.end(), tokens.begin(), tokens.end());
    all.resize(1200, -1);  // the blocks
    for (std::size_t part = 0; part < 10; ++part) {
        const auto numbers = std::span<const float>(all).subspan(part * 120, 120);
        base::write_npy(forms.back() / ("params_" + std::to_string(part) + ".npy"), base::tensor_view("p", fp32, {120}, numbers));
    }
    for (const auto& form : forms) {
        const nn::GivenValues given = read_embeddings(form, tiny_form());
        std::vector<float> expected = {0, 0};  // padding
        expected.insert(expected.end(), tokens.begin(), tokens.end());
        EXPECT_EQ(given.tokens, expected) << form;
        EXPECT_EQ(given.positions, counting_up(5 * 2, 1)) << form;
        EXPECT_FALSE(digest_embeddings(form).empty());
    }
}

TEST(LanguageEmbeddings, RefuseTablesOfAnotherShape) {
    const test::TemporaryFolder folder;
    const std::vector<float> tokens(8 * 2);
    const base::TensorView views[] = {base::tensor_view<float>("tokens", base::ElementType::fp32, {8, 2}, tokens)};
    base::write_npz(folder.path() / "eight.npz", views);
    EXPECT_THROW(read_embeddings(folder.path() / "eight.npz", tiny_form()), base::Error);
    EXPECT_THROW(read_embeddings(folder.path() / "none.npz", tiny_form()), base::Error);
}

}  // namespace
}  // namespace plumb::families::language
