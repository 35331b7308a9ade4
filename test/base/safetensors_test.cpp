// SPDX-License-Identifier: Apache-2.0
// Against the safetensors format, from bytes put together here.
#include "base/tensor_bytes.h"

namespace plumb::base {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

class Safetensors : public TensorFiles {
  protected:
    std::string complaint(const std::string& header, const std::string& data) const {
        return TensorFiles::complaint("x.safetensors", safetensors_bytes(header, data));
    }
};

const std::string six_floats = bytes_of_numbers<float>({1, 2, 3, 4, 5, 6});

TEST_F(Safetensors, ReadsAFileMadeByHand) {
    const std::string header =
        R"({"__metadata__":{"made":"by hand"},"b":{"dtype":"BF16","shape":[2],"data_offsets":[24,28]},)"
        R"("a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},"none":{"dtype":"I64","shape":[0,5],"data_offsets":[28,28]},)"
        R"("one":{"dtype":"BOOL","shape":[],"data_offsets":[28,29]}}    )";
    const TensorFile file(write("x.safetensors", safetensors_bytes(header, six_floats + std::string("\x80\x3F\x00\xC0\x01", 5))));
    EXPECT_THAT(file.metadata(), ElementsAre(Pair("made", "by hand")));
    EXPECT_THAT(file.tensors(), ElementsAre(TensorInfo{"a", ElementType::fp32, {2, 3}}, TensorInfo{"b", ElementType::bf16, {2}},
                                            TensorInfo{"none", ElementType::i64, {0, 5}}, TensorInfo{"one", ElementType::boolean, {}}));
    EXPECT_THAT(file.read("a").as<float>(), ElementsAre(1, 2, 3, 4, 5, 6));
    EXPECT_THAT(file.read("b").to_fp32(), ElementsAre(1.0F, -2.0F));
    EXPECT_THAT(file.read("one").as<std::uint8_t>(), ElementsAre(1));
    EXPECT_EQ(file.read("none").bytes().size(), 0U);
}

TEST_F(Safetensors, CopiesWhatDoesNotLieAtAMultipleOfItsSizeButDoesNotMapIt) {
    const std::string header = R"({"a":{"dtype":"F32","shape":[6],"data_offsets":[0,24]}})";
    ASSERT_NE((header.size() + 8) % 4, 0U);
    const TensorFile odd(write("odd.safetensors", safetensors_bytes(header, six_floats)));
    EXPECT_THAT(odd.read("a").as<float>(), ElementsAre(1, 2, 3, 4, 5, 6));
    try {
        odd.map("a");
        FAIL() << "numbers at odd places were mapped";
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::unsupported);
        EXPECT_THAT(error.what(), HasSubstr("begins at byte 63"));
    }
    const TensorFile even(write("even.safetensors", safetensors_bytes(header + " ", six_floats)));
    const auto bytes = even.map("a");
    EXPECT_EQ(std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()), six_floats);
}

TEST_F(Safetensors, HoldsOffsetsAgainstShapesEachOtherAndTheFile) {
    const auto of = [&](const std::string& shape, const std::string& offsets) {
        return complaint(R"({"a":{"dtype":"F32","shape":)" + shape + R"(,"data_offsets":)" + offsets + "}}", six_floats);
    };
    ASSERT_EQ(of("[6]", "[0,24]"), "");
    EXPECT_THAT(of("[5]", "[0,24]"), HasSubstr("tensor 'a': data_offsets [0, 24] do not span the 20 bytes of fp32 [5]"));
    EXPECT_THAT(of("[7]", "[0,28]"), HasSubstr("reach past the 24 bytes of data"));
    EXPECT_THAT(of("[5]", "[4,24]"), HasSubstr("leave a hole after the header"));
    EXPECT_THAT(of("[5]", "[0,20]"), HasSubstr("its tensors take 20 bytes, but 24 follow the header"));
    EXPECT_THAT(of("[6]", "[24,0]"), HasSubstr("expected [begin, end]"));
    EXPECT_THAT(of("[6]", "[0]"), HasSubstr("expected [begin, end]"));
    EXPECT_THAT(of("[6]", "[0,24,24]"), HasSubstr("expected [begin, end]"));
    EXPECT_THAT(of("[1099511627776]", "[0,4398046511104]"), HasSubstr("reach past"));
    EXPECT_THAT(of("[4611686018427387904,4]", "[0,24]"), HasSubstr("63 bits"));
    EXPECT_THAT(of("[18446744073709551615]", "[0,24]"), HasSubstr("63 bits cannot hold"));
    EXPECT_THAT(of("[1e400]", "[0,24]"), ::testing::Not(""));
    std::string many = "[6";
    for (int i = 0; i < 64; ++i) many += ",1";
    EXPECT_THAT(of(many + "]", "[0,24]"), HasSubstr("more than 64 numbers"));
    EXPECT_THAT(
        complaint(R"({"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]},"b":{"dtype":"F32","shape":[3],"data_offsets":[12,24]}})",
                  six_floats),
        HasSubstr("tensor 'b': data_offsets [12, 24] overlap tensor 'a', whose data end at byte 16"));
}

