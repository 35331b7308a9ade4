// SPDX-License-Identifier: Apache-2.0
// The look of the page. Both schemes are made of the same few variables; figures take their ink from `color`, so they follow without being
// drawn again.
#include <fmt/format.h>

#include "report/page_parts.h"

namespace plumb::report {

std::string_view page_style() {
    return R"css(
:root{--paper:#fff;--ink:#1b1f24;--soft:#57616b;--line:#dfe3e8;--card:#f6f8fa;--good:#0a6b4b;--doubtful:#835400;--bad:#a4262c;--link:#0b5cad;color-scheme:light dark}
@media(prefers-color-scheme:dark){:root{--paper:#101418;--ink:#e6eaee;--soft:#a3adb8;--line:#2b323a;--card:#181d23;--good:#4cc38a;--doubtful:#e2b340;--bad:#ff8f92;--link:#7db7ff}}
*{box-sizing:border-box}
html{scroll-padding-top:12px}
body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.55 system-ui,-apple-system,"Segoe UI","DejaVu Sans",sans-serif}
main,footer{max-width:1070px;margin:0 auto;padding:28px 20px 0}
footer{padding:26px 20px 50px;color:var(--soft);font-size:13px}
h1{font-size:27px;line-height:1.22;margin:0 0 6px;text-wrap:balance}
h2{font-size:19px;line-height:1.3;margin:44px 0 6px}
h3{font-size:16px;margin:32px 0 4px}
p{margin:6px 0;max-width:78ch}
a,.link{color:var(--link)}
.soft{color:var(--soft)}header p.soft{max-width:none}
code{font:13px/1.5 ui-monospace,"DejaVu Sans Mono",monospace;background:var(--card);padding:1px 5px;border-radius:4px;overflow-wrap:anywhere}
.skip{position:absolute;left:-999em}.skip:focus{left:12px;top:8px;background:var(--paper);padding:4px 8px}
:focus-visible{outline:2px solid var(--link);outline-offset:2px;border-radius:3px}
article+article{border-top:2px solid var(--line);margin-top:56px;padding-top:8px}
nav{font-size:13.5px;margin:14px 0 0;color:var(--soft)}nav ul{list-style:none;display:flex;flex-wrap:wrap;gap:2px 18px;margin:0;padding:0}
.answers{display:grid;grid-template-columns:repeat(auto-fit,minmax(215px,1fr));gap:12px;margin:20px 0 0;padding:0;list-style:none}
.answers li{border:1px solid var(--line);border-radius:8px;padding:12px 15px 13px;background:var(--paper)}
.answers b{display:block;font-size:24px;line-height:1.3;font-variant-numeric:tabular-nums;letter-spacing:-.01em}
.answers small{display:block;color:var(--soft);font-size:12.5px;line-height:1.45;margin-top:4px}
.doubt{border-left:3px solid var(--doubtful);padding:2px 16px 4px;margin:20px 0 0}
.doubt.calm{border-color:var(--line)}.doubt h2{font-size:15px;margin:0}.doubt ul{margin:2px 0 0;padding-left:18px}.doubt li{max-width:92ch;margin:2px 0}
.doubt li.bad::marker{color:var(--bad)}.doubt li.doubtful::marker{color:var(--doubtful)}
.note{border:1px solid var(--line);border-left:3px solid var(--doubtful);border-radius:4px;padding:9px 14px;background:var(--card);max-width:none}
figure{margin:12px 0 0}
figcaption{color:var(--soft);font-size:13px;margin-top:6px;max-width:110ch}
.scroll{overflow:auto}
.plot{min-height:60px}.plot svg{display:block}
.plot .vega-embed,.plot .vega-embed .chart-wrapper{display:block;padding:0}
.drawing svg{display:block;max-width:100%;height:auto}
.sheet{list-style:none;margin:6px 0 18px;padding:0;display:grid;grid-template-columns:repeat(auto-fill,minmax(226px,1fr));gap:12px}
.sheet li{border:1px solid var(--line);border-radius:8px;padding:10px 12px;font-size:12.5px;line-height:1.45}
.sheet .pictures{display:flex;gap:6px;margin-bottom:6px}.sheet img{flex:1 1 0;min-width:0;width:96px;max-width:112px;aspect-ratio:1;border-radius:4px}
.sheet b{display:block;font-size:13.5px}.sheet span{display:block;color:var(--soft);overflow-wrap:anywhere}.sheet i{font-style:normal;color:var(--ink)}
.sheet-of{margin-top:14px}
.links{display:inline-flex;flex-wrap:wrap;gap:2px 14px;margin-left:4px}
.link{font:inherit;background:none;border:0;padding:0;cursor:pointer;text-decoration:underline}
details{margin-top:10px}summary{cursor:pointer;color:var(--link);width:max-content;max-width:100%}
details .scroll{max-height:72vh;margin-top:6px}
.controls{display:flex;flex-wrap:wrap;align-items:center;gap:4px 14px;margin:8px 0 0}.controls output{color:var(--soft);font-size:13px}
input[type=search]{font:inherit;font-size:14px;padding:4px 9px;border:1px solid var(--soft);border-radius:6px;background:var(--paper);color:var(--ink);min-width:230px}
table{border-collapse:collapse;width:100%;font-size:13.5px}
caption{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
th{position:sticky;top:0;z-index:1;background:var(--paper);text-align:left;vertical-align:bottom;font-weight:600;padding:6px 8px;box-shadow:inset 0 -2px var(--line)}
th button{font:inherit;color:inherit;background:none;border:0;padding:0;cursor:pointer;text-align:inherit}
th button::after{content:"\2195";color:var(--soft);opacity:.55;margin-left:.2em;font-weight:400;font-size:.8em}
th[aria-sort=ascending] button::after{content:"\2191";opacity:1}th[aria-sort=descending] button::after{content:"\2193";opacity:1}
td{border-bottom:1px solid var(--line);padding:5px 8px;vertical-align:top}
tbody tr:hover{background:var(--card)}
tr:has(:target),:target>td{background:var(--card)}
.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}.best{font-weight:700}
.prose{min-width:13em;overflow-wrap:anywhere}
.word{font-size:13px;font-weight:600;white-space:nowrap}.run{font:12.5px/1.75 ui-monospace,"DejaVu Sans Mono",monospace}.good{color:var(--good)}.doubtful{color:var(--doubtful)}.bad{color:var(--bad)}.doubt li.bad,.doubt li.doubtful{color:inherit}
dl{display:grid;grid-template-columns:max-content 1fr;gap:4px 20px;font-size:14px;margin:8px 0 0}dt{grid-column:1;color:var(--soft)}dd{grid-column:2;margin:0;overflow-wrap:anywhere}
@media(max-width:560px){dl{grid-template-columns:1fr;gap:0}dd{margin-bottom:6px}h1{font-size:23px}}
#vg-tooltip-element.page-theme{background:var(--paper);color:var(--ink);border:1px solid var(--line);border-radius:6px;box-shadow:0 3px 14px #0003;font:12.5px/1.45 inherit;padding:7px 10px}
#vg-tooltip-element.page-theme table{width:auto;font-size:12.5px}#vg-tooltip-element.page-theme td{border:0;padding:1px 5px;max-width:36ch;overflow-wrap:anywhere;white-space:normal}
#vg-tooltip-element.page-theme td.key{color:var(--soft);text-align:right}
@media print{
:root{--paper:#fff;--ink:#1b1f24;--soft:#57616b;--line:#cfd4da;--card:#f6f8fa;--good:#0a6b4b;--doubtful:#835400;--bad:#a4262c;--link:#0b5cad;color-scheme:light}
body{font-size:11pt}main,footer{max-width:none;padding:0}
nav,.skip,.controls,.links,th button::after{display:none!important}
.scroll,details .scroll{max-height:none;overflow:visible}
.plot svg{max-width:100%;height:auto}
th{position:static}thead{display:table-header-group}tr,figure,.sheet li,.answers li,.doubt{break-inside:avoid}h2,h3,summary{break-after:avoid}
table,.word,.run{font-size:8.5pt}td,th{padding:2px 5px}footer{padding-top:18px}.prose{min-width:0}
a,summary{color:inherit;text-decoration:none}
}
)css";
}

std::string look_style(const Palette& palette) {
    std::string css;
    for (std::size_t i = 0; i < palette.size(); ++i) {
        css += fmt::format(".look{}::before{{content:\"{}\" / \"\";color:{};margin-right:.5em}}\n", i, glyph_at(i), look_at(i).colour);
    }
    return css;
}

}  // namespace plumb::report
