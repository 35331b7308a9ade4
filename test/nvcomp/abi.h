// SPDX-License-Identifier: Apache-2.0
// Whether two function types look alike to the machine: the same number of arguments, each of the same size and kind, pointers to the same.
// plumb's own declarations write plain integers for the enumerations and untyped pointers for the opaque handles of NVIDIA's headers.
#pragma once
#include <cstddef>
#include <type_traits>

namespace plumb::test {

template <class Type>
concept Number = std::is_integral_v<Type> || std::is_enum_v<Type>;

template <class Type, class = void>
constexpr bool is_opaque = true;
template <class Type>
constexpr bool is_opaque<Type, std::void_t<decltype(sizeof(Type))>> = std::is_void_v<Type>;

/// `Own` as plumb declares it, `Theirs` as the header does.
template <class Own, class Theirs>
constexpr bool alike() {
    if constexpr (std::is_pointer_v<Own> && std::is_pointer_v<Theirs>) {
        using Target = std::remove_pointer_t<Own>;
        using TheirTarget = std::remove_pointer_t<Theirs>;
        if constexpr (std::is_const_v<Target> != std::is_const_v<TheirTarget>) {
            return false;
        } else if constexpr (std::is_void_v<std::remove_cv_t<Target>>) {
            return is_opaque<std::remove_cv_t<TheirTarget>>;
        } else {
            return alike<std::remove_cv_t<Target>, std::remove_cv_t<TheirTarget>>();
        }
    } else if constexpr (Number<Own> && Number<Theirs>) {
        return sizeof(Own) == sizeof(Theirs);
    } else if constexpr (std::is_class_v<Own> && std::is_class_v<Theirs>) {
        // Copied as bytes; no calling convention of Linux looks at members of 64 bytes, but at an alignment above 8.
        return sizeof(Own) == sizeof(Theirs) && alignof(Own) <= 8 && alignof(Theirs) <= 8 && std::is_trivially_copyable_v<Own> &&
               std::is_trivially_copyable_v<Theirs>;
    } else {
        return std::is_same_v<Own, Theirs>;
    }
}

template <class Own, class Theirs>
struct AlikeFunctions : std::false_type {};
template <class OwnResult, class... Own, class TheirResult, class... Theirs>
requires(sizeof...(Own) == sizeof...(Theirs)) struct AlikeFunctions<OwnResult(Own...), TheirResult(Theirs...)>
    : std::bool_constant<alike<OwnResult, TheirResult>() && (alike<Own, Theirs>() && ...)> {
};

/// Of a pointer to a function as plumb's tables hold it, and of a function as the header declares it.
template <class OwnPointer, class Theirs>
constexpr bool alike_functions = AlikeFunctions<std::remove_pointer_t<OwnPointer>, Theirs>::value;

}  // namespace plumb::test
