// SPDX-License-Identifier: Apache-2.0
// Family `compression`: data cut into chunks, each compressed on its own, in both directions, by codecs of libraries and of plumb's own.
// declarations.h says what can be varied, measured and drawn, input.h what is compressed, engine.h where, trial.h how a point is checked.
#pragma once
#include <memory>

#include "lab/family.h"

namespace plumb::families::compression {

std::shared_ptr<const lab::Family> make_family();

}  // namespace plumb::families::compression
