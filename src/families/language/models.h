// SPDX-License-Identifier: Apache-2.0
// The table of language models: what `model=` can be.
// To add one: its trial, and a line in models.cpp; parameters and metrics of its own go behind the others in declarations.cpp.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "families/language/request.h"
#include "lab/trial.h"

namespace plumb::families::language {

struct Model {
    std::string name;
    std::string help;
    /// A timed or a long trial (lab/trial.h). Throws unsupported where the model cannot do the request.
    std::unique_ptr<lab::Trial> (*make)(Request request, const lab::Context& context);
};
const std::vector<Model>& models();
/// Throws usage with the nearest name.
const Model& model_named(const std::string& name);

}  // namespace plumb::families::language
