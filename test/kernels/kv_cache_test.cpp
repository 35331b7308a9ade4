// SPDX-License-Identifier: Apache-2.0
#include "kernels/protect/kv_cache.h"

#include <algorithm>
#include <array>
#include <vector>

#include <gtest/gtest.h>

#include "base/error.h"
#include "kernels/attention/inputs.h"

namespace plumb::test {
namespace {

using kernels::attention::Inputs;
using kernels::attention::Layout;
using kernels::attention::MaskKind;
using kernels::attention::Shape;
using kernels::attention::Strides;
using kernels::protect::CacheQuery;
using kernels::protect::CacheRows;
using kernels::protect::Damage;
using kernels::protect::KvCache;
using kernels::protect::Level;
using kernels::protect::Protection;
using kernels::protect::Report;

/// A cache, the numbers that went into it, and queries.
class CacheCase {
  public:
    explicit CacheCase(base::Dtype dtype, std::int64_t queries = 1)
        : shape{.batch = 2, .heads = 4, .queries = queries, .keys = 700, .head_dim = 32, .value_dim = 24, .key_heads = 2},
          inputs(make_inputs(shape, {.mask = MaskKind::causal, .layout = Layout::bhnd, .dtype = dtype}, "normal", 31)),
          problem(inputs.problem()),
          cache({.batch = 2, .key_heads = 2, .head_dim = 32, .value_dim = 24, .capacity = 800, .dtype = dtype}) {}

    CacheRows keys(std::int64_t first) const {
        return {base::advance(problem.dtype, problem.k, first * problem.k_strides.row), problem.k_strides};
    }
    CacheRows values(std::int64_t first) const {
        return {base::advance(problem.dtype, problem.v, first * problem.v_strides.row), problem.v_strides};
    }
    /// Appends all keys, `step` at a time.
    void fill(std::int64_t step) {
        for (std::int64_t first = 0; first < shape.keys; first += step) {
            const std::int64_t count = std::min(step, shape.keys - first);
            cache.append(keys(first), values(first), count);
        }
    }

    struct Attended {
        std::vector<std::byte> out;
        std::vector<float> lse;
        Report report;
        bool operator==(const Attended& other) const { return out == other.out && lse == other.lse; }
    };
    Attended attend(Level level) const {
        Attended made = room();
        Protection protection;
        protection.level = level;
        const CacheQuery query{.heads = 4, .queries = shape.queries, .q = problem.q, .q_strides = problem.q_strides};
        made.report = cache.attend(query, protection, made.out.data(), strides(), made.lse.data());
        return made;
    }
    Attended fused() const {
        Attended made = room();
        kernels::attention::fused(problem, made.out.data(), strides(), made.lse.data());
        return made;
    }

    Shape shape;
    Inputs inputs;
    kernels::attention::Problem problem;
    KvCache cache;

  private:
    Strides strides() const { return kernels::attention::strides_bnhd(shape.queries, shape.heads, shape.value_dim); }
    Attended room() const {
        return {std::vector<std::byte>(static_cast<std::size_t>(output_size(shape) * base::size_of(problem.dtype))),
                std::vector<float>(static_cast<std::size_t>(shape.batch * shape.heads * shape.queries)),
                {}};
    }
};

constexpr std::array all_dtypes = {base::Dtype::fp32, base::Dtype::bf16, base::Dtype::fp16};

TEST(KvCache, AttendsWithTheBitsOfFusedHoweverKeysCameIn) {
    for (const base::Dtype dtype : all_dtypes) {
        for (const std::int64_t queries : {1, 5, 200}) {
            for (const std::int64_t step : {1, 37, 700}) {
                CacheCase made(dtype, queries);
                made.fill(step);
                const CacheCase::Attended attended = made.attend(Level::correct);
                EXPECT_TRUE(attended == made.fused()) << base::name(dtype) << " queries " << queries << " step " << step;
                EXPECT_EQ(attended.report.alarms, 0) << (attended.report.evidence.empty() ? "" : describe(attended.report.evidence[0]));
                EXPECT_GT(attended.report.row_checks, 0);
            }
        }
    }
}

TEST(KvCache, FindsEveryFlippedBitAndTakesBackWhatWasStored) {
    for (const base::Dtype dtype : all_dtypes) {
        CacheCase made(dtype);
        made.fill(64);
        const CacheCase::Attended before = made.attend(Level::detect);
        const std::int64_t row_bytes = 32 * base::size_of(dtype);
        EXPECT_TRUE(made.cache.verify().empty());
        for (std::int64_t bit = 0; bit < 8 * row_bytes; bit += 7) {
            // Key head 3, key 411.
            made.cache.stored_keys()[(3 * 800 + 411) * row_bytes + bit / 8] ^= std::byte{1} << static_cast<int>(bit % 8);
            EXPECT_EQ(made.cache.verify(), (std::vector<Damage>{{.key_head = 3, .key = 411, .value = false}})) << bit;
            made.cache.restore(411, made.keys(411), made.values(411), 1);
            EXPECT_TRUE(made.cache.verify().empty());
        }
        made.cache.stored_values()[(1 * 800 + 5) * 24 * base::size_of(dtype)] ^= std::byte{1};
        EXPECT_EQ(made.cache.verify(), (std::vector<Damage>{{.key_head = 1, .key = 5, .value = true}}));
        made.cache.restore(0, made.keys(0), made.values(0), 700);
        EXPECT_TRUE(made.attend(Level::detect) == before);
    }
}

TEST(KvCache, AttendReportsAStoredNumberThatMattersAndDoesNotCallItCorrected) {
    for (const base::Dtype dtype : all_dtypes) {
        for (const bool value : {false, true}) {
            CacheCase made(dtype);
            made.fill(700);
            const std::int64_t columns = value ? 24 : 32;
            auto* number =
                (value ? made.cache.stored_values() : made.cache.stored_keys()).data() + (2 * 800 + 350) * columns * base::size_of(dtype);
            // The sign and the highest bits of the exponent are in the last byte.
            number[base::size_of(dtype) - 1] ^= std::byte{0xC0};
            const Report detected = made.attend(Level::detect).report;
            EXPECT_GT(detected.alarms, 0) << base::name(dtype) << " value " << value;
            EXPECT_EQ(detected.evidence[0].key_head, 2);
            const Report corrected = made.attend(Level::correct).report;
            EXPECT_EQ(corrected.corrected, 0);
            EXPECT_GT(corrected.unresolved, 0);
        }
    }
}

TEST(KvCache, RefusesWhatIsNotWhatItStoredAndWhatDoesNotFit) {
    CacheCase made(base::Dtype::fp32);
    made.fill(700);
    EXPECT_THROW(made.cache.restore(3, made.keys(4), made.values(4), 1), base::Error);
    EXPECT_THROW(made.cache.append(made.keys(0), made.values(0), 101), base::Error);
    EXPECT_THROW(made.cache.restore(699, made.keys(0), made.values(0), 2), base::Error);
    EXPECT_EQ(made.cache.size(), 700);
    EXPECT_TRUE(made.cache.verify().empty());
    EXPECT_THROW(KvCache({.head_dim = 8, .value_dim = 0, .capacity = 4}), base::Error);
}

}  // namespace
}  // namespace plumb::test
