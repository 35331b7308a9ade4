// SPDX-License-Identifier: Apache-2.0
// Family `cotrain`: two views of the same samples teach each other labels. declarations.h says what can be varied, measured and drawn,
// features.h what is read, rounds.h how a round goes, proofs.h what is shown about it.
#pragma once
#include <memory>

#include "lab/family.h"

namespace plumb::families::cotrain {

std::shared_ptr<const lab::Family> make_family();

}  // namespace plumb::families::cotrain
