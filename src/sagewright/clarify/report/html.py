"""report.html: one file without scripts and addresses, for screens, light and dark, and for paper."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from sagewright.clarify.report.charts import ACCENT, CONTRAST, GRID, HIGH, INK, INK_2, LOW, MIDDLE, SERIES, UNKNOWN
from sagewright.clarify.report.content import Chart, Content, Heading, Photograph
from sagewright.clarify.report.drawing import with_own_identifiers
from sagewright.clarify.report.wording import number

_DARK = dict(
    zip(SERIES, ("#7fb3ff", "#f7a05c", "#7ef1c6", "#f55999", "#fedc7c", "#b576f3", "#7b93a1", "#b9724d"), strict=True)
) | {ACCENT: "#62cdb2", CONTRAST: "#f7a05c", INK: "#e9eeeb", INK_2: "#b1bcb6", GRID: "#39433f", UNKNOWN: "#8f9b95"}
assert {LOW, MIDDLE, HIGH} <= set(_DARK)

_STYLE = """
:root { color-scheme: light dark; --page: #fff; --ink: #141c18; --soft: #46514b; --line: #d5dcd8; --sunk: #f6f8f7; --accent: #0a6553; }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); line-height: 1.5;
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", Arial, sans-serif; }
main { max-width: 54rem; margin: 0 auto; padding: 2.5rem 1.5rem 4rem; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 .5rem; padding-bottom: .8rem; border-bottom: 3px solid var(--accent); }
h2 { font-size: 1.35rem; margin: 2.8rem 0 .6rem; padding-bottom: .3rem; border-bottom: 1px solid var(--line); }
h3 { font-size: 1.1rem; margin: 2rem 0 .4rem; }
h4 { font-size: 1rem; margin: 1.6rem 0 .3rem; }
h1, h2, h3, h4, li, td, th, p, figcaption, caption { overflow-wrap: break-word; unicode-bidi: plaintext; }
.w, caption, figcaption, li, p { overflow-wrap: anywhere; }
p { margin: .5rem 0; max-width: 46rem; }
a { color: var(--accent); }
nav { margin: 1.2rem 0 0; padding: .8rem 1.2rem; background: var(--sunk); border-radius: .4rem; font-size: .9rem; }
nav ol { margin: .3rem 0 0; padding-left: 1.2rem; }
nav ol ol { margin: 0; list-style: disc; }
ul.facets { margin: 1.4rem 0 0; padding-left: 1.2rem; font-weight: 600; }
table { border-collapse: collapse; width: 100%; margin: .9rem 0 1.3rem; font-size: .875rem; }
caption { text-align: left; font-weight: 600; padding: .2rem 0 .4rem; }
th, td { text-align: left; vertical-align: top; padding: .35rem 1.2rem .35rem 0; border-bottom: 1px solid var(--line); }
thead th { color: var(--soft); font-weight: 600; border-bottom: 2px solid var(--line); }
tbody th { font-weight: 600; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.s { white-space: nowrap; }
.scroll { overflow-x: auto; }
figure { margin: 1.2rem 0 1.6rem; }
figcaption { font-weight: 600; font-size: .875rem; margin-bottom: .4rem; }
figure svg, figure img { max-width: 100%; height: auto; display: block; }
figure p { color: var(--soft); font-size: .8rem; margin: .3rem 0 0; }
pre { background: var(--sunk); padding: .9rem; border-radius: .4rem; font: .8rem/1.45 ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace;
  white-space: pre-wrap; overflow-wrap: anywhere; }
@media (prefers-color-scheme: dark) {
  :root { --page: #101413; --ink: #e9eeeb; --soft: #b1bcb6; --line: #39433f; --sunk: #191f1d; --accent: #62cdb2; }
  DARK
}
@media print {
  :root { color-scheme: light; }
  body { font-size: 10pt; }
  main { max-width: none; padding: 0; }
  nav { background: none; padding-left: 0; }
  h2, h3, h4, caption, figcaption { break-after: avoid; }
  tr, figure { break-inside: avoid; }
  thead { display: table-header-group; }
}
@page { size: A4; margin: 18mm 16mm; }
"""

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<title>{{ title }}</title>
<style>{{ style }}</style>
</head>
<body>
<main>
<h1>{{ title }}</h1>
{% for block in blocks %}
{% if block.kind == "Heading" %}<h{{ block.it.level }} id="{{ block.anchor }}">{{ block.it.text }}</h{{ block.it.level }}>
{% elif block.kind == "Paragraph" %}<p>{{ block.it.text }}</p>
{% if loop.first and contents %}<nav aria-label="Contents"><strong>Contents</strong><ol>
{% for section in contents %}<li><a href="#{{ section.anchor }}">{{ section.it.text }}</a>
{% if section.parts %}<ol>{% for part in section.parts %}<li><a href="#{{ part.anchor }}">{{ part.it.text }}</a></li>{% endfor %}</ol>{% endif %}</li>
{% endfor %}</ol></nav>
{% endif %}
{% elif block.kind == "Item" %}<ul class="facets"><li>{{ block.it.text }}</li></ul>
{% elif block.kind == "Source" %}<figure><figcaption>{{ block.it.caption }}</figcaption><pre>{{ block.it.text }}</pre></figure>
{% elif block.kind == "Chart" %}<figure role="img" aria-label="{{ block.it.alternative }}"><figcaption>{{ block.it.caption }}</figcaption>
{{ block.svg }}
<p>{{ block.it.alternative }}</p></figure>
{% elif block.kind == "Photograph" %}<figure><figcaption>{{ block.it.caption }}</figcaption>
<img src="data:{{ block.it.media_type }};base64,{{ block.data }}" alt="{{ block.it.alternative }}"></figure>
{% elif block.kind == "Table" %}<div class="scroll"><table><caption>{{ block.it.caption }}</caption>
<thead><tr>{% for name in block.it.columns %}<th scope="col"{% if block.it.numeric(loop.index0) %} class="n"{% endif %}>{{ name }}</th>{% endfor %}</tr></thead>
<tbody>{% for row in block.it.rows %}<tr>{% for cell in row %}{% if loop.first %}<th scope="row"{% if block.it.wide == 0 %} class="w"{% endif %}>{{ text(cell) }}</th>
{%- else %}<td{% if block.it.numeric(loop.index0) %} class="n"{% elif block.it.wide == loop.index0 %} class="w"{% elif text(cell)|length < 16 %} class="s"{% endif %}>{{ text(cell) }}</td>{% endif %}{% endfor %}</tr>
{% endfor %}</tbody></table></div>
{% endif %}
{% endfor %}
</main>
</body>
</html>
"""


def render_html(content: Content, drawings: Mapping[int, str]) -> str:
    """`drawings`: SVG of the charts by the position of their blocks."""
    # takes 0.1 s to import; only jobs with a report pay for it
    from jinja2 import Environment
    from markupsafe import Markup

    dark = "\n  ".join(
        f'figure svg [{attribute}="{light}"] {{ {attribute}: {shade}; }}'
        for light, shade in _DARK.items()
        for attribute in ("fill", "stroke", "stop-color")
    )
    blocks: list[dict[str, Any]] = []
    contents: list[dict[str, Any]] = []
    for place, block in enumerate(content.blocks):
        entry: dict[str, Any] = {"kind": type(block).__name__, "it": block, "anchor": f"s{place}", "parts": []}
        if isinstance(block, Chart):
            entry["svg"] = Markup(with_own_identifiers(drawings[place], f"c{place}-"))  # noqa: S704 Vega escapes the texts
        elif isinstance(block, Photograph):
            entry["data"] = base64.b64encode(block.data).decode()
        elif isinstance(block, Heading) and block.level == 2:
            contents.append(entry)
        elif isinstance(block, Heading) and block.level == 3 and contents:
            contents[-1]["parts"].append(entry)
        blocks.append(entry)
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(_PAGE).render(
        title=content.title,
        style=Markup(_STYLE.replace("DARK", dark)),  # noqa: S704 constants
        blocks=blocks,
        contents=contents,
        text=_text,
    )


def _text(cell: Any) -> str:
    return cell if isinstance(cell, str) else number(cell)
