// SPDX-License-Identifier: Apache-2.0
// The family `fault`: attention that checks itself, its cost on clean runs and what it finds when numbers go wrong.
#pragma once
#include <memory>

#include "lab/family.h"

namespace plumb::families::fault {

std::shared_ptr<const lab::Family> make_family();

}  // namespace plumb::families::fault
