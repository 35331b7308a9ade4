#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Opens a report in headless Chromium and tests what a reader relies on: browser_test.py PAGE.html

Prints one line a test, 'PASS name' or 'FAIL name: why', and exits with 1 when one failed. Nothing may be fetched: the browser is offline and every
request but file:, data: and blob: is a failure. With --screenshot OUT.png it only takes a picture (--dark, --print, --width 1120).
Needs Playwright and a Chromium (deps/setup browser); PLUMB_CHROMIUM names another one.
"""
import argparse
import json
import os
import pathlib
import shutil
import sys

ALLOWED_SCHEMES = ("file:", "data:", "blob:")
DOWNLOADS_OF_A_PAGE = 8  # Chromium holds back the eleventh of a quick series
CONTRAST_OF_TEXT = 4.5  # WCAG 2.1, success criterion 1.4.3, level AA

# Every visible text with its colour and the first opaque background behind it; returns the worst contrast and where it is.
# Vega hides an axis label that would touch its neighbour by opacity 0: nobody is to read that one.
WORST_CONTRAST = """() => {
  const parse = text => { const n = text.match(/[\\d.]+/g).map(Number); return {r: n[0], g: n[1], b: n[2], a: n[3] ?? 1}; };
  const over = (top, under) => ({r: top.r * top.a + under.r * (1 - top.a), g: top.g * top.a + under.g * (1 - top.a), b: top.b * top.a + under.b * (1 - top.a), a: 1});
  const luminance = c => { const part = v => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; return 0.2126 * part(c.r) + 0.7152 * part(c.g) + 0.0722 * part(c.b); };
  const paper = parse(getComputedStyle(document.body).backgroundColor);
  let worst = {ratio: 99, text: ""};
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement, text = node.textContent.trim();
    if (!text || !element.checkVisibility() || element.closest("script, style, noscript, caption")) continue;
    const svg = element instanceof SVGElement, style = getComputedStyle(element);
    let ink = parse(svg ? style.fill : style.color);
    for (let at = element; at && at !== document.body; at = at.parentElement) ink.a *= Number(getComputedStyle(at).opacity);
    if (svg) ink.a *= Number(style.fillOpacity);
    if (ink.a === 0 && element.closest(".role-axis-label")) continue;
    let behind = paper;
    for (let at = element; at; at = at.parentElement) { const c = parse(getComputedStyle(at).backgroundColor); if (c.a === 1) { behind = c; break; } }
    const [a, b] = [luminance(over(ink, behind)), luminance(behind)].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < worst.ratio) worst = {ratio, text: text.slice(0, 60)};
  }
  return worst;
}"""


class Failure(Exception):
    pass


def require(condition, why):
    if not condition:
        raise Failure(why)


class Browser:
    """One Chromium for all tests; each test gets a fresh offline context."""

    def __init__(self, playwright, page_file):
        chromium = os.environ.get("PLUMB_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser") or "/usr/bin/chromium"
        self.address = pathlib.Path(page_file).resolve().as_uri()
        self.browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"] if os.geteuid() == 0 else [])
        self.troubles = []
        self.context = None

    def open(self, **options):
        width = options.pop("width", 1120)
        if self.context:
            self.context.close()
        context = self.browser.new_context(offline=True, viewport={"width": width, "height": 900}, accept_downloads=True, **options)
        self.context = context
        page = context.new_page()
        page.on("console", lambda message: self.troubles.append(f"console {message.type}: {message.text}") if message.type in ("error", "warning") else None)
        page.on("pageerror", lambda problem: self.troubles.append(f"script error: {problem}"))
        page.on("request", lambda request: None if request.url.startswith(ALLOWED_SCHEMES) else self.troubles.append(f"request: {request.url}"))
        page.goto(self.address)
        if options.get("java_script_enabled", True):
            page.wait_for_function("document.documentElement.dataset.ready === 'yes'", timeout=120_000)
        return page


def test_nothing_is_wrong_or_fetched(browser):
    browser.open().wait_for_timeout(300)
    require(not browser.troubles, "; ".join(browser.troubles[:5]))


def test_every_figure_has_marks(browser):
    page = browser.open()
    plots = page.locator(".plot")
    for i in range(plots.count()):
        marks = plots.nth(i).locator("svg g.mark-rect path, svg g.mark-symbol path, svg g.mark-line path, svg g.mark-text text")
        in_cells = marks.evaluate_all("nodes => nodes.filter(node => node.closest('.role-mark')).length")
        require(in_cells > 0, f"figure {plots.nth(i).get_attribute('data-name')} has no marks")
    drawings = page.locator(".drawing")
    for i in range(drawings.count()):
        require(drawings.nth(i).locator("svg path, .note").count() > 0, f"drawing {i + 1} is empty and says nothing")
    require(plots.count() + drawings.count() > 0, "the page has no figure")


def visible_rows(table):
    return table.locator("tbody tr:visible")


def open_all(page):
    page.evaluate("document.querySelectorAll('details').forEach(node => { node.open = true; })")


def test_sorting_works(browser):
    page = browser.open()
    open_all(page)
    for i in range(page.locator("table").count()):
        table = page.locator("table").nth(i)
        heads = table.locator("thead th")
        for column in range(heads.count()):
            number = "n" in (heads.nth(column).get_attribute("class") or "").split()
            button = heads.nth(column).locator("button")
            for direction in ("ascending", "descending"):
                button.click()
                require(heads.nth(column).get_attribute("aria-sort") == direction, f"table {i + 1}: aria-sort is not {direction}")
                read = "(rows, c) => rows.map(r => [r.cells[c].dataset.v ?? null, r.cells[c].textContent])"
                cells = table.locator("tbody tr").evaluate_all(read, column)
                if number:
                    values = [float(raw) if raw is not None else leading_number(text) for raw, text in cells]
                    known = [value for value in values if value is not None]
                    require(known == sorted(known, reverse=direction == "descending"), f"table {i + 1}, column {column + 1} is not sorted {direction}")
                    require(None not in values[: len(known)], f"table {i + 1}, column {column + 1}: empty cells are not last")


def leading_number(text):
    for end in range(len(text), 0, -1):
        try:
            return float(text[:end])
        except ValueError:
            continue
    return None


def test_filtering_works(browser):
    page = browser.open()
    open_all(page)
    boxes = page.locator("input[type=search]")
    require(boxes.count() > 0, "no table has a filter")
    for i in range(boxes.count()):
        table = page.locator(".controls").nth(i).locator("xpath=following-sibling::div[1]//table")
        rows = table.locator("tbody tr")
        total = rows.count()
        word = rows.nth(total - 1).locator("td").first.inner_text()
        boxes.nth(i).fill(word)
        shown = visible_rows(table).count()
        require(0 < shown <= total, f"filter {i + 1}: '{word}' shows {shown} of {total} rows")
        require(word in visible_rows(table).first.inner_text(), f"filter {i + 1}: a row without '{word}' is shown")
        boxes.nth(i).fill("no row says this")
        require(visible_rows(table).count() == 0, f"filter {i + 1} lets everything through")
        boxes.nth(i).fill("")
        require(visible_rows(table).count() == total, f"filter {i + 1} does not give its rows back")


def test_downloads_have_content(browser):
    page = browser.open()
    buttons = page.locator("button[data-download]")
    require(buttons.count() > 0, "no download")
    for i in range(buttons.count()):
        if i % DOWNLOADS_OF_A_PAGE == DOWNLOADS_OF_A_PAGE - 1:
            buttons = browser.open().locator("button[data-download]")
            page = buttons.page
        kind = buttons.nth(i).get_attribute("data-download")
        with page.expect_download() as started:
            buttons.nth(i).click()
        content = pathlib.Path(started.value.path()).read_text(encoding="utf-8")
        name = started.value.suggested_filename
        if kind == "svg":
            require("<svg" in content and "<path" in content and "currentColor" not in content, f"{name} is no complete SVG")
        elif kind == "csv":
            lines = content.splitlines()
            require(len(lines) > 1 and "," in lines[0], f"{name} has no rows")
        elif kind == "spec":
            require(json.loads(content)["data"]["values"], f"{name} has no data")
        else:
            document = json.loads(content)
            require(document["schema"] == 1 and document["rows"], f"{name} has no rows")


def test_keyboard_reaches_everything(browser):
    page = browser.open()
    wanted = page.locator("button:visible, input:visible, summary:visible, a[href]:visible").count()
    reached = set()
    for _ in range(wanted * 2 + 50):
        page.keyboard.press("Tab")
        mark = page.evaluate("() => { const n = document.activeElement; if (!n || n === document.body) return null; n.dataset.reached ??= String(Math.random());"
                             " return ['BUTTON', 'INPUT', 'SUMMARY', 'A'].includes(n.tagName) ? n.dataset.reached : 'other'; }")
        if mark is None and reached:
            break
        if mark and mark != "other":
            reached.add(mark)
    require(len(reached) >= wanted, f"{len(reached)} of {wanted} controls reached with Tab")
    head = page.locator("th button:visible").first
    head.focus()
    page.keyboard.press("Enter")
    require(head.locator("xpath=..").get_attribute("aria-sort") == "ascending", "Enter on a column title does not sort")


def check_contrast(browser, scheme):
    page = browser.open(color_scheme=scheme)
    open_all(page)
    worst = page.evaluate(WORST_CONTRAST)
    require(worst["ratio"] >= CONTRAST_OF_TEXT, f"contrast {worst['ratio']:.2f} of '{worst['text']}'")


def test_light_scheme_is_legible(browser):
    check_contrast(browser, "light")


def test_dark_scheme_is_legible(browser):
    check_contrast(browser, "dark")
    page = browser.open(color_scheme="dark")
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    require(paper != "rgb(255, 255, 255)", "the dark scheme has white paper")


def test_reads_without_scripts(browser):
    page = browser.open(java_script_enabled=False)
    require(page.locator("h1").inner_text().strip(), "no title")
    require(page.locator("table").count() > 0, "no tables")
    require(page.locator("noscript").first.inner_text().strip(), "no note that scripts are off")
    require(page.locator("input, table button").count() == 0, "controls that do nothing are shown")


def test_prints_without_controls(browser):
    page = browser.open()
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print", color_scheme="dark")
    require(page.locator(".controls:visible, .links button:visible, nav:visible").count() == 0, "controls are printed")
    require(page.locator("details:not([open])").count() == 0, "folded tables are not printed")
    cut = page.locator("details .scroll").evaluate_all("nodes => nodes.filter(node => getComputedStyle(node).overflowY !== 'visible').length")
    require(cut == 0, "a table is cut at its scroll box")
    require(page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)", "dark paper is printed")


def test_structure_is_accessible(browser):
    page = browser.open()
    require(page.locator("html[lang]").count() == 1, "no language")
    require(page.locator("main").count() == 1 and page.locator("h1").count() == 1, "not exactly one main and one h1")
    require(page.locator("table:not(:has(caption))").count() == 0, "a table has no caption")
    require(page.locator("thead th:not([scope=col])").count() == 0, "a column title has no scope")
    unnamed = page.evaluate("[...document.querySelectorAll('button, input')].filter(n => !(n.textContent.trim() || n.getAttribute('aria-label'))).length")
    require(unnamed == 0, f"{unnamed} controls have no name")
    levels = page.evaluate("[...document.querySelectorAll('h1,h2,h3,h4')].map(n => Number(n.tagName[1]))")
    require(all(after - before <= 1 for before, after in zip(levels, levels[1:])), f"heading levels jump: {levels}")
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map(n => n.id)")
    require(len(ids) == len(set(ids)), "an id is used twice")


def test_fits_narrow_and_wide_screens(browser):
    for width in (390, 1300):
        page = browser.open(width=width)
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        require(wide <= 0, f"the page is {wide} pixels wider than a screen of {width}")


def run_tests(browser):
    failed = 0
    for name, test in [(name, test) for name, test in globals().items() if name.startswith("test_")]:
        title = name.removeprefix("test_").replace("_", " ")
        browser.troubles.clear()
        try:
            test(browser)
            print(f"PASS {title}", flush=True)
        except Exception as problem:  # Playwright's own errors are failures too
            failed += 1
            print(f"FAIL {title}: {str(problem).splitlines()[0]}", flush=True)
    return 1 if failed else 0


def take_picture(browser, arguments):
    page = browser.open(color_scheme="dark" if arguments.dark else "light", width=arguments.width)
    if arguments.print:
        page.emulate_media(media="print")
    page.screenshot(path=arguments.screenshot, full_page=True)
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("page")
    parser.add_argument("--screenshot", metavar="OUT.png")
    parser.add_argument("--dark", action="store_true")
    parser.add_argument("--print", action="store_true")
    parser.add_argument("--width", type=int, default=1120)
    arguments = parser.parse_args()
    if not pathlib.Path(arguments.page).is_file():
        print(f"no such page: {arguments.page}", file=sys.stderr)
        return 2
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        print("python module playwright is missing: deps/setup browser", file=sys.stderr)
        return 4
    with sync_playwright() as playwright:
        browser = Browser(playwright, arguments.page)
        return take_picture(browser, arguments) if arguments.screenshot else run_tests(browser)


if __name__ == "__main__":
    sys.exit(main())
