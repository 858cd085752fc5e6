"""Writes recorded sessions into the page on installation."""

from __future__ import annotations

import os
from pathlib import Path

from accounts import Account
from session import Session, Step

BEGIN, END = "<!-- sessions: written by make dist -->\n", "<!-- end of sessions -->\n"
LINES, WIDTH = 12, 110
"""Maximum number of lines of an output that are shown, and of characters of a line."""


def write_page(path: Path, sessions: list[Session], missing: list[str]) -> None:
    """Replaces the part of the page between its marks."""
    before, _, rest = path.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    shown = next((one for one in sessions if one.account is Account.USER and not one.failure), None)
    path.write_text(
        before + BEGIN + "\n" + _table(sessions, missing) + (_transcript(shown) if shown else "") + END + after
    )


def _table(sessions: list[Session], missing: list[str]) -> str:
    rows = [
        f"| {one.python} | {one.account} | {one.installer} | "
        + ("failed | |" if one.failure else f"{one.cold_s:.0f} s | {one.warm_s:.1f} s |")
        for one in sessions
    ]
    head = "| Python | user | installed by | first model, from nothing | second model |\n|---|---|---|---|---|\n"
    load = f"\nMeasured on {os.cpu_count()} CPUs; load average at the end {os.getloadavg()[1]:.0f}.\n"
    note = f"\nNot tried: Python {', '.join(missing)}.\n" if missing else ""
    return head + "\n".join(rows) + "\n" + load + note + "\n"


def _transcript(session: Session) -> str:
    lines = [f"# {session.title}"]
    for step in session.steps:
        lines += _shown(step)
    return "```text\n" + "\n".join(lines) + "\n```\n"


def _shown(step: Step) -> list[str]:
    took = f"  # {step.seconds:.1f} s" if step.seconds >= 0.05 else ""
    lines = step.output.splitlines()
    if len(lines) > LINES:
        lines = [*lines[: LINES // 2], "...", *lines[-LINES // 2 :]]
    return [f"$ {step.line}{took}", *(line if len(line) <= WIDTH else f"{line[: WIDTH - 1]}…" for line in lines)]
