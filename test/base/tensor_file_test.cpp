// SPDX-License-Identifier: Apache-2.0
// What holds for every format alike, and files that others made.
#include "base/tensor_file.h"

#include <sys/stat.h>

#include <algorithm>
#include <numeric>

#include "base/random.h"
#include "base/tensor_bytes.h"

namespace plumb::base {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
namespace fs = std::filesystem;

/// Random bytes of the given shape.
Tensor random_tensor(const std::string& name, ElementType type, const std::vector<std::int64_t>& shape, std::uint64_t seed) {
    Tensor tensor({name, type, shape});
    const RandomStream random(seed, name);
    std::uint64_t index = 0;
    for (std::byte& byte : tensor.bytes()) byte = static_cast<std::byte>(random.bits(index++) & (type == ElementType::boolean ? 1 : 255));
    return tensor;
}

std::vector<Tensor> one_of_each(bool with_bf16, std::uint64_t seed) {
    std::vector<Tensor> tensors;
    for (const ElementType type : element_types()) {
        if (type == ElementType::bf16 && !with_bf16) continue;
        tensors.push_back(random_tensor("layer.0/" + std::string(name(type)), type, {3, 1, 5}, seed));
    }
    tensors.push_back(random_tensor("scalar", ElementType::fp32, {}, seed));
    tensors.push_back(random_tensor("empty", ElementType::fp16, {4, 0, 2}, seed));
    tensors.push_back(random_tensor("", ElementType::u8, {7}, seed));
    tensors.push_back(
        random_tensor("gr\xC3\xB6\xC3\x9F"
                      "e",
                      ElementType::i16, {2, 2}, seed));
    tensors.push_back(random_tensor("large", ElementType::fp64, {300, 200}, seed));
    return tensors;
}

std::vector<TensorView> views_of(const std::vector<Tensor>& tensors) {
    std::vector<TensorView> views;
    for (const Tensor& tensor : tensors) views.push_back(tensor_view(tensor));
    return views;
}

void expect_holds(const fs::path& path, const std::vector<Tensor>& expected) {
    const TensorFile file(path);
    EXPECT_EQ(file.tensors().size(), expected.size());
    for (const Tensor& tensor : expected) {
        ASSERT_TRUE(file.contains(tensor.info().name)) << tensor.info().name;
        EXPECT_EQ(file.at(tensor.info().name), tensor.info());
        const Tensor read = file.read(tensor.info().name);
        EXPECT_TRUE(std::ranges::equal(read.bytes(), tensor.bytes())) << tensor.info().name;
    }
}

class TensorFormats : public TensorFiles {};

TEST_F(TensorFormats, GiveBackWhatWasWritten) {
    constexpr std::uint64_t seed = 11;
    const auto all = one_of_each(true, seed);
    write_safetensors(folder() / "x.safetensors", views_of(all), {{"step", "12"}, {"", "empty key"}});
    expect_holds(folder() / "x.safetensors", all);
    EXPECT_EQ(TensorFile(folder() / "x.safetensors").metadata().at("step"), "12");

    const auto no_bf16 = one_of_each(false, seed);
    for (const Packing packing : {Packing::stored, Packing::deflated}) {
        write_npz(folder() / "x.npz", views_of(no_bf16), packing);
        expect_holds(folder() / "x.npz", no_bf16);
    }
    for (const Tensor& tensor : no_bf16) {
        write_npy(folder() / "x.npy", tensor_view(tensor));
        const TensorFile file(folder() / "x.npy");
        EXPECT_EQ(file.at("x").text(), tensor.info().text());
        EXPECT_TRUE(std::ranges::equal(file.read("x").bytes(), tensor.bytes()));
    }
}

TEST_F(TensorFormats, DeflatePacksWhatRepeats) {
    const std::vector<float> same(100'000, 1.5F);
    const TensorView tensors[] = {tensor_view<float>("same", ElementType::fp32, {100'000}, same)};
    write_npz(folder() / "stored.npz", tensors, Packing::stored);
    write_npz(folder() / "packed.npz", tensors, Packing::deflated);
    EXPECT_GT(fs::file_size(folder() / "stored.npz"), 400'000U);
    EXPECT_LT(fs::file_size(folder() / "packed.npz"), 4'000U);
    EXPECT_THAT(TensorFile(folder() / "packed.npz").read("same").as<float>(), ::testing::Each(1.5F));
}

TEST_F(TensorFormats, TheSameTensorsGiveTheSameBytes) {
    const auto tensors = one_of_each(false, 5);
    for (const char* const name : {"x.npz", "x.safetensors"}) {
        write_tensors(folder() / name, views_of(tensors));
        const std::string first = read_file(folder() / name);
        write_tensors(folder() / name, views_of(tensors));
        EXPECT_EQ(read_file(folder() / name), first) << name;
    }
}

TEST_F(TensorFormats, HoldNoTensorToo) {
    for (const char* const name : {"x.npz", "x.safetensors"}) {
        write_tensors(folder() / name, {});
        EXPECT_TRUE(TensorFile(folder() / name).tensors().empty()) << name;
    }
}

TEST_F(TensorFormats, LeaveNothingBesideTheFileAndTheOldOneWhereWritingFails) {
    const auto tensors = one_of_each(false, 3);
    const Tensor bf16 = random_tensor("b", ElementType::bf16, {3}, 3);
    write_tensors(folder() / "x.npz", views_of(tensors));
    write_tensors(folder() / "x.safetensors", views_of(tensors));
    const TensorView refused[] = {tensor_view(tensors[0]), tensor_view(bf16)};
    EXPECT_THROW(write_npz(folder() / "x.npz", refused), Error);
    EXPECT_THROW(write_npy(folder() / "x.npy", refused[1]), Error);
    expect_holds(folder() / "x.npz", tensors);
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder())) names.push_back(entry.path().filename().string());
    EXPECT_THAT(names, ::testing::UnorderedElementsAre("x.npz", "x.safetensors"));
    EXPECT_EQ(fs::status(folder() / "x.npz").permissions(), fs::status(folder() / "x.safetensors").permissions());
    for (const char* const name : {"x.npz", "x.safetensors", "x.npy"}) {
        try {
            write_tensors(folder() / "absent" / name, {refused, 1});
            FAIL() << "wrote into a folder that is not there";
        } catch (const Error& error) {
            EXPECT_EQ(error.kind(), ErrorKind::failed);
            EXPECT_THAT(error.what(), HasSubstr("absent"));
        }
    }
}

TEST_F(TensorFormats, RefuseTensorsThatNoFileCanHold) {
    const std::vector<float> numbers(6);
    const auto view = [&](const std::string& name, std::vector<std::int64_t> shape) {
        return tensor_view<float>(name, ElementType::fp32, std::move(shape), numbers);
    };
    const auto complaint = [&](const char* file, const std::vector<TensorView>& tensors) -> std::string {
        try {
            write_tensors(folder() / file, tensors);
        } catch (const Error& error) {
            return std::string(name(error.kind())) + ": " + error.what() + " | " + error.hint();
        }
        return "";
    };
    for (const char* const file : {"x.npz", "x.safetensors"}) {
        EXPECT_THAT(complaint(file, {view("a", {6}), view("a", {6})}), AllOf(HasSubstr("usage"), HasSubstr("two tensors"))) << file;
        EXPECT_THAT(complaint(file, {view("a", {5})}), HasSubstr("24 bytes for fp32 [5] | expected 20 bytes")) << file;
        EXPECT_THAT(complaint(file, {view("a", {-1})}), HasSubstr("from 0 on")) << file;
        EXPECT_THAT(complaint(file, {view("\xFF", {6})}), HasSubstr("UTF-8")) << file;
    }
    EXPECT_THAT(complaint("x.safetensors", {view("__metadata__", {6})}), HasSubstr("keeps this name for itself"));
    EXPECT_THAT(complaint("x.npz", {view(std::string("a\0b", 3), {6})}), HasSubstr("zero byte"));
    EXPECT_THAT(complaint("x.npy", {view("a", {6}), view("b", {6})}), HasSubstr(".npy for one tensor"));
    EXPECT_THAT(complaint("x.pt", {view("a", {6})}), HasSubstr("allowed: .safetensors, .npz"));
}

TEST_F(TensorFormats, NameWhatIsNotThere) {
    const auto tensors = one_of_each(true, 3);
    write_tensors(folder() / "x.safetensors", views_of(tensors));
    const TensorFile file(folder() / "x.safetensors");
    try {
        file.read("layer.0/fp23");
        FAIL() << "read a tensor that is not there";
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::missing);
        EXPECT_THAT(error.what(), HasSubstr("x.safetensors has no tensor 'layer.0/fp23'"));
        EXPECT_THAT(error.hint(), HasSubstr("'layer.0/fp32'"));
        EXPECT_THAT(error.hint(), HasSubstr("gr\\xc3\\xb6")) << "no byte of a foreign name reaches the terminal as it is";
    }
    EXPECT_THROW(TensorFile(folder() / "absent.npz"), Error);
    EXPECT_THROW(TensorFile{folder()}, Error) << "a folder is no file";
    ASSERT_EQ(::mkfifo((folder() / "pipe").c_str(), 0600), 0);
    EXPECT_THROW(TensorFile(folder() / "pipe"), Error) << "a pipe would wait for ever";
    EXPECT_THAT(complaint_about(write("x.txt", "some text")), HasSubstr("neither safetensors nor npz nor npy"));
    EXPECT_THAT(complaint_about(write("nothing", "")), HasSubstr("its 0 bytes"));
}

TEST_F(TensorFormats, ReadOneTensorWithoutTheOthers) {
    // The first tensor's data are damaged; the second does not mind.
    const std::vector<float> numbers = {1, 2, 3};
    const TensorView tensors[] = {tensor_view<float>("first", ElementType::fp32, {3}, numbers),
                                  tensor_view<float>("second", ElementType::fp32, {3}, numbers)};
    write_npz(folder() / "x.npz", tensors);
    std::string bytes = read_file(folder() / "x.npz");
    const std::size_t data = bytes.find(bytes_of_numbers(numbers));
    ASSERT_NE(data, std::string::npos);
    bytes[data] ^= 1;
    const TensorFile file(write("damaged.npz", bytes));
    EXPECT_THAT(file.read("second").as<float>(), ElementsAre(1, 2, 3));
    EXPECT_THROW(file.read("first"), Error);
    EXPECT_THAT(file.read("second").as<float>(), ElementsAre(1, 2, 3)) << "again after a failure";
}

TEST_F(TensorFormats, MapWithoutCopyingWhereNumbersLieAsTheyAre) {
    const auto tensors = one_of_each(true, 3);
    write_tensors(folder() / "x.safetensors", views_of(tensors));
    TensorFile file(folder() / "x.safetensors");
    const auto mapped = file.map("large");
    EXPECT_TRUE(std::ranges::equal(mapped, tensors.back().bytes()));
    EXPECT_EQ(file.map("large").data(), mapped.data());
    const TensorFile moved = std::move(file);
    EXPECT_EQ(moved.map("large").data(), mapped.data());
    write_tensors(folder() / "x.npz", views_of(one_of_each(false, 3)));
    EXPECT_THROW(TensorFile(folder() / "x.npz").map("large"), Error);
}

TEST_F(TensorFormats, ConvertToFp32OnlyWhatItHoldsExactly) {
    EXPECT_THROW(random_tensor("x", ElementType::fp64, {2}, 1).to_fp32(), Error);
    EXPECT_THROW(random_tensor("x", ElementType::i8, {2}, 1).to_fp32(), Error);
    EXPECT_THROW(random_tensor("x", ElementType::fp32, {2}, 1).as<double>(), Error);
}

const fs::path shared_data = fs::path(PLUMB_SOURCE_DIR) / ".." / "shared" / "data";

TEST(ForeignTensors, TokensOfWikitextStartAndEndAsPublished) {
    const fs::path folder = shared_data / "wikitext-2" / "gpt1-tokens";
    if (!fs::exists(folder)) GTEST_SKIP() << "no " << folder;
    // Counts and first ids: 245,046 and 279,023 of GPT-1's tokeniser, each id one higher than GPT-1's.
    struct Split {
        const char* name;
        std::int64_t ids, lines;
    };
    for (const Split& split : {Split{"validation", 245'046, 2'461}, Split{"test", 279'023, 2'891}, Split{"train", 2'356'376, 23'767}}) {
        const TensorFile file(folder / (std::string("wiki.") + split.name + ".npz"));
        EXPECT_EQ(file.at("tokens"), (TensorInfo{"tokens", ElementType::u16, {split.ids}}));
        EXPECT_EQ(file.at("sizes"), (TensorInfo{"sizes", ElementType::i64, {split.lines}}));
        const Tensor sizes = file.read("sizes");
        const auto lengths = sizes.as<std::int64_t>();
        EXPECT_EQ(std::accumulate(lengths.begin(), lengths.end(), std::int64_t{0}), split.ids) << "the lines make up the split";
    }
    const Tensor tokens = TensorFile(folder / "wiki.validation.npz").read("tokens");
    EXPECT_THAT(tokens.as<std::uint16_t>().first(8), ElementsAre(304, 549, 832, 769, 40082, 832, 769, 304)) << "= homarus gammarus =";
}

TEST(ForeignTensors, PositionsOfGpt1AreThePublishedNumbers) {
    const fs::path path = shared_data / "gpt1" / "positions_f32.npy";
    if (!fs::exists(path)) GTEST_SKIP() << "no " << path;
    const TensorFile file(path);
    EXPECT_EQ(file.at("positions_f32"), (TensorInfo{"positions_f32", ElementType::fp32, {512, 768}}));
    const std::vector<float> numbers = file.read("positions_f32").to_fp32();
    EXPECT_NEAR(*std::ranges::min_element(numbers), -0.5488462F, 1e-7F);
    EXPECT_NEAR(*std::ranges::max_element(numbers), 0.7307011F, 1e-7F);
    EXPECT_EQ(file.map("positions_f32").size(), numbers.size() * sizeof(float));
}

}  // namespace
}  // namespace plumb::base
