// SPDX-License-Identifier: Apache-2.0
#include "base/safetensors_header.h"

#include <algorithm>
#include <array>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <unordered_set>

#include "base/text.h"

namespace plumb::base {

namespace {

struct NamedType {
    std::string_view name;
    ElementType type;
};
constexpr std::array<NamedType, 13> names = {{{"BOOL", ElementType::boolean},
                                              {"I8", ElementType::i8},
                                              {"I16", ElementType::i16},
                                              {"I32", ElementType::i32},
                                              {"I64", ElementType::i64},
                                              {"U8", ElementType::u8},
                                              {"U16", ElementType::u16},
                                              {"U32", ElementType::u32},
                                              {"U64", ElementType::u64},
                                              {"F16", ElementType::fp16},
                                              {"BF16", ElementType::bf16},
                                              {"F32", ElementType::fp32},
                                              {"F64", ElementType::fp64}}};

constexpr std::string_view metadata_name = "__metadata__";

/// Takes the events of nlohmann::json::sax_parse. Depth 0: outside, 1: the header, 2: a tensor or the metadata, 3: a list of numbers.
class HeaderReader {
  public:
    explicit HeaderReader(const Complaint& complaint) : complaint_(complaint) {}

    SafetensorsHeader take() { return std::move(header_); }

    bool start_object(std::size_t) {
        if (depth_ == 2 || depth_ == 3) unexpected("an object");
        if (depth_++ == 1 && !in_metadata()) {
            header_.entries.emplace_back().info.name = name_;
            given_.clear();
        }
        return true;
    }
    bool key(std::string& key) {
        if (depth_ == 1) {
            name_ = std::move(key);
            if (!seen_.insert(name_).second) complaint_here().damaged("the header gives it twice");
            return true;
        }
        field_ = std::move(key);
        if (in_metadata()) return true;
        if (field_ != "dtype" && field_ != "shape" && field_ != "data_offsets")
            complaint_here().damaged("the header gives it " + in_quotes(field_) + ", expected dtype, shape and data_offsets");
        if (!given_.insert(field_).second) complaint_here().damaged("the header gives its " + field_ + " twice");
        return true;
    }
    bool string(std::string& text) {
        if (depth_ == 2 && in_metadata()) {
            if (!header_.metadata.emplace(field_, std::move(text)).second)
                complaint_here().damaged("the header gives " + in_quotes(field_) + " twice");
            return true;
        }
        if (depth_ != 2 || field_ != "dtype") unexpected("text " + in_quotes(text));
        const auto found = std::ranges::find(names, text, &NamedType::name);
        if (found == names.end()) {
            std::string allowed;
            for (const NamedType& known : names) allowed += (allowed.empty() ? "" : ", ") + std::string(known.name);
            complaint_here().unsupported("dtype " + in_quotes(text), "allowed: " + allowed);
        }
        entry().info.type = found->type;
        return true;
    }
    bool start_array(std::size_t) {
        if (depth_ != 2 || in_metadata() || field_ == "dtype") unexpected("a list");
        ++depth_;
        numbers_.clear();
        return true;
    }
    bool number_unsigned(std::uint64_t number) {
        if (depth_ != 3) unexpected("number " + std::to_string(number));
        if (number > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
            complaint_here().damaged(field_ + " holds " + std::to_string(number) + ", which 63 bits cannot hold");
        if (numbers_.size() == most_axes) complaint_here().damaged(field_ + " has more than " + std::to_string(most_axes) + " numbers");
        numbers_.push_back(static_cast<std::int64_t>(number));
        return true;
    }
    bool end_array() {
        --depth_;
        if (field_ == "shape") {
            entry().info.shape = numbers_;
            return true;
        }
        if (numbers_.size() != 2 || numbers_[0] > numbers_[1])
            complaint_here().damaged("data_offsets " + shape_text(numbers_) + ", expected [begin, end]");
        entry().begin = numbers_[0];
        entry().end = numbers_[1];
        return true;
    }
    bool end_object() {
        if (--depth_ != 1 || in_metadata()) return true;
        if (given_.size() != 3) complaint_here().damaged("the header does not give all of dtype, shape and data_offsets");
        if (!bytes_of(entry().info.type, entry().info.shape)) complaint_here().damaged("sizes whose product does not fit into 63 bits");
        return true;
    }
    bool null() { return unexpected("null"); }
    bool boolean(bool value) { return unexpected(value ? "true" : "false"); }
    bool number_integer(std::int64_t number) { return unexpected("number " + std::to_string(number)); }
    bool number_float(double, const std::string& text) { return unexpected("number " + in_quotes(text)); }
    bool binary(nlohmann::json::binary_t&) { return unexpected("binary"); }
    bool parse_error(std::size_t position, const std::string& token, const nlohmann::json::exception&) {
        complaint_.damaged("its header is no JSON: byte " + std::to_string(position) + ", at " + in_quotes(token));
    }

  private:
    bool in_metadata() const { return name_ == metadata_name; }
    SafetensorsEntry& entry() { return header_.entries.back(); }
    Complaint complaint_here() const { return {complaint_.path, depth_ == 0 ? std::nullopt : std::optional(name_)}; }
    [[noreturn]] bool unexpected(const std::string& what) const {
        static constexpr std::string_view expected[] = {"an object of tensors", "an object", "", "numbers from 0 on"};
        const std::string wanted = depth_ != 2         ? std::string(expected[depth_])
                                   : in_metadata()     ? "text"
                                   : field_ == "dtype" ? "the name of a dtype"
                                                       : "a list of numbers from 0 on";
        complaint_here().damaged("the header has " + what + (depth_ >= 2 ? " for " + in_quotes(field_) : "") + ", expected " + wanted);
    }

    const Complaint& complaint_;
    SafetensorsHeader header_;
    std::unordered_set<std::string> seen_;
    std::set<std::string> given_;
    std::vector<std::int64_t> numbers_;
    std::string name_, field_;
    int depth_ = 0;
};

}  // namespace

SafetensorsHeader parse_safetensors_header(std::string_view text, const Complaint& complaint) {
    HeaderReader reader(complaint);
    nlohmann::json::sax_parse(text, &reader);
    return reader.take();
}

std::string_view safetensors_name(ElementType type) {
    return std::ranges::find(names, type, &NamedType::type)->name;
}

}  // namespace plumb::base
