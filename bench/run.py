"""`make bench`: every measurement, or those that are named: `python bench/run.py start fit`. Writes bench/RESULTS.md."""

from __future__ import annotations

import argparse
import importlib
import signal
import sys
import time
from pathlib import Path

import machine
import peers
from rich.console import Console
from rich.table import Table
from rows import HEADINGS, Row

MODULES = (
    "start",
    "fit",
    "distributed",
    "throughput",
    "latency",
    "listing",
    "boot",
    "channels",
    "objects",
    "containers",
    "endpoints",
    "explanations",
    "tuner",
    "spinning",
    "pipelines",
    "tracking",
    "studio",
    "commands",
    "pretrained",
    "servers",
    "sharing",
)
RESULTS = Path(__file__).parent / "RESULTS.md"
HOW = """\
Made by `make bench`. Each row has ours and the named peer's number from the same run; ratio: how many times better ours is
(under 1: worse). Medians, unless the row says otherwise. bench/*.py say how each is measured.
Ours alternates with the peer in (c) and with the canned answer in (d); elsewhere the peer follows ours in the same run.
Ray runs without authentication and metrics collection, which can only help it. moto keeps all in memory and checks no
signature; ours is durable against a killed server and checks each."""
NUMBERS = {2, 4, 5}
WIDTH = 180  # where the output is not a terminal


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"some of: {', '.join(MODULES)}")
    names = parser.parse_args().names or list(MODULES)
    if unknown := set(names) - set(MODULES):
        parser.error(f"no such measurement: {', '.join(sorted(unknown))}")
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(143))  # so that every server is ended
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = WIDTH
    _install(console)
    facts, before = machine.facts(), machine.sources()
    rows, failures = _measure(names, console)
    changed = " (they changed while this ran: rows may be of different sources)" if machine.sources() != before else ""
    facts.append(f"load average after: {machine.load()}; sources {before}{changed}")
    console.print(_table(rows), *facts, *failures, sep="\n")
    if set(names) == set(MODULES) and not failures:
        RESULTS.write_text(_markdown(facts, rows))
    sys.exit(1 if failures else 0)


def _measure(names: list[str], console: Console) -> tuple[list[Row], list[str]]:
    """All rows; one that fails is told and does not lose the others."""
    rows: list[Row] = []
    failures = []
    for name in names:
        begin = time.monotonic()
        try:
            with console.status(f"{name} …"):
                rows += importlib.import_module(name).measure()
        except Exception as error:
            failures.append(f"{name} failed: {type(error).__name__}: {str(error)[-600:]}")
        console.print(f"{name}: {time.monotonic() - begin:.0f} s")
    return rows, failures


def _install(console: Console) -> None:
    with console.status("the peers' environment …"):
        try:
            peers.install()
        except peers.NoPeer as error:
            console.print(f"Without peers: {error}")


def _table(rows: list[Row]) -> Table:
    """For the terminal: all but the last column, which the file has."""
    table = Table(title="Sagewright beside its peers (what limits each: bench/RESULTS.md)", pad_edge=False)
    for column, heading in enumerate(HEADINGS[:-1]):
        table.add_column(heading, justify="right" if column in NUMBERS else "left", overflow="fold")
    for before, row in zip([None, *rows], rows, strict=False):
        if before is not None and before.section != row.section:
            table.add_section()
        table.add_row(*row.cells()[:-1])
    return table


def _markdown(facts: list[str], rows: list[Row]) -> str:
    lines = ["# Bench", "", HOW, "", *(f"- {fact}" for fact in facts), ""]
    lines.append("| " + " | ".join(HEADINGS) + " |")
    lines.append("|" + "|".join("---:" if column in NUMBERS else "---" for column in range(len(HEADINGS))) + "|")
    lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row.cells()) + " |" for row in rows]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
