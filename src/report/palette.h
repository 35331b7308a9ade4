// SPDX-License-Identifier: Apache-2.0
// One colour and one shape per value of a key through the whole page: whoever learnt a thing's look in one figure knows it in all.
// Colours: Okabe and Ito, "Color Universal Design", 2008, without black and yellow, which vanish on a dark and a light page; a grey closes
// the list.
#pragma once
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lab/view.h"

namespace plumb::report {

struct Look {
    std::string colour;  ///< "#0072B2"
    std::string shape;   ///< a Vega symbol: "circle"
    bool operator==(const Look&) const = default;
};

/// Looks of the first 56 values differ in colour or shape.
Look look_at(std::size_t index);
/// The shape as a letter, for tables and texts: "●".
std::string_view glyph_at(std::size_t index);

class Palette {
  public:
    Palette() = default;
    /// Every key that some figure colours by; values in the order of the parameter's choices, then of the plan.
    explicit Palette(std::span<const lab::StudyView> views);

    /// The look's number; a value that no view had gets 0.
    std::size_t index_of(const std::string& key, const std::string& value) const;
    Look of(const std::string& key, const std::string& value) const { return look_at(index_of(key, value)); }
    /// One more than the highest number in use.
    std::size_t size() const;

  private:
    std::map<std::string, std::vector<std::string>> values_;
};

}  // namespace plumb::report
