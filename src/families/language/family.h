// SPDX-License-Identifier: Apache-2.0
// Family `language`: language models on a corpus as GPT-1 ids, scored under every name that a perplexity goes by.
// declarations.h says what can be varied, measured and drawn, corpus.h what models are given, models.h which there are.
#pragma once
#include <memory>

#include "lab/family.h"

namespace plumb::families::language {

std::shared_ptr<const lab::Family> make_family();

}  // namespace plumb::families::language
