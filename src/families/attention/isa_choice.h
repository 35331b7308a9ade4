// SPDX-License-Identifier: Apache-2.0
// The setting `isa`.
#pragma once
#include <optional>
#include <string>

#include "kernels/isa.h"

namespace plumb::families::attention {

class IsaChoice {
  public:
    /// "best" or a name of kernels/isa.h. Throws unsupported with the reason where the host lacks it, usage for another word.
    explicit IsaChoice(const std::string& wanted);
    /// The choice is global to the process, and interleaved neighbours may have made another: made again before each call, at the cost of
    /// one store.
    void apply() const;

  private:
    std::optional<kernels::Isa> forced_;
};

}  // namespace plumb::families::attention
