"""Cells of an executed notebook. The notebook is a job's, so nothing in it is trusted: sizes are limited, and markup becomes text.

Source: the notebook format 4; papermill's metadata for times.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from sagewright.studio.notebooks.tables import HtmlTable, read_html

MOST_CELLS, MOST_OUTPUTS = 500, 50
MOST_TEXT, MOST_IMAGE, MOST_IMAGES = 20_000, 2 << 20, 8 << 20
"""Characters of a source or an output; bytes of an image, and of all images of a page."""
IMAGES = {"image/png": b"\x89PNG", "image/jpeg": b"\xff\xd8\xff", "image/gif": b"GIF8", "image/webp": b"RIFF"}
_MARKUP = re.compile(r"<[^<>]{1,2000}>|`")
_ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")


class UnreadableNotebook(ValueError):
    """The file is not a notebook; the message says why."""


@dataclass(frozen=True)
class CellOutput:
    """`kind`: text, warning, error, image, table. `image`: a data URL."""

    kind: str
    text: str = ""
    image: str = ""
    table: HtmlTable | None = None


@dataclass(frozen=True)
class NotebookCell:
    """`kind`: markdown, code or raw. `number`: that of its execution, None if it did not run; `seconds`: its duration.
    `parameters`: the job has set its values."""

    kind: str
    source: str
    number: int | None = None
    seconds: float | None = None
    outputs: tuple[CellOutput, ...] = ()
    parameters: bool = False

    @property
    def failed(self) -> bool:
        return any(one.kind == "error" for one in self.outputs)

    @property
    def blocks(self) -> list[tuple[str, str]]:
        """Returns headings and paragraphs of a markdown cell, as plain text: ("h", text) or ("p", text)."""
        found: list[tuple[str, str]] = []
        for part in re.split(r"\n\s*\n|(?<=\n)(?=#)", _MARKUP.sub("", self.source)):
            for line in [part] if not part.startswith("#") else part.split("\n", 1):
                text = line.strip()
                if text:
                    found.append(("h", text.lstrip("# ")) if text.startswith("#") else ("p", text))
        return found


@dataclass(frozen=True)
class ExecutedNotebook:
    cells: tuple[NotebookCell, ...]
    kernel: str
    left_out: int = 0
    """Cells beyond MOST_CELLS."""

    @property
    def code(self) -> list[NotebookCell]:
        return [one for one in self.cells if one.kind == "code"]

    @property
    def ran(self) -> int:
        return sum(one.number is not None and not one.failed for one in self.code)

    @property
    def warnings(self) -> int:
        return sum(one.kind == "warning" for cell in self.cells for one in cell.outputs)

    @property
    def slowest(self) -> list[tuple[str, float]]:
        """Returns the numbers and seconds of the slowest cells, the slowest first."""
        timed = [(f"[{one.number}]", one.seconds) for one in self.code if one.seconds is not None and one.number]
        return sorted(timed, key=lambda one: -one[1])[:6]


def read_notebook(content: bytes) -> ExecutedNotebook:
    """Raises UnreadableNotebook."""
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise UnreadableNotebook(f"The file is not valid JSON: {error}") from None
    cells = document.get("cells") if isinstance(document, dict) else None
    if not isinstance(cells, list):
        raise UnreadableNotebook("The file has no cells: it is not of the notebook format 4.")
    budget = [MOST_IMAGES]
    metadata = _dict(document.get("metadata"))
    kernel = str(_dict(metadata.get("kernelspec")).get("display_name", ""))[:80]
    read = tuple(_cell(one, budget) for one in cells[:MOST_CELLS] if isinstance(one, dict))
    return ExecutedNotebook(read, kernel, max(0, len(cells) - MOST_CELLS))


def _cell(cell: dict[str, Any], budget: list[int]) -> NotebookCell:
    metadata = _dict(cell.get("metadata"))
    number = cell.get("execution_count")
    duration = _dict(metadata.get("papermill")).get("duration")
    tags = metadata.get("tags")
    outputs = cell.get("outputs")
    found = [
        _output(one, budget)
        for one in (outputs if isinstance(outputs, list) else [])[:MOST_OUTPUTS]
        if isinstance(one, dict)
    ]
    return NotebookCell(
        kind=str(cell.get("cell_type", "raw")),
        source=_text(cell.get("source")),
        number=number if isinstance(number, int) and not isinstance(number, bool) else None,
        seconds=float(duration) if isinstance(duration, int | float) and 0 <= duration < 1e9 else None,
        outputs=tuple(one for one in found if one is not None),
        parameters=isinstance(tags, list) and "injected-parameters" in tags,
    )


def _output(output: dict[str, Any], budget: list[int]) -> CellOutput | None:
    kind = output.get("output_type")
    if kind == "stream":
        return CellOutput("warning" if output.get("name") == "stderr" else "text", _text(output.get("text")))
    if kind == "error":
        given = output.get("traceback")
        lines = [one for one in given[:200] if isinstance(one, str)] if isinstance(given, list) else []
        words = f"{_text(output.get('ename'))}: {_text(output.get('evalue'))}"
        return CellOutput("error", _text("\n".join(lines)) if lines else words)
    data = _dict(output.get("data"))
    for media, begins in IMAGES.items():
        if media in data and (url := _image(media, begins, data[media], budget)):
            return CellOutput("image", _text(data.get("text/plain"))[:200], url)
    if "text/html" in data:
        table, text = read_html(_text(data["text/html"], 200_000))
        if table is not None:
            return CellOutput("table", table=table)
        return CellOutput("text", _text(data.get("text/plain")) or text) if text or "text/plain" in data else None
    text = _text(data.get("text/plain"))
    return CellOutput("text", text) if text else None


def _image(media: str, begins: bytes, value: Any, budget: list[int]) -> str:
    """Returns a data URL of an image, "" if it is missing or too large."""
    text = "".join(value) if isinstance(value, list) and all(isinstance(one, str) for one in value) else value
    if not isinstance(text, str) or len(text) > 2 * MOST_IMAGE:
        return ""
    with suppress(binascii.Error, ValueError):
        content = base64.b64decode("".join(text.split()), validate=True)
        if content.startswith(begins) and len(content) <= min(MOST_IMAGE, budget[0]):
            budget[0] -= len(content)
            return f"data:{media};base64,{base64.b64encode(content).decode()}"
    return ""


def _text(value: Any, most: int = MOST_TEXT) -> str:
    """Returns a text of the format, a string or a list of lines, without control sequences."""
    if isinstance(value, list):
        value = "".join(one for one in value[:10_000] if isinstance(one, str))
    if not isinstance(value, str):
        return ""
    cut = value[: most * 2]
    plain = _ANSI.sub("", cut)
    return plain if len(plain) <= most and len(cut) == len(value) else f"{plain[:most]}\n… ({len(value)} characters)"


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
