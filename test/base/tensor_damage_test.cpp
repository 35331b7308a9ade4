// SPDX-License-Identifier: Apache-2.0
// Damaged and hostile tensor files: whatever the bytes are, the answer is tensors or an Error that names the file. The sanitizers of the
// preset asan see what these tests cannot.
#include <algorithm>

#include "base/npy.h"
#include "base/random.h"
#include "base/tensor_bytes.h"

namespace plumb::base {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

struct Sample {
    std::string name;
    std::string bytes;
};

class TensorDamage : public TensorFiles {
  protected:
    /// One small file of every format and packing.
    std::vector<Sample> samples() const {
        const std::vector<float> floats = {1, 2, 3, 4, 5, 6};
        const std::vector<std::int64_t> integers(40, -2);
        const TensorView tensors[] = {tensor_view<float>("floats", ElementType::fp32, {2, 3}, floats),
                                      tensor_view<std::int64_t>("integers", ElementType::i64, {40}, integers)};
        write_safetensors(folder() / "x.safetensors", tensors, {{"made", "for damage"}});
        write_npz(folder() / "stored.npz", tensors, Packing::stored);
        write_npz(folder() / "packed.npz", tensors, Packing::deflated);
        write_npy(folder() / "x.npy", tensors[0]);
        std::vector<Sample> samples;
        for (const char* const name : {"x.safetensors", "stored.npz", "packed.npz", "x.npy"})
            samples.push_back({name, read_file(folder() / name)});
        return samples;
    }
    /// All numbers of a file that opens and reads, "" of one that does not.
    std::string content(const Sample& sample) const {
        std::string all;
        try {
            const TensorFile file(write(sample.name, sample.bytes));
            for (const TensorInfo& info : file.tensors()) {
                const Tensor tensor = file.read(info.name);
                all += info.name + " " + info.text() + " ";
                all.append(reinterpret_cast<const char*>(tensor.bytes().data()), tensor.bytes().size());
            }
        } catch (const Error& error) {
            EXPECT_THAT(error.what(), HasSubstr(sample.name));
            return "";
        }
        return all;
    }
};

TEST_F(TensorDamage, NoFileThatEndsEarlyIsRead) {
    for (const Sample& sample : samples()) {
        ASSERT_EQ(complaint(sample.name, sample.bytes), "");
        for (std::size_t kept = 0; kept < sample.bytes.size(); ++kept)
            ASSERT_NE(complaint(sample.name, sample.bytes.substr(0, kept)), "") << sample.name << ": " << kept << " bytes";
    }
}

TEST_F(TensorDamage, NoFileWithBytesBehindItsEndIsReadUnlessZipAllowsIt) {
    for (const Sample& sample : samples()) {
        if (sample.name.ends_with(".npz")) continue;  // a zip archive may have a comment, and is found from its end
        EXPECT_NE(complaint(sample.name, sample.bytes + "x"), "") << sample.name;
    }
}

TEST_F(TensorDamage, AnyFlippedBitIsSeenOrHarmless) {
    for (const Sample& sample : samples()) {
        const std::string whole = content(sample);
        const bool has_checksum = sample.name.ends_with(".npz");
        std::size_t seen = 0, bits = 0;
        for (std::size_t byte = 0; byte < sample.bytes.size(); ++byte) {
            for (int bit = 0; bit < 8; ++bit, ++bits) {
                Sample damaged = sample;
                damaged.bytes[byte] = static_cast<char>(damaged.bytes[byte] ^ (1 << bit));
                const std::string read = content(damaged);
                seen += read.empty();
                // Numbers and shapes stand under the CRC of a member; names do not.
                if (has_checksum && !read.empty() && read.size() == whole.size()) {
                    std::size_t different = 0;
                    for (std::size_t i = 0; i < read.size(); ++i) different += read[i] != whole[i];
                    ASSERT_LE(different, 1U) << sample.name << ": byte " << byte << ", bit " << bit;
                }
            }
        }
        EXPECT_GT(seen, bits / 10) << sample.name;
    }
}

TEST_F(TensorDamage, RandomDamageIsSurvived) {
    constexpr std::uint64_t seed = 2024;
    const RandomStream random(seed, "tensor damage");
    std::uint64_t index = 0;
    for (const Sample& sample : samples()) {
        for (int round = 0; round < 1500; ++round) {
            Sample damaged = sample;
            const std::uint64_t hits = 1 + random.below(index++, 12);
            for (std::uint64_t hit = 0; hit < hits; ++hit) {
                // Small numbers, the largest ones and any: lengths and counts are hit where it hurts.
                const std::uint64_t kind = random.below(index++, 4);
                const std::uint64_t any = random.bits(index++);
                const std::size_t at = random.below(index++, damaged.bytes.size());
                damaged.bytes[at] = static_cast<char>(kind == 0 ? 0xFF : kind == 1 ? 0 : any);
                if (kind == 3) damaged.bytes.insert(at, damaged.bytes.substr(random.below(index++, damaged.bytes.size()), any % 40));
            }
            SCOPED_TRACE("seed " + std::to_string(seed) + ", round " + std::to_string(round) + ", " + sample.name);
            content(damaged);
        }
    }
}

/// Replaces every occurrence of a number of `bytes` bytes.
std::string with_number(std::string text, std::uint64_t from, std::uint64_t to, int bytes) {
    const std::string pattern = little_endian(from, bytes);
    for (std::size_t at = text.find(pattern); at != std::string::npos; at = text.find(pattern, at + 1))
        text.replace(at, pattern.size(), little_endian(to, bytes));
    return text;
}

TEST_F(TensorDamage, TakesNoMemoryForWhatAnArchiveClaims) {
    const auto all = samples();
    const std::uint64_t member = make_npy_header({"floats", ElementType::fp32, {2, 3}}, {}).size() + 24;
    for (const std::size_t packing : {1, 2}) {
        const Sample& sample = all[packing];
        ASSERT_NE(sample.bytes.find(little_endian(member, 4)), std::string::npos);
        EXPECT_THAT(complaint(sample.name, with_number(sample.bytes, member, 0xFFFFFFF0, 4)), Not(""));
    }
    EXPECT_THAT(complaint("packed.npz", with_number(all[2].bytes, member, 0xFFFFFFF0, 4)), HasSubstr("packed ones hold at most"));
}

TEST_F(TensorDamage, ShapesAreHeldAgainstTheUnpackedSize) {
    // Zeros pack well: a member of 100 MB in an archive of 100 kB is real, one of other sizes than its header says is not.
    const std::string dictionary = "{'descr':'<f4','fortran_order':False,'shape':(100000000,)}";
    EXPECT_THAT(complaint("x.npy", npy_bytes(dictionary, std::string(1000, '\0'))), HasSubstr("takes 400000000 bytes, but 1000 follow"));
}

}  // namespace
}  // namespace plumb::base
