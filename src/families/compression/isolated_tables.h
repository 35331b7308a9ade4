// SPDX-License-Identifier: Apache-2.0
// Tables read in a process of their own. A few flipped bits are enough to crash the HDF5 library (1.10.8: one in some hundred files with
// one to four flipped bits ends in a segmentation fault), so it runs where a crash is an error message and nothing else.
#pragma once
#include <functional>
#include <memory>
#include <string>

#include "families/compression/nsys_tables.h"

namespace plumb::families::compression {

/// Forks; `open` is called in the child, whose tables answer for those that are returned until these are destroyed. What `open` and the
/// tables throw comes back as the same base::Error; a child that dies, or gives no sign of life for a minute, is a failed one that names
/// `file`. The child writes nothing to the terminal, keeps no file of the parent open and goes when the parent does.
std::unique_ptr<Tables> isolated(const std::string& file, const std::function<std::unique_ptr<Tables>()>& open);

}  // namespace plumb::families::compression
