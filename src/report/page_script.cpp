// SPDX-License-Identifier: Apache-2.0
// What the page does: draws figures, sorts and filters tables, makes downloads from what the page holds. Every control is made here, so
// that a page without scripts shows none that does nothing.
#include "report/page_parts.h"

namespace plumb::report {

std::string_view page_script() {
    return R"js(
(() => {
"use strict";
const all = (selector, root = document) => Array.from(root.querySelectorAll(selector));
const make = (tag, properties, ...children) => { const node = Object.assign(document.createElement(tag), properties); node.append(...children); return node; };

// The inverse of packed_json.h.
const unpack = ({shapes, strings, root}) => {
  const open = value => typeof value === "string" ? (value[0] === "#" ? strings[parseInt(value.slice(1), 36)] : value.slice(1))
    : !Array.isArray(value) ? value
    : value[0] < 0 ? value.slice(1).map(open)
    : Object.fromEntries(shapes[value[0]].map((key, i) => [key, open(value[i + 1])]));
  return open(root);
};
const json = id => unpack(JSON.parse(document.getElementById(id).textContent));

const save = (name, type, content) => {
  const address = URL.createObjectURL(new Blob([content], {type}));
  const link = make("a", {href: address, download: name, hidden: true});
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 10000);
};
const download = (text, kind, label, action) => {
  const button = make("button", {type: "button", className: "link", onclick: action}, text);
  button.dataset.download = kind;
  button.setAttribute("aria-label", label);
  return button;
};

// A picture that leaves the page gets its ink and paper along.
const portable = svg => svg.replaceAll("currentColor", "#1b1f24").replace(/(<svg[^>]*>)/, '$1<rect width="100%" height="100%" fill="#fff"/>');
const csvField = value => value === null || value === undefined ? "" : /[",\r\n]/.test(String(value)) ? '"' + String(value).replaceAll('"', '""') + '"' : String(value);
const csv = spec => {
  const columns = spec.usermeta.csv;
  const lines = spec.data.values.filter(row => row.note === undefined).map(row => columns.map(([, field]) => csvField(row[field])).join(","));
  return [columns.map(([name]) => csvField(name)).join(","), ...lines].join("\r\n") + "\r\n";
};

const drawFigure = async plot => {
  const spec = json(plot.dataset.spec);
  const name = plot.dataset.name, title = plot.dataset.title;
  const links = document.getElementById(plot.dataset.links);
  let view = null;
  try {
    const result = await window.vegaEmbed(plot, spec, {actions: false, renderer: "svg", mode: "vega-lite", tooltip: {theme: "page"}});
    view = result.view;
  } catch (problem) {
    plot.replaceChildren(make("p", {className: "note"}, "This figure could not be drawn: " + problem.message));
  }
  if (view) links.append(download("SVG", "svg", "Download " + title + " as SVG", async () => save(name + ".svg", "image/svg+xml", portable(await view.toSVG()))));
  links.append(download("specification", "spec", "Download the Vega-Lite specification of " + title, () => save(name + ".json", "application/json", JSON.stringify(spec, null, 1))));
  links.append(download("CSV", "csv", "Download the numbers of " + title + " as CSV", () => save(name + ".csv", "text/csv", csv(spec))));
};
const linkDrawing = box => {
  const svg = box.querySelector("svg");
  if (svg) document.getElementById(box.dataset.links).append(download("SVG", "svg", "Download " + box.dataset.title + " as SVG", () => {
    const copy = svg.cloneNode(true);
    copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
    save(box.dataset.name + ".svg", "image/svg+xml", portable(new XMLSerializer().serializeToString(copy)));
  }));
};

const sortKey = (cell, number) => {
  const text = cell ? cell.textContent.trim() : "";
  if (!number) return text === "\u2013" ? "" : text;
  return cell && cell.dataset.v !== undefined ? Number(cell.dataset.v) : parseFloat(text);
};
const sortBy = (table, column, descending) => {
  const number = table.tHead.rows[0].cells[column].classList.contains("n");
  const rows = Array.from(table.tBodies[0].rows, (row, order) => ({row, order, key: sortKey(row.cells[column], number)}));
  const empty = key => number ? Number.isNaN(key) : key === "";
  rows.sort((a, b) => {
    if (empty(a.key) || empty(b.key)) return empty(a.key) - empty(b.key) || a.order - b.order;   // what has no value stays at the end
    const difference = number ? a.key - b.key : a.key.localeCompare(b.key, "en", {numeric: true});
    return (descending ? -difference : difference) || a.order - b.order;
  });
  table.tBodies[0].append(...rows.map(entry => entry.row));
};
const makeSortable = table => all("th", table).forEach((head, column) => {
  const button = make("button", {type: "button", title: "sort"}, ...head.childNodes);
  head.append(button);
  button.onclick = () => {
    const descending = head.getAttribute("aria-sort") === "ascending";
    all("th", table).forEach(other => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", descending ? "descending" : "ascending");
    sortBy(table, column, descending);
  };
});
const makeFilterable = (table, place) => {
  const rows = Array.from(table.tBodies[0].rows);
  if (rows.length < 6) return;
  const texts = rows.map(row => row.textContent.toLowerCase());
  const sample = rows.length ? Array.from(rows[0].cells).map(cell => cell.textContent.trim()).filter(text => /^[a-z]\w*$/.test(text))[0] : "";
  const box = make("input", {type: "search", placeholder: sample ? "filter, e.g. " + sample : "filter rows"});
  box.setAttribute("aria-label", "filter rows of: " + table.caption.textContent);
  const count = make("output", {});
  box.oninput = () => {
    const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    rows.forEach((row, i) => { row.hidden = !words.every(word => texts[i].includes(word)); shown += !row.hidden; });
    count.textContent = words.length ? shown + " of " + rows.length + " rows" : "";
  };
  place.before(make("div", {className: "controls"}, box, count));
};

const reveal = () => {
  const target = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!target) return;
  for (let node = target.closest("details"); node; node = node.parentElement.closest("details")) node.open = true;
  target.scrollIntoView({block: "center"});
};

let opened = [];
addEventListener("beforeprint", () => { opened = all("details:not([open])"); opened.forEach(node => { node.open = true; }); });
addEventListener("afterprint", () => opened.forEach(node => { node.open = false; }));
addEventListener("hashchange", reveal);

all("td.run").forEach(cell => {   // from a result to its checks
  const target = cell.closest("article").dataset.prefix + "run-" + cell.textContent;
  if (cell.id !== target && document.getElementById(target)) cell.replaceChildren(make("a", {href: "#" + target}, cell.textContent));
});
all("table").forEach(table => { makeSortable(table); makeFilterable(table, table.parentElement); });
all("[data-study-data]").forEach(place => place.append(download("all results as JSON", "json", "Download all results as JSON",
  () => save(place.dataset.name + ".json", "application/json", JSON.stringify(json(place.dataset.studyData), null, 1)))));
all(".drawing").forEach(linkDrawing);
(async () => {
  if (window.vegaEmbed) for (const plot of all(".plot")) await drawFigure(plot);
  reveal();
  document.documentElement.dataset.ready = "yes";
})();
})();
)js";
}

}  // namespace plumb::report
