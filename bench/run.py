"""`make bench`: every measurement, or those that are named: `python bench/run.py start fit`. Each one's rows take their place in
bench/RESULTS.md as soon as they are there.
"""

from __future__ import annotations

import argparse
import importlib
import os
import signal
import sys
import time

import machine
import peers
from results import NUMBERS, Measured, Results
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
    rows, failures = _measure(names, console, Results(MODULES))
    changed = " (they changed while this ran: rows may be of different sources)" if machine.sources() != before else ""
    facts.append(f"load average after: {machine.load()}; sources {before}{changed}")
    console.print(_table(rows), *facts, *failures, sep="\n")
    sys.exit(1 if failures else 0)


def _measure(names: list[str], console: Console, results: Results) -> tuple[list[Row], list[str]]:
    """All rows, each module's kept at once; one that fails is told and does not lose the others."""
    rows: list[Row] = []
    failures = []
    run = machine.now()
    for name in names:
        begin = time.monotonic()
        with console.status(f"{name} …"):
            found = _one(name, run)
        results.take(name, found)
        rows += found.rows
        failures += [f"{name} failed: {found.failed}"] if found.failed else []
        console.print(f"{name}: {time.monotonic() - begin:.0f} s")
    return rows, failures


def _one(name: str, run: str) -> Measured:
    """One module's rows, or why there are none."""
    begun, load, failed = machine.now(), os.getloadavg()[0], ""
    rows: list[Row] = []
    try:
        rows = importlib.import_module(name).measure()
    except Exception as error:
        failed = f"{type(error).__name__}: {str(error)[-600:]}"
    loads = load, os.getloadavg()[0]
    return Measured(
        tuple(rows), run, begun, machine.now(), loads, machine.sources(), tuple(machine.setting()), failed
    )  # fmt: skip


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


if __name__ == "__main__":
    main()
