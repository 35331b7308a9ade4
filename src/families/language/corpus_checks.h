// SPDX-License-Identifier: Apache-2.0
// Checks of what a model is trained and scored on: ids stand for the text that they came from, and held-out text is held out.
#pragma once
#include <vector>

#include "families/language/corpus.h"
#include "families/language/request.h"
#include "lab/check.h"

namespace plumb::families::language {

/// Every line without <unk>, decoded and tokenized again, gives its ids; where the source is text, decoding also gives the words that
/// splitting gives, of all lines without <unk>. Mistrusted where every line has an <unk>, and where ids that came as ids do not come back.
lab::Check check_round_trip(const Corpus& corpus, Tokenizer& tokenizer);

/// Of ids with a companion text: the lines of the text that have no "<unk>" give the ids of the same lines. Nothing to compare where the
/// text has another number of lines: the check is mistrusted then.
lab::Check check_companion(const Corpus& corpus, Tokenizer& tokenizer);

/// Lines of 16 ids or more that stand in `train` too. Mistrusted above one in a hundred.
lab::Check check_held_out(const std::string& split, const Corpus& held_out, const Corpus& train);

/// All of these for train and every held-out split.
std::vector<lab::Check> check_corpora(const Request& request, Tokenizer& tokenizer);

}  // namespace plumb::families::language
