// SPDX-License-Identifier: Apache-2.0
// safetensors: eight bytes of header length, little-endian; a JSON object of name -> {dtype, shape, data_offsets} and "__metadata__" ->
// {text: text}, padded with blanks; the data, to which the offsets are relative. Source: the format section of the safetensors README.
#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <nlohmann/json.hpp>
#include <numeric>

#include "base/file.h"
#include "base/safetensors_header.h"
#include "base/tensor_file.h"
#include "base/tensor_source.h"

namespace plumb::base {

static_assert(std::endian::native == std::endian::little, "numbers are read and written as they lie in memory");

namespace {

constexpr std::int64_t length_bytes = 8;
constexpr std::int64_t longest_header = 100'000'000;
constexpr std::size_t data_alignment = 8;

class SafetensorsSource final : public TensorSource {
  public:
    explicit SafetensorsSource(std::unique_ptr<InputFile> file) : file_(std::move(file)), complaint_{file_->path(), {}} {
        const std::int64_t header_bytes = read_header_length();
        data_begin_ = length_bytes + header_bytes;
        SafetensorsHeader header = parse_safetensors_header(file_->read_text(length_bytes, header_bytes), complaint_);
        metadata_ = std::move(header.metadata);
        require_offsets(header.entries);
        for (SafetensorsEntry& entry : header.entries) {
            offsets_.push_back(data_begin_ + entry.begin);
            tensors_.push_back(std::move(entry.info));
        }
    }

    void read(std::size_t index, std::span<std::byte> out) const override { file_->read(offsets_[index], out); }
    std::optional<std::int64_t> offset(std::size_t index) const override { return offsets_[index]; }
    const InputFile& file() const override { return *file_; }

  private:
    std::int64_t read_header_length() const {
        std::uint64_t length = 0;
        file_->read(0, std::as_writable_bytes(std::span(&length, 1)));
        const auto available = static_cast<std::uint64_t>(file_->size() - length_bytes);
        if (length > available) {
            complaint_.damaged("its header claims " + std::to_string(length) + " bytes, but the file has " + std::to_string(available) +
                               " after the length");
        }
        if (length > longest_header) {
            complaint_.damaged("its header claims " + std::to_string(length) + " bytes, the format allows " +
                               std::to_string(longest_header));
        }
        return static_cast<std::int64_t>(length);
    }

    /// The data of the tensors follow each other without gap or overlap from the first byte to the last. Sorts `entries` by place.
    void require_offsets(std::vector<SafetensorsEntry>& entries) const {
        std::ranges::stable_sort(entries, {}, [](const SafetensorsEntry& entry) { return std::pair(entry.begin, entry.end); });
        const std::int64_t available = file_->size() - data_begin_;
        std::int64_t filled = 0;
        std::string previous = "the header";
        for (const SafetensorsEntry& entry : entries) {
            const Complaint complaint{file_->path(), entry.info.name};
            const std::string range = "data_offsets [" + std::to_string(entry.begin) + ", " + std::to_string(entry.end) + "]";
            if (entry.end > available) complaint.damaged(range + " reach past the " + std::to_string(available) + " bytes of data");
            const std::int64_t expected = entry.info.bytes();
            if (entry.end - entry.begin != expected) {
                complaint.damaged(range + " do not span the " + std::to_string(expected) + " bytes of " + entry.info.text());
            }
            if (entry.begin != filled) {
                complaint.damaged(range + (entry.begin < filled ? " overlap " : " leave a hole after ") + previous +
                                  ", whose data end at byte " + std::to_string(filled));
            }
            filled = entry.end;
            previous = "tensor " + in_quotes(entry.info.name);
        }
        if (filled != available) {
            complaint_.damaged("its tensors take " + std::to_string(filled) + " bytes, but " + std::to_string(available) +
                               " follow the header");
        }
    }

    std::unique_ptr<InputFile> file_;
    Complaint complaint_;
    std::int64_t data_begin_ = 0;
    std::vector<std::int64_t> offsets_;
};

/// Header with its length in front, padded so that the data begin at a multiple of eight.
std::string make_header(const std::filesystem::path& path, std::span<const TensorView> tensors, std::span<const std::size_t> order,
                        const std::map<std::string, std::string>& metadata) {
    nlohmann::ordered_json header = nlohmann::ordered_json::object();
    if (!metadata.empty()) header["__metadata__"] = metadata;
    std::int64_t filled = 0;
    for (const std::size_t index : order) {
        const TensorInfo& info = tensors[index].info;
        if (info.name == "__metadata__") {
            Complaint{path, info.name}.raise(ErrorKind::usage, "safetensors keeps this name for itself", "use another name");
        }
        const std::int64_t end = filled + info.bytes();
        header[info.name] = {{"dtype", safetensors_name(info.type)}, {"shape", info.shape}, {"data_offsets", {filled, end}}};
        filled = end;
    }
    std::string text;
    try {
        text = header.dump();
    } catch (const nlohmann::json::exception&) {
        Complaint{path, {}}.raise(ErrorKind::usage, "a name or a text of the metadata is no UTF-8", "safetensors takes UTF-8 only");
    }
    text.resize((text.size() + data_alignment - 1) / data_alignment * data_alignment, ' ');
    std::array<char, length_bytes> length{};
    const std::uint64_t size = text.size();
    std::memcpy(length.data(), &size, length.size());
    return std::string(length.data(), length.size()) + text;
}

}  // namespace

std::unique_ptr<TensorSource> open_safetensors(std::unique_ptr<InputFile> file) {
    return std::make_unique<SafetensorsSource>(std::move(file));
}

void write_safetensors(const std::filesystem::path& path, std::span<const TensorView> tensors,
                       const std::map<std::string, std::string>& metadata) {
    require_writable(path, tensors);
    std::vector<std::size_t> order(tensors.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::ranges::stable_sort(order, std::greater(), [&](std::size_t index) { return size_of(tensors[index].info.type); });
    const std::string header = make_header(path, tensors, order, metadata);
    std::vector<std::string_view> pieces = {header};
    for (const std::size_t index : order) {
        const std::span<const std::byte> bytes = tensors[index].bytes;
        pieces.emplace_back(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    }
    replace_file(path, pieces);
}

}  // namespace plumb::base
