// SPDX-License-Identifier: Apache-2.0
// Against NumPy's format, from bytes put together here.
#include "base/npy.h"

#include "base/tensor_bytes.h"

namespace plumb::base {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class Npy : public TensorFiles {
  protected:
    std::string complaint(const std::string& dictionary, const std::string& data, int major = 1, int minor = 0) const {
        return TensorFiles::complaint("x.npy", npy_bytes(dictionary, data, major, minor));
    }
};

const std::string six_floats = bytes_of_numbers<float>({1, 2, 3, 4, 5, 6});

TEST_F(Npy, ReadsTheBytesThatNumpyWrites) {
    // numpy.save of numpy.arange(3, dtype='<u2'), NumPy 2: 128 bytes of header.
    std::string bytes = "\x93NUMPY";
    bytes += std::string("\x01\x00\x76\x00", 4);
    bytes += "{'descr': '<u2', 'fortran_order': False, 'shape': (3,), }";
    bytes.resize(127, ' ');
    bytes += '\n';
    bytes += std::string("\x00\x00\x01\x00\x02\x00", 6);
    const TensorFile file(write("three.npy", bytes));
    ASSERT_EQ(file.tensors().size(), 1U);
    EXPECT_EQ(file.tensors()[0], (TensorInfo{"three", ElementType::u16, {3}}));
    EXPECT_THAT(file.read("three").as<std::uint16_t>(), ElementsAre(0, 1, 2));
    EXPECT_EQ(file.map("three").data()[2], std::byte{1});
}

TEST_F(Npy, ReadsEveryVersionAnyOrderOfKeysAndBothQuotes) {
    for (const int major : {1, 2, 3}) {
        const auto path = write("x.npy", npy_bytes("{ \"shape\":(2 ,3,),\n'fortran_order':False , 'descr':\"<f4\"}\n", six_floats, major));
        const TensorFile file(path);
        EXPECT_EQ(file.at("x"), (TensorInfo{"x", ElementType::fp32, {2, 3}})) << "version " << major;
        EXPECT_THAT(file.read("x").as<float>(), ElementsAre(1, 2, 3, 4, 5, 6));
    }
}

TEST_F(Npy, ReadsASingleNumberAndNoNumber) {
    const TensorFile one(write("one.npy", npy_bytes("{'descr':'<f8','fortran_order':False,'shape':()}", bytes_of_numbers<double>({2.5}))));
    EXPECT_THAT(one.at("one").shape, ElementsAre());
    EXPECT_THAT(one.read("one").as<double>(), ElementsAre(2.5));
    const TensorFile none(write("none.npy", npy_bytes("{'descr':'<f8','fortran_order':False,'shape':(3,0)}", "")));
    EXPECT_EQ(none.read("none").bytes().size(), 0U);
    EXPECT_TRUE(none.map("none").empty());
    const TensorFile old(write("old.npy", npy_bytes("{'descr':'|i1','fortran_order':False,'shape':(2L,)}", "\x01\xFF")));
    EXPECT_THAT(old.read("old").as<std::int8_t>(), ElementsAre(1, -1)) << "Python 2 wrote sizes with an L";
}

TEST_F(Npy, PutsFortranOrderIntoCOrder) {
    // x[i][j][k] = 100 i + 10 j + k of shape (2, 3, 2): the first axis runs fastest in the file.
    std::vector<std::int32_t> stored, expected;
    for (int k = 0; k < 2; ++k)
        for (int j = 0; j < 3; ++j)
            for (int i = 0; i < 2; ++i) stored.push_back(100 * i + 10 * j + k);
    for (int i = 0; i < 2; ++i)
        for (int j = 0; j < 3; ++j)
            for (int k = 0; k < 2; ++k) expected.push_back(100 * i + 10 * j + k);
    const std::string dictionary = "{'descr': '<i4', 'fortran_order': True, 'shape': (2, 3, 2), }";
    const TensorFile file(write("f.npy", npy_bytes(dictionary, bytes_of_numbers(stored))));
    EXPECT_THAT(file.read("f").as<std::int32_t>(), ::testing::ElementsAreArray(expected));
    EXPECT_THROW(file.map("f"), Error);
    const TensorFile row(write("row.npy", npy_bytes("{'descr':'<f4','fortran_order':True,'shape':(1,6,1)}", six_floats)));
    EXPECT_THAT(row.read("row").as<float>(), ElementsAre(1, 2, 3, 4, 5, 6)) << "one axis has one order";
}

TEST_F(Npy, SaysWhatItDoesNotReadAndWhatToDo) {
    const auto of = [&](const std::string& descr) {
        return complaint("{'descr': " + descr + ", 'fortran_order': False, 'shape': (2, 3), }", six_floats);
    };
    EXPECT_THAT(of("'>f4'"), AllOf(HasSubstr("big-endian"), HasSubstr("astype('<f4')")));
    EXPECT_THAT(of("'|O'"), HasSubstr("unpickling a file runs its code"));
    EXPECT_THAT(of("'<c8'"), HasSubstr("allowed: little-endian"));
    EXPECT_THAT(of("'|V2'"), AllOf(HasSubstr("bf16"), HasSubstr("safetensors")));
    EXPECT_THAT(of("'<U5'"), HasSubstr("'<U5'"));
    EXPECT_THAT(of("'f4'"), HasSubstr("byte order is open"));
    EXPECT_THAT(of("[('a', '<f4'), ('b', '<f4')]"), HasSubstr("structured"));
    EXPECT_THAT(complaint("{'descr':'<f4','fortran_order':False,'shape':(6,)}", six_floats, 4), HasSubstr("npy version 4.0"));
    EXPECT_THAT(complaint("{'descr':'<f4','fortran_order':False,'shape':(6,)}", six_floats, 1, 1), HasSubstr("npy version 1.1"));
}

TEST_F(Npy, SaysWhereAHeaderIsNoDictionary) {
    const std::vector<std::pair<std::string, std::string>> cases = {
        {"", "expected '{' at byte 0, found the end"},
        {"{'descr': '<f4'}", "does not give all of"},
        {"{'descr': '<f4', 'descr': '<f4'}", "twice"},
        {"{'descr': '<f4', 'fortran_order': 0, 'shape': (6,)}", "expected True or False at byte 34"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (6)}", "a comma after the only size"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': 6}", "expected '(' at byte 50"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (-6,)}", "a size from 0 on"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2 3)}", "',' or ')'"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (6,)} x", "expected the end"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (6,), 'more': 1}", "gives 'more'"},
        {"{'descr': '<f\\x34', 'fortran_order': False, 'shape': (6,)}", "without backslash"},
        {"{'descr': '<f4", "the end of a quoted text"},
        {"__import__('os').system('true')", "expected '{' at byte 0"},
    };
    for (const auto& [dictionary, expected] : cases) EXPECT_THAT(complaint(dictionary, six_floats), HasSubstr(expected)) << dictionary;
}

