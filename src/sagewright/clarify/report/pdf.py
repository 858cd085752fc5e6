"""report.pdf: A4 pages with tables, numbers and an outline."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from io import BytesIO
from typing import Any

from sagewright.clarify.report import fonts
from sagewright.clarify.report.content import (
    Block,
    Cell,
    Chart,
    Content,
    Heading,
    Item,
    Paragraph,
    Photograph,
    Source,
    Table,
)
from sagewright.clarify.report.wording import number

_MARGIN = 18
_SIZES = {1: 20, 2: 15, 3: 12, 4: 10.5}
_INK, _SOFT, _LINE, _ACCENT, _SUNK = (20, 28, 24), (70, 81, 75), (213, 220, 216), (10, 101, 83), (246, 248, 247)
_MAX_CELL = 300
_PIXELS_PER_MM = 2 * 96 / 25.4


def render_pdf(content: Content, images: Mapping[int, bytes]) -> bytes:
    """`images`: PNG of the charts by the position of their blocks."""
    # takes 0.4 s to import; only jobs with a report pay for it
    from fpdf import FPDF

    class Document(FPDF):  # type: ignore[misc, unused-ignore]
        def footer(self) -> None:
            self.set_y(-13)
            self.set_font(writer.fonts.family, size=8)
            self.set_text_color(*_SOFT)
            self.cell(0, 6, writer.text(content.title)[:90], align="L")
            self.set_x(_MARGIN)
            self.cell(0, 6, f"{self.page_no()} / {{nb}}", align="R")

    pdf = Document(format="A4")
    pdf.set_margins(_MARGIN, 16)
    pdf.set_auto_page_break(True, 20)
    pdf.set_title(content.title)
    pdf.set_lang("en")
    writer = _Writer(pdf, fonts.choose(pdf, _texts(content)))
    pdf.add_page()
    writer.title(content.title)
    for place, block in enumerate(content.blocks):
        writer.block(block, images.get(place, b""))
    return bytes(pdf.output())


def _texts(content: Content) -> Iterator[str]:
    yield content.title + "0123456789.,…/ -"
    for block in content.blocks:
        match block:
            case Heading() | Paragraph() | Item():
                yield block.text
            case Source():
                yield block.text + block.caption
            case Chart() | Photograph():
                yield block.caption + block.alternative
            case Table():
                yield block.caption
                yield from block.columns
                yield from (cell for row in block.rows for cell in row if isinstance(cell, str))


class _Writer:
    def __init__(self, pdf: Any, chosen: fonts.Fonts) -> None:
        self.pdf, self.fonts = pdf, chosen

    def text(self, text: str) -> str:
        return fonts.showable(text, self.fonts)

    def title(self, text: str) -> None:
        self._write(text, 20, bold=True)
        self.pdf.set_draw_color(*_ACCENT)
        self.pdf.set_line_width(0.8)
        self.pdf.line(_MARGIN, self.pdf.get_y() + 2, self.pdf.w - _MARGIN, self.pdf.get_y() + 2)
        self.pdf.ln(6)

    def block(self, block: Block, image: bytes) -> None:
        match block:
            case Heading():
                self._heading(block)
            case Paragraph():
                self._write(block.text, 10)
                self.pdf.ln(1.5)
            case Item():
                self._room(30)
                self.pdf.ln(3)
                self._write(f"- {block.text}", 10.5, bold=True)
            case Source():
                self._source(block)
            case Table():
                self._table(block)
            case Chart():
                self._image(image, block.caption, block.alternative)
            case Photograph():
                self._image(block.data, block.caption, block.alternative)

    def _write(self, text: str, size: float, *, bold: bool = False, color: tuple[int, int, int] = _INK) -> None:
        self.pdf.set_font(self.fonts.family, "B" if bold else "", size)
        self.pdf.set_text_color(*color)
        self.pdf.multi_cell(0, size * 0.5, self.text(text), new_x="LMARGIN", new_y="NEXT", align="L")

    def _room(self, height: float) -> None:
        """Begins a page if less than `height` mm are left on this one."""
        if self.pdf.will_page_break(height):
            self.pdf.add_page()

    def _heading(self, heading: Heading) -> None:
        self._room(45 if heading.level == 2 else 35)
        self.pdf.ln({2: 7, 3: 5, 4: 3}[heading.level])
        self.pdf.start_section(self.text(heading.text), heading.level - 2)
        self._write(heading.text, _SIZES[heading.level], bold=True)
        if heading.level == 2:
            self.pdf.set_draw_color(*_LINE)
            self.pdf.set_line_width(0.3)
            self.pdf.line(_MARGIN, self.pdf.get_y() + 0.8, self.pdf.w - _MARGIN, self.pdf.get_y() + 0.8)
        self.pdf.ln(2.5)

    def _image(self, data: bytes, caption: str, alternative: str) -> None:
        from PIL import Image

        with Image.open(BytesIO(data)) as image:
            width, height = image.size
        width_mm = min(width / _PIXELS_PER_MM, self.pdf.epw)
        height_mm = width_mm * height / width
        tallest = self.pdf.h - 70
        if height_mm > tallest:
            width_mm, height_mm = width_mm * tallest / height_mm, tallest
        self._room(height_mm + 18)
        self.pdf.ln(2)
        self._write(caption, 9.5, bold=True)
        self.pdf.image(BytesIO(data), w=width_mm, h=height_mm, alt_text=self.text(alternative))
        self.pdf.ln(1)
        self._write(alternative, 8, color=_SOFT)
        self.pdf.ln(2)

    def _source(self, source: Source) -> None:
        self._write(source.caption, 9.5, bold=True)
        self.pdf.set_fill_color(*_SUNK)
        self.pdf.set_font(self.fonts.family, size=7.5)
        self.pdf.set_text_color(*_INK)
        self.pdf.multi_cell(0, 3.6, self.text(source.text), new_x="LMARGIN", new_y="NEXT", align="L", fill=True)

    def _table(self, table: Table) -> None:
        from fpdf.enums import TableBordersLayout
        from fpdf.fonts import FontFace

        rows = [[self.text(_cell(cell)) for cell in row] for row in table.rows]
        self._room(30)
        self.pdf.ln(2)
        self._write(table.caption, 9.5, bold=True)
        self.pdf.set_font(self.fonts.family, size=8)
        self.pdf.set_draw_color(*_LINE)
        self.pdf.set_line_width(0.2)
        aligned = tuple("RIGHT" if table.numeric(column) else "LEFT" for column in range(len(table.columns)))
        with self.pdf.table(
            borders_layout=TableBordersLayout.HORIZONTAL_LINES,
            col_widths=self._widths(table, rows),
            text_align=aligned,
            line_height=3.9,
            padding=(0.8, 1.2, 0.8, 0),
            headings_style=FontFace(emphasis="BOLD", color=_SOFT),
        ) as drawn:
            drawn.row([self.text(name) for name in table.columns])
            for row in rows:
                drawn.row(row)
        self.pdf.ln(3)

    def _widths(self, table: Table, rows: list[list[str]]) -> tuple[float, ...]:
        """In mm: the widths that the texts need, within limits; the widest column gets the rest."""
        widest = [
            max((self.pdf.get_string_width(row[place]) for row in rows), default=0.0)
            for place in range(len(table.columns))
        ]
        self.pdf.set_font(style="B")
        heads = [self.pdf.get_string_width(self.text(name)) for name in table.columns]
        self.pdf.set_font(style="")
        needs = [4 + max(pair) for pair in zip(widest, heads, strict=True)]
        least = [min(need, self.pdf.epw / (2 if table.wide == column else 4)) for column, need in enumerate(needs)]
        rest = self.pdf.epw - sum(least)
        stretched = table.wide if table.wide >= 0 else len(least) - 1
        widths = [width + (rest if column == stretched else 0) for column, width in enumerate(least)]
        total = sum(max(width, 8.0) for width in widths)
        return tuple(max(width, 8.0) * self.pdf.epw / total for width in widths)


def _cell(cell: Cell) -> str:
    text = cell if isinstance(cell, str) else number(cell)
    return text if len(text) <= _MAX_CELL else text[:_MAX_CELL] + "…"
