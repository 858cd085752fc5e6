"""Output of commands that print data: tables, names or JSON; tables cost no import."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

import typer

from sagewright.cli.options import fail, plain


class Format(StrEnum):
    """Formats of `--output`."""

    TABLE = "table"
    WIDE = "wide"
    NAME = "name"
    JSON = "json"


OutputOption = Annotated[
    Format,
    typer.Option("--output", "-o", help="table; wide: more columns; name: names alone; json.", case_sensitive=False),
]
JsonOption = Annotated[bool, typer.Option("--json", help="The same as --output json.")]
COLOURS = {
    **dict.fromkeys(("Completed", "InService", "Succeeded", "Approved", "yes"), 32),
    **dict.fromkeys(("Failed", "Rejected"), 31),
    **dict.fromkeys(("Stopped", "Stopping", "PendingManualApproval", "no", "waiting"), 33),
    **dict.fromkeys(("InProgress", "Creating", "Updating", "Executing", "running"), 36),
}
"""ANSI colours of statuses, the only colours of cells."""
Document = dict[str, Any]


@dataclass(frozen=True)
class OutputColumn:
    """One column. `wide`: shown only by `-o wide`."""

    title: str
    text: Callable[[Document], str]
    wide: bool = False


def chosen(output: Format, json: bool) -> Format:
    return Format.JSON if json else output


def print_rows(rows: Iterable[Document], fields: Sequence[OutputColumn], output: Format) -> None:
    """Prints documents as a table, their names (the first column), or a JSON array."""
    if output is Format.JSON:
        print_json(list(rows))
        return
    if output is Format.NAME:
        for row in rows:
            write(fields[0].text(row))
        return
    shown = [one for one in fields if output is Format.WIDE or not one.wide]
    print_table([one.title for one in shown], ([one.text(row) for one in shown] for row in rows))


def print_table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Prints aligned columns. A terminal too narrow for a row gets the rest of it on further lines: nothing is cut."""
    for line in table_lines(titles, rows):
        write(line, clean=False)


def table_lines(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    cells = [[_plain(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(titles, *cells, strict=True)]
    for number, row in enumerate([list(titles), *cells]):
        padded = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        if number:
            yield "  ".join(_coloured(cell) for cell in padded).rstrip()
        else:
            yield styled("  ".join(padded).rstrip(), 1)


def print_facts(title: str, status: str, facts: Iterable[tuple[str, str]]) -> None:
    """Prints the details of one resource: its name and status, then names and values."""
    write(f"{styled(_plain(title), 1)}  {_coloured(_plain(status))}", clean=False)
    rows = [(name, _plain(value)) for name, value in facts]
    width = max((len(name) for name, _ in rows), default=0)
    for name, value in rows:
        write(f"  {_plain(name):<{width}}  {value}", clean=False)


def print_json(document: Any) -> None:
    """Prints JSON with moments in ISO 8601, in UTC."""
    import orjson

    write(orjson.dumps(document, default=_described, option=orjson.OPT_INDENT_2).decode(), clean=False)


def write(line: str, *, clean: bool = True) -> None:
    """Prints one line; a reader that went away ends the command. `clean`: replaces control characters."""
    try:
        sys.stdout.write((_plain(line) if clean else line) + "\n")
        if sys.stdout.isatty():
            sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(0) from None


def moment(at: datetime | None) -> str:
    return "" if at is None else at.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def seconds_between(start: datetime | None, end: datetime | None) -> str:
    """Returns the seconds of something that runs until now without an end; "" without a start."""
    return "" if start is None else f"{((end or datetime.now(UTC)) - start).total_seconds():.1f}"


def gigabytes(size: float) -> str:
    """Returns a size in the decimal unit that fits it."""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def styled(text: str, code: int) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if _colours() else text


def width() -> int:
    """Columns of the terminal, 80 without one."""
    return shutil.get_terminal_size((80, 24)).columns


def check_output(output: Format, allowed: Sequence[Format]) -> None:
    if output not in allowed:
        fail(f"--output {output} is not offered here; choose one of {', '.join(allowed)}")


def _coloured(cell: str) -> str:
    code = COLOURS.get(cell.rstrip())
    return styled(cell, code) if code else cell


def _colours() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _plain(text: str) -> str:
    """Returns a text on one line, without control characters."""
    return plain(text).replace("\n", "\ufffd")


def _described(value: Any) -> str:
    return value.isoformat(timespec="milliseconds") if isinstance(value, datetime) else str(value)