TEST_F(Npy, TakesNoMemoryForSizesThatTheFileDoesNotHave) {
    const auto of = [&](const std::string& shape) {
        return complaint("{'descr': '<f4', 'fortran_order': False, 'shape': " + shape + ", }", six_floats);
    };
    EXPECT_THAT(of("(7,)"), HasSubstr("fp32 [7] takes 28 bytes, but 24 follow the header"));
    EXPECT_THAT(of("(5,)"), HasSubstr("takes 20 bytes, but 24 follow"));
    EXPECT_THAT(of("(1000000000000,)"), HasSubstr("takes 4000000000000 bytes, but 24 follow"));
    EXPECT_THAT(of("(4611686018427387904, 4)"), HasSubstr("63 bits"));
    EXPECT_THAT(of("(0, 4611686018427387904, 4)"), HasSubstr("63 bits")) << "a product that must not be formed";
    EXPECT_THAT(of("(99999999999999999999,)"), HasSubstr("63 bits cannot hold"));
    std::string many = "(";
    for (int i = 0; i < 65; ++i) many += "1,";
    EXPECT_THAT(of(many + ")"), HasSubstr("more than 64 sizes"));
    const std::string claims = "\x93NUMPY" + std::string("\x02\x00\xFF\xFF\xFF\x7F", 6) + six_floats;
    EXPECT_THAT(TensorFiles::complaint("x.npy", claims), HasSubstr("claims 2147483647 bytes"));
}

TEST_F(Npy, WritesAHeaderThatNumpyReads) {
    const Complaint complaint{"x.npy", {}};
    const std::string header = make_npy_header({"x", ElementType::fp32, {2, 3}}, complaint);
    EXPECT_EQ(header.size() % 64, 0U) << "NumPy maps files whose numbers begin at a multiple of 64";
    EXPECT_EQ(header.substr(0, 8), std::string("\x93NUMPY\x01\x00", 8));
    EXPECT_EQ(little_endian(header.size() - 10, 2), header.substr(8, 2));
    EXPECT_THAT(header, HasSubstr("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }"));
    EXPECT_EQ(header.back(), '\n');
    EXPECT_THAT(make_npy_header({"x", ElementType::boolean, {3}}, complaint), HasSubstr("'|b1'"));
    EXPECT_THAT(make_npy_header({"x", ElementType::u64, {3}}, complaint), HasSubstr("'shape': (3,)"));
    EXPECT_THAT(make_npy_header({"x", ElementType::u64, {}}, complaint), HasSubstr("'shape': ()"));
    EXPECT_THROW(make_npy_header({"x", ElementType::bf16, {3}}, complaint), Error);
}

}  // namespace
}  // namespace plumb::base
