"""The first table of an HTML output, such as a data frame's, as rows of text; any other HTML as text."""

from __future__ import annotations

from dataclasses import dataclass
from html.parser import HTMLParser

MOST_ROWS, MOST_COLUMNS, MOST_CELL = 60, 24, 200
_SILENT = frozenset({"script", "style", "head", "title", "template"})


@dataclass(frozen=True)
class HtmlTable:
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


class _Reader(HTMLParser):
    """Collects the cells of the first table, and the text outside of it."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.rows: list[list[str]] = []
        self.text: list[str] = []
        self.tables = self.silent = 0
        self._cell: list[str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002 - the base's signature
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

    def handle_endtag(self, tag: str) -> None:
        if tag in _SILENT:
            self.silent = max(0, self.silent - 1)
        elif tag in {"td", "th", "tr", "table"}:
            self._end_cell()
            self.tables += tag == "table" and self.tables == 1

    def handle_data(self, data: str) -> None:
        if self.silent:
            return
        if self._cell is not None:
            self._cell.append(data)
        elif not self.tables:
            self.text.append(data)

    def _end_cell(self) -> None:
        if self._cell is not None and self.rows and len(self.rows[-1]) < MOST_COLUMNS:
            self.rows[-1].append(" ".join("".join(self._cell).split())[:MOST_CELL])
        self._cell = None


def read_html(markup: str) -> tuple[HtmlTable | None, str]:
    """Returns the first table, None without one, and the text outside of tables."""
    reader = _Reader()
    reader.feed(markup)
    reader.close()
    rows = [row for row in reader.rows[:MOST_ROWS] if row]
    text = "".join(reader.text).strip()
    if len(rows) < 2:
        return None, text
    width = max(map(len, rows))
    head = tuple([""] * (width - len(rows[0])) + rows[0])
    return HtmlTable(head, tuple(tuple(row + [""] * (width - len(row))) for row in rows[1:])), text
