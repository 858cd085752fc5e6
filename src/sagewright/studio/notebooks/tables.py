"""The first table of an HTML output, such as a data frame's, as rows of text; any other HTML as text.

Python's HTMLParser takes minutes for some markup of this size (CVE-2025-6069), and raises AssertionError for other. The scanner
here reads every character once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape

MOST_ROWS, MOST_COLUMNS, MOST_CELL = 60, 24, 200
_SILENT = frozenset({"script", "style", "head", "title", "template"})
_RAW = {name: re.compile(f"</{name}", re.IGNORECASE | re.ASCII) for name in ("script", "style", "title")}
"""Elements whose content has no tags, with the beginning of their end tags."""
_NAME = re.compile(r"/?[a-z][a-z0-9]*", re.IGNORECASE | re.ASCII)


@dataclass(frozen=True)
class HtmlTable:
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def _tokens(markup: str) -> Iterator[tuple[str, str]]:
    """Yields ("text", text), and ("tag", name) with a slash before the name of an end tag."""
    at = 0
    while (begin := markup.find("<", at)) >= 0:
        yield "text", markup[at:begin]
        comment = markup.startswith("<!--", begin)
        name = _NAME.match(markup, begin + 1)
        if name is None and markup[begin + 1 : begin + 2] not in {"!", "?", "/"}:
            yield "text", "<"
            at = begin + 1
            continue
        end = markup.find("-->" if comment else ">", begin + 1)
        if end < 0:  # an unfinished comment or tag: browsers drop it, too
            return
        at = end + (3 if comment else 1)
        if name is not None:
            yield "tag", name[0].lower()
            if raw := _RAW.get(name[0].lower()):
                closing = raw.search(markup, at)
                at = closing.start() if closing else len(markup)
    yield "text", markup[at:]


class _Reader:
    """Collects the cells of the first table, and the text outside of it."""

    def __init__(self) -> None:
        self.rows: list[list[str]] = []
        self.text: list[str] = []
        self.tables = self.silent = 0
        self._cell: list[str] | None = None

    def begin(self, tag: str) -> None:
        if tag in _SILENT:
            self.silent += 1
        elif tag == "table":
            self.tables += 1
        elif tag == "tr" and self.tables == 1 and len(self.rows) <= MOST_ROWS:
            self._end_cell()
            self.rows.append([])
        elif tag in {"td", "th"} and self.tables == 1 and self.rows:
            self._end_cell()
            self._cell = []
        elif tag in {"br", "p", "div", "li"}:
            self.text.append("\n")

    def end(self, tag: str) -> None:
        if tag in _SILENT:
            self.silent = max(0, self.silent - 1)
        elif tag in {"td", "th", "tr", "table"}:
            self._end_cell()
            self.tables += tag == "table" and self.tables == 1

    def add(self, text: str) -> None:
        if self.silent:
            return
        if self._cell is not None:
            self._cell.append(text)
        elif not self.tables:
            self.text.append(text)

    def _end_cell(self) -> None:
        if self._cell is not None and self.rows and len(self.rows[-1]) < MOST_COLUMNS:
            self.rows[-1].append(" ".join(_plain("".join(self._cell)).split())[:MOST_CELL])
        self._cell = None


def read_html(markup: str) -> tuple[HtmlTable | None, str]:
    """Returns the first table, None without one, and the text outside of tables."""
    reader = _Reader()
    for kind, value in _tokens(markup):
        if kind == "text":
            reader.add(value)
        elif value.startswith("/"):
            reader.end(value[1:])
        else:
            reader.begin(value)
    rows = [row for row in reader.rows[:MOST_ROWS] if row]
    text = _plain("".join(reader.text)).strip()
    if len(rows) < 2:
        return None, text
    width = max(map(len, rows))
    head = tuple([""] * (width - len(rows[0])) + rows[0])
    return HtmlTable(head, tuple(tuple(row + [""] * (width - len(row))) for row in rows[1:])), text


def _plain(text: str) -> str:
    """Returns a text without character references; one whose number Python refuses to parse stays as it is."""
    try:
        return unescape(text)
    except ValueError:
        return text