TEST_F(Safetensors, SaysWhatDoesNotBelongIntoAHeader) {
    const std::vector<std::pair<std::string, std::string>> cases = {
        {"{", "no JSON"},
        {"{\"a\":1}", "tensor 'a': the header has number 1, expected an object"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[6]}}", "does not give all of"},
        {"{\"a\":{\"dtype\":\"F4\"}}", "dtype 'F4' | allowed: BOOL, I8"},
        {"{\"a\":{\"dtype\":7}}", "number 7 for 'dtype', expected the name of a dtype"},
        {"{\"a\":{\"dtype\":[\"F32\"]}}", "a list for 'dtype'"},
        {"{\"a\":{\"shape\":[-1]}}", "number -1 for 'shape', expected numbers from 0 on"},
        {"{\"a\":{\"shape\":[1.5]}}", "number '1.5'"},
        {"{\"a\":{\"shape\":[[1]]}}", "a list for 'shape'"},
        {"{\"a\":{\"shape\":{}}}", "an object for 'shape'"},
        {"{\"a\":{\"shape\":null}}", "null for 'shape'"},
        {"{\"a\":{\"shape\":true}}", "true for 'shape'"},
        {"{\"a\":{\"colour\":\"red\"}}", "gives it 'colour'"},
        {"{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\"}}", "its dtype twice"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[6],\"data_offsets\":[0,24]},\"a\":{}}", "gives it twice"},
        {"{\"__metadata__\":{\"k\":1}}", "number 1 for 'k', expected text"},
        {"{\"__metadata__\":{\"k\":\"a\",\"k\":\"b\"}}", "'k' twice"},
        {"{\"\xFF\":{}}", "no JSON"},
        {std::string(100'000, '{'), "no JSON"},
        {"{\"a\":" + std::string(100'000, '['), "a list, expected an object"},
        {"{}x", "no JSON"},
    };
    for (const auto& [header, expected] : cases) EXPECT_THAT(complaint(header, six_floats), HasSubstr(expected)) << header.substr(0, 80);
}

TEST_F(Safetensors, BelievesNoLengthBeyondTheFile) {
    EXPECT_THAT(TensorFiles::complaint("x.safetensors", little_endian(3, 8) + "{}"), HasSubstr("claims 3 bytes, but the file has 2"));
    EXPECT_THAT(TensorFiles::complaint("x.safetensors", little_endian(~std::uint64_t{0}, 8) + "{}"),
                HasSubstr("claims 18446744073709551615"));
    EXPECT_THAT(TensorFiles::complaint("x.safetensors", little_endian(std::uint64_t{1} << 63, 8) + "{}"), HasSubstr("but the file has 2"));
}

TEST_F(Safetensors, PlacesEveryNumberAtAMultipleOfItsSize) {
    const std::vector<std::uint8_t> bytes = {1, 2, 3};
    const std::vector<double> doubles = {1, 2};
    const std::vector<float> floats = {1, 2, 3};
    const TensorView tensors[] = {tensor_view<std::uint8_t>("bytes", ElementType::u8, {3}, bytes),
                                  tensor_view<float>("floats", ElementType::fp32, {3}, floats),
                                  tensor_view<double>("doubles", ElementType::fp64, {2}, doubles)};
    for (const char* const padding : {"", "x", "xx", "xxx", "xxxx"}) {
        write_safetensors(folder() / "x.safetensors", tensors, {{"k", padding}});
        const TensorFile file(folder() / "x.safetensors");
        for (const TensorInfo& info : file.tensors()) EXPECT_EQ(file.map(info.name).size(), static_cast<std::size_t>(info.bytes()));
    }
}

}  // namespace
}  // namespace plumb::base
