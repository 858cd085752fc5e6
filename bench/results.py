"""What was measured last, by module: `results.json`, and `RESULTS.md`, which is made from it. The rows of a module that is measured
again take its former rows' place, and the page says which modules belong to one run.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import groupby
from pathlib import Path

import goals
from rows import HEADINGS, Row

HERE = Path(__file__).parent
HOW = """\
Made by `make bench`. Each row has ours and the named peer's number from the same run; ratio: how many times better ours is
(under 1: worse). Medians, unless the row says otherwise. bench/*.py say how each is measured.
Ours alternates with the peer in (c) and with the canned answer in (d); elsewhere the peer follows ours in the same run.
Ray runs without authentication and metrics collection, which can only help it. moto keeps all in memory and checks no
signature; ours is durable against a killed server and checks each."""
NUMBERS = {2, 4, 5}


@dataclass(frozen=True)
class Measured:
    """One module's rows: `run` names the run that it belongs to; `begun` and `ended` are times in UTC, `load` the averages of one
    minute at both. `failed`: why its newest run gave no rows, so that these are older.
    """

    rows: tuple[Row, ...]
    run: str
    begun: str
    ended: str
    load: tuple[float, float]
    sources: str
    facts: tuple[str, ...]
    failed: str = ""


class Results:
    """The newest rows of each module, in the order of `names`."""

    def __init__(self, names: Sequence[str], place: Path = HERE) -> None:
        self._names, self._file, self._page = names, place / "results.json", place / "RESULTS.md"
        self._measured = _read(self._file)

    def take(self, name: str, measured: Measured) -> None:
        """Keeps a module's rows, or if it has none, why it has none."""
        before = self._measured.get(name)
        if measured.failed and before is not None:
            measured = replace(before, failed=measured.failed)
        self._measured[name] = measured
        text = json.dumps({name: asdict(each) for name, each in self._measured.items()}, indent=1)
        self._file.write_text(text + "\n")
        self._page.write_text(self._markdown())

    def _markdown(self) -> str:
        known = [(name, self._measured[name]) for name in self._names if name in self._measured]
        lines = ["# Bench", "", HOW, ""]
        for _, group in groupby(sorted(known, key=lambda each: each[1].run, reverse=True), lambda each: each[1].run):
            lines += _run(list(group))
        lines += [f"- {name} failed when it was last measured: {each.failed}" for name, each in known if each.failed]
        lines += [f"- {name} has not been measured" for name in self._names if name not in self._measured]
        rows = [row for _, each in known for row in each.rows]
        lines += ["", *goals.table(rows), "| " + " | ".join(HEADINGS) + " |"]
        lines.append("|" + "|".join("---:" if column in NUMBERS else "---" for column in range(len(HEADINGS))) + "|")
        lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row.cells()) + " |" for row in rows]
        return "\n".join(lines) + "\n"


def _run(group: list[tuple[str, Measured]]) -> list[str]:
    """What is said of a run: when, how busy the machine was, with which sources, and on what."""
    parts = [f"{name} ({', '.join(sorted({row.section for row in each.rows}))})" for name, each in group]
    loads = [load for _, each in group for load in each.load]
    first, last = min(each.begun for _, each in group), max(each.ended for _, each in group)
    sources = ", ".join(sorted({each.sources for _, each in group}))
    head = f"- {first} to {last} UTC, load {min(loads):.1f} to {max(loads):.1f}, sources {sources}: {', '.join(parts)}"
    return [head, *(f"  - {fact}" for fact in group[-1][1].facts)]


def _read(file: Path) -> dict[str, Measured]:
    if not file.exists():
        return {}
    return {name: _measured(each) for name, each in json.loads(file.read_text()).items()}


def _measured(document: dict[str, object]) -> Measured:
    rows, load, facts = document.pop("rows"), document.pop("load"), document.pop("facts")
    assert isinstance(rows, list)
    assert isinstance(load, list)
    assert isinstance(facts, list)
    found = tuple(Row(**each) for each in rows)
    return Measured(rows=found, load=(load[0], load[1]), facts=tuple(facts), **document)  # type: ignore[arg-type]
