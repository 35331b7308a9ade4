// SPDX-License-Identifier: Apache-2.0
#include "base/element_type.h"

#include <array>

namespace plumb::base {

namespace {

struct TypeFacts {
    std::string_view name;
    std::int64_t size;
};

// In the order of the enum.
constexpr std::array<TypeFacts, 13> facts = {{{"bool", 1},
                                              {"i8", 1},
                                              {"i16", 2},
                                              {"i32", 4},
                                              {"i64", 8},
                                              {"u8", 1},
                                              {"u16", 2},
                                              {"u32", 4},
                                              {"u64", 8},
                                              {"fp16", 2},
                                              {"bf16", 2},
                                              {"fp32", 4},
                                              {"fp64", 8}}};

constexpr std::array<ElementType, facts.size()> all = {
    ElementType::boolean, ElementType::i8,  ElementType::i16,  ElementType::i32,  ElementType::i64,  ElementType::u8,  ElementType::u16,
    ElementType::u32,     ElementType::u64, ElementType::fp16, ElementType::bf16, ElementType::fp32, ElementType::fp64};

}  // namespace

std::span<const ElementType> element_types() {
    return all;
}

std::string_view name(ElementType type) {
    return facts[static_cast<std::size_t>(type)].name;
}

std::int64_t size_of(ElementType type) {
    return facts[static_cast<std::size_t>(type)].size;
}

std::optional<ElementType> element_type_named(std::string_view wanted) {
    for (const ElementType type : all) {
        if (name(type) == wanted) return type;
    }
    return std::nullopt;
}

std::optional<Dtype> dtype_of(ElementType type) {
    for (const Dtype dtype : all_dtypes()) {
        if (name(dtype) == name(type)) return dtype;
    }
    return std::nullopt;
}

ElementType element_type_of(Dtype dtype) {
    return *element_type_named(name(dtype));
}

}  // namespace plumb::base
