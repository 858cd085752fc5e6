"""A report of an evaluation: one HTML file with numbers, tables and drawings, which needs no network and no script."""

import base64
import json
from html import escape
from pathlib import Path

STYLE = """
:root { color-scheme: light dark; --ink: #1d2129; --soft: #667; --line: #d9dce3; --back: #fff; --one: #2563eb; --two: #c2410c }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8eaf0; --soft: #9aa3b5; --line: #3a4050; --back: #14171e; --one: #7aa2ff; --two: #ff9d66 }
}
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--back); max-width: 52rem }
body { margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.5rem } h2 { font-size: 1.1rem; margin-top: 2rem } .soft { color: var(--soft) }
table { border-collapse: collapse } td { padding: .25rem 1.25rem .25rem 0; border-bottom: 1px solid var(--line) }
td + td { font-variant-numeric: tabular-nums } figure { margin: 1rem 0; overflow-x: auto }
svg { width: 100%; height: auto } svg text { fill: var(--soft); font: 12px system-ui }
"""
WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 720, 300, 60, 26, 12, 40


def save(folder, measure, value, title, sections, **more):
    """Write evaluation.json, which the pipeline's condition reads, and report.html."""
    number = {"measure": measure, "value": round(float(value), 6), **more}
    Path(folder, "evaluation.json").write_text(json.dumps(number))
    rows = [
        (measure, f"{number['value']:.4g}"),
        *((name.replace("_", " "), f"{one:.4g}") for name, one in more.items()),
    ]
    body = f"<h1>{escape(title)}</h1>" + table("Measures of this execution", rows) + "".join(sections)
    page = '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    page += f"<title>{escape(title)}</title><style>{STYLE}</style><body>{body}</body></html>"
    Path(folder, "report.html").write_text(page)
    print(json.dumps(number))


def table(title, rows):
    lines = "".join("<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<h2>{escape(title)}</h2><table>{lines}</table>"


def figure(title, words, drawing):
    return f'<h2>{escape(title)}</h2><p class="soft">{escape(words)}</p><figure>{drawing}</figure>'


def chart(curves, across, up, bands=(), dots=()):
    """Draw lines in a frame with axes: `curves` by their names as (x, y) lists; `bands` as (x, low, high); `dots` as (x, y)."""
    every = [
        *curves.values(),
        *((x, low) for x, low, _ in bands),
        *((x, high) for x, _, high in bands),
        *([dots] if dots else []),
    ]
    (first, last), (lowest, highest) = (_ends([float(one) for each in every for one in each[axis]]) for axis in (0, 1))

    def point(x, y):
        right = LEFT + (x - first) / (last - first) * (WIDTH - LEFT - RIGHT)
        return f"{right:.1f},{HEIGHT - BOTTOM - (y - lowest) / (highest - lowest) * (HEIGHT - TOP - BOTTOM):.1f}"

    out = _axes(first, last, lowest, highest, across, up)
    for x, low, high in bands:
        path = " ".join(map(point, [*x, *reversed(list(x))], [*low, *reversed(list(high))]))
        out += f'<polygon points="{path}" fill="var(--one)" opacity=".25"/>'
    for number, (name, (x, y)) in enumerate(curves.items()):
        colour, dash = f"var(--{('one', 'two', 'soft')[number % 3]})", ' stroke-dasharray="5 4"' * (number == 2)
        out += (
            f'<polyline points="{" ".join(map(point, x, y))}" fill="none" stroke="{colour}" stroke-width="1.6"{dash}/>'
        )
        out += f'<text x="{LEFT + 8 + 190 * number}" y="14" style="fill:{colour}">{escape(name)}</text>'
    for x, y in zip(*dots, strict=True) if dots else ():
        right, down = point(x, y).split(",")
        out += f'<circle cx="{right}" cy="{down}" r="2.4" fill="var(--two)"/>'
    return _svg(out)


def bars(rows):
    """Draw the numbers of (name, number) as horizontal bars."""
    rows = list(rows)
    most, out = max((abs(number) for _, number in rows), default=1) or 1, ""
    for place, (name, number) in enumerate(rows):
        down, long = 6 + place * 26, abs(number) / most * (WIDTH - 320)
        colour = "one" if number >= 0 else "two"
        out += f'<text x="230" y="{down + 14}" text-anchor="end">{escape(str(name))}</text>'
        out += f'<rect x="240" y="{down}" width="{long:.1f}" height="18" fill="var(--{colour})"/>'
        out += f'<text x="{246 + long:.1f}" y="{down + 14}">{number:.3g}</text>'
    return _svg(out, 12 + 26 * len(rows))


def picture(png, side, boxes):
    """Draw boxes over a picture: (colour, xmin, ymin, xmax, ymax) in its pixels, colour "one" or "two"."""
    image = base64.b64encode(png).decode()
    out = f'<image href="data:image/png;base64,{image}" width="{side}" height="{side}"/>'
    for colour, left, top, right, bottom in boxes:
        place = f'x="{left:.1f}" y="{top:.1f}" width="{right - left:.1f}" height="{bottom - top:.1f}"'
        out += f'<rect {place} fill="none" stroke="{("#ffd23f", "#3fd0ff")[colour == "two"]}" stroke-width="1"/>'
    return f'<svg viewBox="0 0 {side} {side}" role="img" style="max-width:24rem">{out}</svg>'


def _ends(numbers):
    low, high = min(numbers), max(numbers)
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _axes(first, last, lowest, highest, across, up):
    out = ""
    for part in range(5):
        right = LEFT + part / 4 * (WIDTH - LEFT - RIGHT)
        down = HEIGHT - BOTTOM - part / 4 * (HEIGHT - TOP - BOTTOM)
        out += f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{down}" y2="{down}" stroke="var(--line)"/>'
        out += (
            f'<text x="{LEFT - 6}" y="{down + 4}" text-anchor="end">{lowest + part / 4 * (highest - lowest):.3g}</text>'
        )
        anchor = ("start", "middle", "middle", "middle", "end")[part]
        out += (
            f'<text x="{right}" y="{HEIGHT - 22}" text-anchor="{anchor}">{first + part / 4 * (last - first):.4g}</text>'
        )
    out += f'<text x="{WIDTH / 2}" y="{HEIGHT - 5}" text-anchor="middle">{escape(across)}</text>'
    return out + f'<text x="{WIDTH - RIGHT}" y="14" text-anchor="end">{escape(up)}</text>'


def _svg(content, height=HEIGHT):
    return f'<svg viewBox="0 0 {WIDTH} {height}" role="img">{content}</svg>'
