// SPDX-License-Identifier: Apache-2.0
#include "families/attention/worst.h"

#include <cmath>

namespace plumb::families::attention {

void Worst::take(double new_measured, double new_bound, const std::string& new_note) {
    ++tries;
    // Compared as measured / bound without dividing, so that a bound of 0 is honoured; the negated form lets NaN win.
    if (tries > 1 && !(new_measured * bound > measured * new_bound) && !std::isnan(new_measured)) return;
    measured = new_measured;
    bound = new_bound;
    note = new_note;
}

}  // namespace plumb::families::attention
