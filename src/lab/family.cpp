// SPDX-License-Identifier: Apache-2.0
// Finding a family by name.
#include "lab/family.h"

#include "base/error.h"
#include "base/text.h"

namespace plumb::lab {

const Family& family_named(const Families& families, std::string_view name) {
    std::vector<std::string> names;
    for (const std::shared_ptr<const Family>& family : families) {
        if (family->name() == name) return *family;
        names.push_back(family->name());
    }
    throw base::Error(base::ErrorKind::usage, "no family '" + std::string(name) + "'", base::suggest(name, names));
}

}  // namespace plumb::lab
