"""One user's session in a terminal: install the wheel, start the server, train, read the log, stop."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from accounts import Account, Person
from installers import Installation, Installer, installation

LINE_S = 600
PORT = 4700
EXAMPLE = "first_model.py"
_RUN = f"sagewright run {EXAMPLE} --output "


@dataclass(frozen=True)
class Step:
    """A line that was typed, its output and the seconds that it took."""

    line: str
    output: str
    seconds: float


@dataclass
class Session:
    """`python`: the interpreter's name; `failure`: why it ended early, "" if it did not."""

    python: str
    account: Account
    installer: Installer
    steps: list[Step] = field(default_factory=list)
    failure: str = ""

    @property
    def title(self) -> str:
        return f"{self.python}, {self.account}, {self.installer}"

    @property
    def cold_s(self) -> float:
        """Returns the seconds from nothing to the first model."""
        last = next((at for at, step in enumerate(self.steps) if step.line.startswith(_RUN)), len(self.steps) - 1)
        return sum(step.seconds for step in self.steps[: last + 1])

    @property
    def warm_s(self) -> float:
        """Returns the seconds of the second training, 0 if there was none."""
        runs = [step.seconds for step in self.steps if step.line.startswith(_RUN)]
        return runs[1] if len(runs) > 1 else 0.0


class SessionFailed(Exception):
    """A line failed or did not do its work; the message has its output."""


@dataclass(frozen=True)
class Terminal:
    """Types lines as one user and records them."""

    person: Person
    environ: dict[str, str]
    steps: list[Step]

    def type(self, line: str, expected: str = "") -> str:
        """Runs a line, and returns its output. Raises SessionFailed if it fails, or if the output lacks `expected`."""
        begun = time.monotonic()
        try:
            done = self.person.run(line, self.environ, LINE_S)
        except subprocess.TimeoutExpired as error:
            raise SessionFailed(f"$ {line}\nno end within {LINE_S} s") from error
        self.steps.append(Step(line, self.person.shown(done.stdout.strip()), time.monotonic() - begun))
        if done.returncode != 0 or not re.search(expected, done.stdout):
            raise SessionFailed(f"$ {line}\n{done.stdout.strip()}\nexit status {done.returncode}")
        return done.stdout


def record(person: Person, installer: Installer, python: Path, programs: Path, files: list[Path]) -> Session:
    """Runs the session of one user. `files`: the wheel and the example; `programs`: directory of the installers."""
    session = Session(python.name, person.account, installer)
    for file in files:
        shutil.copy(file, person.work)
    found = installation(installer, person, python.name, files[0].name)
    path = os.pathsep.join(map(str, (found.path, python.parent, programs, "/usr/local/bin", "/usr/bin", "/bin")))
    terminal = Terminal(person, {"PATH": path, **dict(_own(person))}, session.steps)
    for name, value in found.environ.items():
        session.steps.append(Step(person.shown(f"export {name}={value}"), "", 0.0))
    try:
        _install(Terminal(person, terminal.environ | found.environ, session.steps), found)
        _train(terminal)
    except SessionFailed as error:
        session.failure = str(error)
        person.run("sagewright down", terminal.environ, LINE_S)
    return session


def _own(person: Person) -> Iterator[tuple[str, str]]:
    """Yields variables of the server: a data directory where the default one is read-only, another port where 4700 is taken."""
    if person.account is Account.READ_ONLY:
        yield "SAGEWRIGHT_DATA", str(person.work / "data")
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", PORT)) == 0:
            yield "SAGEWRIGHT_PORT", "0"


def _install(terminal: Terminal, found: Installation) -> None:
    for line in found.lines:
        terminal.type(line)
    terminal.type("sagewright --version", r"^sagewright \d")


def _train(terminal: Terminal) -> None:
    if "SAGEWRIGHT_DATA" in terminal.environ:
        line = f"export SAGEWRIGHT_DATA={terminal.environ['SAGEWRIGHT_DATA']}"
        terminal.steps.append(Step(terminal.person.shown(line), "", 0.0))
    terminal.type("sagewright up -d", "answers at")
    terminal.type(f"{_RUN}model", "The model of .* is in model/")
    terminal.type("ls model", "model.joblib")
    terminal.type("sagewright jobs logs --last", r"test_accuracy=0\.9")
    terminal.type(f"{_RUN}again", "The model of .* is in again/")
    terminal.type("sagewright down", "has ended")
