// SPDX-License-Identifier: Apache-2.0
// Family `attention`: one attention problem, computed by the slow ladder that a newcomer writes, by LibTorch's forms and by plumb's
// kernels, or its gradients. trial.h and backward_trial.h prepare and check a point, cases.h makes inputs and references, declarations.h
// says what can be varied, measured and drawn.
#pragma once
#include <memory>

#include "lab/family.h"

namespace plumb::families::attention {

std::shared_ptr<const lab::Family> make_family();

}  // namespace plumb::families::attention
