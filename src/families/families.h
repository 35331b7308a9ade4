// SPDX-License-Identifier: Apache-2.0
// The table of families: what `plumb list` shows and studies can name.
#pragma once
#include "lab/family.h"

namespace plumb::families {

/// To add a family: its folder, and one line here.
lab::Families all();

}  // namespace plumb::families
