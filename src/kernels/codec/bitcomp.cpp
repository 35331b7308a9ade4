// SPDX-License-Identifier: Apache-2.0
// Bitcomp by nvCOMP's host functions: lossless, for integers of 1 to 8 bytes. The format is closed; the bytes are the same as the GPU's.
// Sizes that are no multiple of the element are the library's own affair: it takes them.
// Source of the prototypes: nvCOMP's documentation of its native Bitcomp interface.
#include <array>
#include <limits>

#include "kernels/codec/checked_worker.h"
#include "kernels/codec/nvcomp_library.h"
#include "kernels/codec/table.h"

namespace plumb::kernels::codec {
namespace {

struct Functions {
    int (*create_plan)(void** plan, std::size_t bytes, int type, int mode, int algorithm) = nullptr;
    int (*destroy_plan)(void* plan) = nullptr;
    int (*compress)(void* plan, const void* in, void* out) = nullptr;
    int (*uncompress)(void* plan, const void* in, void* out) = nullptr;
    int (*compressed_size)(const void* compressed, std::size_t* bytes) = nullptr;
    int (*original_size)(const void* compressed, std::size_t* bytes) = nullptr;
    std::size_t (*most_bytes)(std::size_t bytes) = nullptr;
    std::string missing;
};

template <class Function>
void load(Functions& functions, Function*& target, const char* symbol) {
    target = NvcompLibrary::main().function<Function>(symbol);
    if (target == nullptr && functions.missing.empty()) functions.missing = std::string("this nvCOMP has no ") + symbol;
}

const Functions& library() {
    static const Functions loaded = [] {
        Functions f;
        f.missing = NvcompLibrary::main().missing();
        load(f, f.create_plan, "bitcompCreatePlan");
        load(f, f.destroy_plan, "bitcompDestroyPlan");
        load(f, f.compress, "bitcompHostCompressLossless");
        load(f, f.uncompress, "bitcompHostUncompress");
        load(f, f.compressed_size, "bitcompGetCompressedSize");
        load(f, f.original_size, "bitcompGetUncompressedSize");
        load(f, f.most_bytes, "bitcompMaxBuflen");
        return f;
    }();
    return loaded;
}

/// The library's number for each element, in the order of Element.
constexpr std::array<int, 8> type_numbers = {1, 0, 3, 2, 5, 4, 7, 6};
constexpr int lossless = 0;
/// What the allocator gives for a plan of 6.0; the host functions take nothing else.
constexpr std::size_t plan_bytes = 56;
/// The size of a chunk stands in the first bytes of it.
constexpr std::size_t head_bytes = 32;

/// A plan holds for one size and type.
class Plan {
  public:
    Plan(std::size_t bytes, Element element, int algorithm) : bytes_(bytes) {
        status_ = library().create_plan(&plan_, bytes, type_numbers.at(static_cast<std::size_t>(element)), lossless, algorithm);
    }
    ~Plan() {
        if (status_ == 0) library().destroy_plan(plan_);
    }
    Plan(const Plan&) = delete;
    Plan& operator=(const Plan&) = delete;

    std::size_t bytes() const { return bytes_; }
    int status() const { return status_; }
    void* get() const { return plan_; }

  private:
    std::size_t bytes_;
    void* plan_ = nullptr;
    int status_;
};

class BitcompWorker final : public CheckedWorker {
  public:
    BitcompWorker(const Codec& codec, const Options& options)
        : CheckedWorker(codec), element_(*options.element), algorithm_(*options.level) {}

    std::size_t scratch_bytes() const override { return plan_ ? plan_bytes : 0; }

  protected:
    std::size_t encode(Bytes in, MutableBytes out) override {
        expect_success(library().compress(plan_for(in.size()), readable(in), out.data()), "bitcompHostCompressLossless");
        std::size_t written = 0;
        expect_success(library().compressed_size(out.data(), &written), "bitcompGetCompressedSize");
        return written;
    }

    void decode(Bytes in, MutableBytes out) override {
        if (in.size() < head_bytes) damaged("shorter than the head of a chunk");
        std::size_t compressed = 0;
        std::size_t original = 0;
        if (library().compressed_size(in.data(), &compressed) != 0 || compressed != in.size()) {
            damaged(std::to_string(in.size()) + " bytes of a chunk of " + std::to_string(compressed));
        }
        if (library().original_size(in.data(), &original) != 0 || original != out.size()) {
            damaged(std::to_string(original) + " bytes where " + std::to_string(out.size()) + " are expected");
        }
        const int status = library().uncompress(plan_for(out.size()), in.data(), writable(out));
        if (status != 0) damaged("status " + std::to_string(status));
    }

  private:
    /// The plan of the last size is kept: all chunks but the last one are of one size.
    void* plan_for(std::size_t bytes) {
        if (!plan_ || plan_->bytes() != bytes) {
            plan_.reset();
            plan_ = std::make_unique<Plan>(bytes, element_, algorithm_);
            expect_success(plan_->status(), "bitcompCreatePlan");
        }
        return plan_->get();
    }
    void expect_success(int status, const char* call) const {
        if (status != 0) gave_up(std::string(call) + " returned " + std::to_string(status));
    }

    Element element_;
    int algorithm_;
    std::unique_ptr<Plan> plan_;
};

}  // namespace

Codec bitcomp_codec() {
    Codec codec;
    codec.name = "bitcomp";
    codec.summary = "NVIDIA's Bitcomp on the CPU, lossless. Level 0 is its default algorithm, 1 the one for data that is mostly zero.";
    codec.library = nvcomp_version();
    codec.format = "bitcomp";
    codec.levels = {.low = 0, .high = 1, .normal = 0};
    codec.elements = {Element::i8, Element::u8, Element::i16, Element::u16, Element::i32, Element::u32, Element::i64, Element::u64};
    codec.normal_element = Element::u8;
    codec.safe = false;
    codec.largest_chunk = std::numeric_limits<std::size_t>::max() / 2;
    codec.alignment = 8;
    codec.missing = library().missing;
    codec.bound = [](std::size_t bytes) {
        require_present(bitcomp_codec());
        return library().most_bytes(bytes);
    };
    codec.make = [](const Options& options) -> std::unique_ptr<Worker> {
        const Codec self = bitcomp_codec();
        const Options completed = complete(self, options);
        require_present(self);
        return std::make_unique<BitcompWorker>(self, completed);
    };
    return codec;
}

}  // namespace plumb::kernels::codec
