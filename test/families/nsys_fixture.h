// SPDX-License-Identifier: Apache-2.0
// Small exports made on the spot: tables as data, written as SQLite or HDF5, in the shapes of three generations of the exporter.
//
// The story of story(), times in us on top of `shift`; samples every 100 us from 800 to 3500, percent, each for the 100 us before it:
//   compress   lz4CompressBatchKernel    [1000, 1100) [1150, 1250)     a gap of 50 us
//   decompress lz4DecompressBatchKernel  [2000, 2050)                  half a sample
//   neither    fill_kernel               [3000, 3400)
//   compute warps: 80 at 1100, 60 at 1200, 40 at 1300, 10 at 2100, 100 at 3100 to 3400, otherwise 0
//   SM active: 90 at 1100, 1200, 1300, 50 at 2100, otherwise 0
// and decoys that hold 99 throughout.
#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace plumb::families::compression::test {

enum class Kind { null, integer, unsigned_integer, real, text };

struct FixtureCell {
    FixtureCell() = default;
    FixtureCell(int value) : FixtureCell(std::int64_t{value}) {}
    FixtureCell(std::int64_t value) : kind(Kind::integer), integer(value), real(static_cast<double>(value)) {}
    FixtureCell(double value) : kind(Kind::real), integer(static_cast<std::int64_t>(value)), real(value) {}
    FixtureCell(const char* value) : kind(Kind::text), text(value) {}
    FixtureCell(const std::string& value) : kind(Kind::text), text(value) {}

    Kind kind = Kind::null;
    std::int64_t integer = 0;
    double real = 0;
    std::string text;
};

struct FixtureColumn {
    std::string name;
    Kind kind = Kind::integer;
    bool not_null = false;
};

struct FixtureTable {
    std::string name;
    std::vector<FixtureColumn> columns;
    std::vector<std::vector<FixtureCell>> rows;
};

using Fixture = std::vector<FixtureTable>;

FixtureTable& table(Fixture& fixture, const std::string& name);
/// Takes `column` out of the table with its cells.
void drop_column(FixtureTable& table, const std::string& column);
void drop_table(Fixture& fixture, const std::string& name);

void write_sqlite(const std::filesystem::path& path, const Fixture& fixture);
/// Chunked with shuffle and deflate-1 as the exporter does; NULL becomes 0 or "".
enum class Strings { variable, fixed };
void write_hdf5(const std::filesystem::path& path, const Fixture& fixture, Strings strings = Strings::variable);

enum class Generation {
    plain,   ///< no NULL anywhere, metric names without units, kernels without a process, no CUDA ordinals
    units,   ///< 2022: names with units, "SM Active"
    recent,  ///< 2024: "SMs Active", rawTimestamp, green contexts, a table of CUDA devices, META_DATA_EXPORT
};
inline constexpr Generation all_generations[] = {Generation::plain, Generation::units, Generation::recent};
const char* name(Generation generation);

constexpr std::int64_t process = std::int64_t{4711} << 24;
constexpr std::int64_t thread = process + 4712;
constexpr std::int64_t type_base = 0x1000100000000;

Fixture story(Generation generation, std::int64_t shift_us = 0);

/// A GPU of story(Generation::units) named `gpu` with CUDA ordinal 1 and pwGpuId 0, whose compute warps have number 14 and read `percent`
/// throughout, and which runs one lz4CompressBatchKernel [1000, 2000).
void add_second_gpu(Fixture& fixture, const std::string& gpu, std::int64_t percent);

}  // namespace plumb::families::compression::test
