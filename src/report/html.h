// SPDX-License-Identifier: Apache-2.0
// Text and tables as HTML. Everything that comes from a store passes html_escaped or json_for_html on its way into a page.
#pragma once
#include <functional>
#include <string>
#include <string_view>

#include "nlohmann/json.hpp"
#include "report/table.h"

namespace plumb::report {

/// Safe as text and as a quoted attribute value.
std::string html_escaped(std::string_view text);
/// JSON that can stand inside a <script> element: no '<' is left in it. Bytes that are not UTF-8 are replaced.
std::string json_for_html(const nlohmann::json& json);
/// Letters, digits and dashes only: for id attributes and file names.
std::string slug(std::string_view text);
/// <span class="word good">passed</span>
std::string status_html(std::string_view word);

struct HtmlTableOptions {
    std::string id;
    std::string caption;
    std::string run_anchor;   ///< the first row of each run gets this and the run's short name as id; empty: none
    std::string reason_into;  ///< the status column whose cells also give the reason, so that the word and its cause stand together
    std::string look_column;  ///< its cells show the colour and shape that their value has in figures
    std::function<std::size_t(const std::string&)> look_of;
};

/// A table that reads without scripts; the page's script adds sorting and the filter. Cells carry their raw number where the text does not
/// sort.
std::string html_table(const Table& table, const HtmlTableOptions& options);

}  // namespace plumb::report
