// SPDX-License-Identifier: Apache-2.0
// plumb's own codec `cascaded`: run-length, delta and bit-packing layers on inner chunks of 4096 bytes. Format: spec.md.
// The layers' arithmetic is in cascaded_layers.h, one chunk in cascaded_encoder.h and cascaded_decoder.h.
#include <limits>

#include "kernels/codec/cascaded_decoder.h"
#include "kernels/codec/cascaded_encoder.h"
#include "kernels/codec/checked_worker.h"
#include "kernels/codec/table.h"

namespace plumb::kernels::codec {
namespace {

class CascadedWorker final : public CheckedWorker {
  public:
    /// Without layers: chosen for each chunk.
    CascadedWorker(const Codec& codec, std::optional<cascaded::Layers> layers)
        : CheckedWorker(codec), layers_(layers), scratch_(std::make_unique<cascaded::Scratch>()) {}

    std::size_t scratch_bytes() const override { return sizeof(cascaded::Scratch); }

  protected:
    std::size_t encode(Bytes in, MutableBytes out) override {
        const cascaded::Layers layers = layers_ ? *layers_ : cascaded::choose_layers(in, *scratch_);
        const auto size = cascaded::encode(layers, in, out, cascaded::raw_bytes(in.size()), *scratch_);
        return size ? *size : cascaded::encode_raw(layers.element, in, out);
    }

    void decode(Bytes in, MutableBytes out) override {
        const std::string_view reason = cascaded::decode(in, out, *scratch_);
        if (!reason.empty()) damaged(std::string(reason));
    }

  private:
    std::optional<cascaded::Layers> layers_;
    std::unique_ptr<cascaded::Scratch> scratch_;
};

}  // namespace

Codec cascaded_codec() {
    Codec codec;
    codec.name = "cascaded";
    codec.summary =
        "Run lengths, differences and bit packing for integers. The format is plumb's, with the layout of nvCOMP 2.2's; its bytes were not "
        "compared with a GPU's.";
    codec.library = "plumb";
    codec.format = "cascaded";
    codec.elements = {Element::i8, Element::u8, Element::i16, Element::u16, Element::i32, Element::u32, Element::i64, Element::u64};
    codec.normal_element = Element::i32;
    codec.cascaded = true;
    codec.largest_chunk = std::numeric_limits<std::uint32_t>::max();
    codec.bound = cascaded::raw_bytes;
    codec.stored = [](Bytes compressed, std::size_t) { return cascaded::is_raw(compressed); };
    codec.make = [](const Options& options) -> std::unique_ptr<Worker> {
        const Codec self = cascaded_codec();
        const Options completed = complete(self, options);
        std::optional<cascaded::Layers> layers;
        if (!completed.automatic) layers = cascaded::Layers{*completed.element, *completed.rle, *completed.delta, *completed.bitpack};
        return std::make_unique<CascadedWorker>(self, layers);
    };
    return codec;
}

}  // namespace plumb::kernels::codec
