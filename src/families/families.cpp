// SPDX-License-Identifier: Apache-2.0
#include "families/families.h"

#include "families/attention/family.h"
#include "families/compression/family.h"
#include "families/cotrain/family.h"
#include "families/language/family.h"

namespace plumb::families {

lab::Families all() {
    return {
        attention::make_family(),
        compression::make_family(),
        language::make_family(),
        cotrain::make_family(),
    };
}

}  // namespace plumb::families
