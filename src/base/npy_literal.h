// SPDX-License-Identifier: Apache-2.0
// The Python dictionary in the header of an npy file, as text: {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/tensor_source.h"

namespace plumb::base {

struct NpyDictionary {
    std::string descr;  ///< "<f4"
    bool fortran_order = false;
    std::vector<std::int64_t> shape;
};

/// Throws through `complaint`: failed for what is no such dictionary, unsupported for a descr that is a list (a structured type).
NpyDictionary parse_npy_dictionary(std::string_view text, const Complaint& complaint);

}  // namespace plumb::base
