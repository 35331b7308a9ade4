// SPDX-License-Identifier: Apache-2.0
// Tables read in a process of their own. A few flipped bits bring the HDF5 library down: of 600 small exports with one to four of them 24
// ended in a crash of version 1.10.8, and 3 in an endless loop or in gigabytes of memory. Here that is an error message and nothing else.
#pragma once
#include <functional>
#include <memory>
#include <string>

#include "families/compression/nsys_tables.h"

namespace plumb::families::compression {

/// Forks; `open` is called in the child, whose tables answer for those that are returned until these are destroyed. What `open` and the
/// tables throw comes back as the same base::Error. A child that dies, computes for more than two seconds without a word, wants more than a
/// gigabyte or is silent for a minute is a failed one that names `file`. The child writes nothing to the terminal, keeps no file of the
/// parent open and goes when the parent does.
std::unique_ptr<Tables> isolated(const std::string& file, const std::function<std::unique_ptr<Tables>()>& open);

}  // namespace plumb::families::compression
