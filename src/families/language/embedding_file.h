// SPDX-License-Identifier: Apache-2.0
// Embeddings that somebody else trained. Three forms are known:
//   a tensor file   `tokens` and, for GPT-1, `position`: the assignment's embeddings.npz, or a file of yours in npz or safetensors
//   a tensor file   `tokens_embed.weight` and `positions_embed.weight`, perhaps behind a prefix: GPT-1 as Hugging Face keeps it
//   a folder        params_0.npy to params_9.npy, OpenAI's release: one array in ten parts, 512 rows of positions first, then tokens; the
//                   width does not stand there and must be that of the release, 768
#pragma once
#include <filesystem>
#include <map>
#include <string>

#include "nn/language_form.h"

namespace plumb::families::language {

/// `form.vocabulary` rows of `form.width` numbers; a table with one row less lacks the padding, which is put before it as zeros. Of
/// positions the first `form.context` rows are taken, where the architecture has positions. Throws missing for what is not there, usage for
/// a table of another shape.
nn::GivenValues read_embeddings(const std::filesystem::path& path, const nn::LanguageForm& form);
/// Digests of all that it reads: {name: hex}.
std::map<std::string, std::string> digest_embeddings(const std::filesystem::path& path);

}  // namespace plumb::families::language
