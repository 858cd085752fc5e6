"""Starts attempts.py in a sandbox. Imports no test framework: an ordinary user runs it too."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from sagewright.sandbox.base import Command, Launch, OwnImage, Sandbox
from sagewright.sandbox.inhabitants import Inhabitant, JoiningProgram, NoInhabitant, find_inhabitant, start_joining

PROGRAM = Path(__file__).parent / "attempts.py"
FILES = [
    PROGRAM,
    *(PROGRAM.with_name(f"{name}.py") for name in ("trying", "tries_machine", "tries_kernel", "tries_others")),
]
IMAGE = "localhost/sagewright-walls:1"
LIMIT_S = 280
ATTEMPTS = ("python", "/opt/ml/attempts.py")


def launch(
    sandbox: Sandbox, directory: Path, environment: Path, secret: Path, argv: tuple[str, ...] = ATTEMPTS
) -> Command:
    for name in ("ml", "library"):
        (directory / name).mkdir(parents=True, exist_ok=True)
    for file in FILES:
        shutil.copy(file, directory / "ml")
    return sandbox.command(
        Launch(
            argv=list(argv),
            directory=directory,
            environ={
                "LANG": "C.UTF-8",
                "HIDDEN": str(secret),
                "OUTSIDE": str(os.getpid()),
                "SAGEWRIGHT_CPUS": "1",
            },
            host="algo-1",
            addresses={"algo-1": "127.10.0.1"},
            library=directory / "library",
            environment=environment,
            readable=sorted({Path("/usr"), Path(sys.base_prefix)}) if sandbox.name == "container" else [],
            image=OwnImage(IMAGE, cache=directory.parent / "cache", cpus=1, memory_gb=1),
        )
    )


def outcome_in_cell(top: Path) -> dict[str, str]:
    """Outcome of each attempt in a sandbox that was prepared before its program was known."""
    import sagewright
    from sagewright.agent.cells.cell import Cell
    from sagewright.agent.cells.kinds import CellKind
    from sagewright.agent.library import staged_library

    secret, environment, made, host = _prepare(top), top / "environment", top / "cell-walls", top / "host"
    library = staged_library(Path(sagewright.__file__).parent, top / "libraries")
    for directory in (made, host):
        directory.mkdir()
    cell = Cell(CellKind.of("algo-1", environment, library, ()), made)
    group = cell.group
    try:
        assert cell.is_whole()
        assert cell.move(host)
        for file in FILES:
            shutil.copy(file, host / "ml")
        started = cell.enter(
            Launch(
                argv=["python", "/opt/ml/attempts.py"],
                directory=host,
                environ={"LANG": "C.UTF-8", "HIDDEN": str(secret), "OUTSIDE": str(os.getpid())},
                host="algo-1",
                addresses={"algo-1": "127.10.0.1"},
                library=library,
                environment=environment,
            ),
            own_variables=True,
        )
        said, _ = started.process.communicate(timeout=LIMIT_S)
        os.close(started.status_fd)
        assert started.refusals is not None
        started.refusals.close()
    finally:
        cell.close()
        cell.sandbox.close(host)
        if group is not None:
            group.remove()
    found: dict[str, str] = json.loads(said)
    return found


def _prepare(top: Path) -> Path:
    """An environment, and a secret outside; the secret."""
    (top / "secret").write_text("x")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(top / "environment")], check=True, timeout=60)
    return top / "secret"


def outcome(sandbox: Sandbox, top: Path) -> dict[str, str]:
    """Outcome of each attempt."""
    command = launch(sandbox, top / "host", top / "environment", _prepare(top))
    try:
        done = subprocess.run(
            [*command.wrapper, *command.argv],
            env=command.environ,
            cwd=command.cwd,
            capture_output=True,
            text=True,
            check=False,
            pass_fds=command.descriptors,
            timeout=LIMIT_S,
        )
    finally:
        sandbox.close(top / "host")
    assert done.returncode == 0, done.stderr
    found: dict[str, str] = json.loads(done.stdout)
    return found


def outcome_joined(sandbox: Sandbox, top: Path) -> dict[str, str]:
    """Outcome of each attempt by a program that joins a running process, as `sagewright jobs shell` does."""
    command = launch(sandbox, top / "host", top / "environment", _prepare(top), ("sleep", str(LIMIT_S)))
    process = subprocess.Popen(
        [*command.wrapper, *command.argv], env=command.environ, cwd=command.cwd, pass_fds=command.descriptors
    )
    try:
        program = JoiningProgram([ATTEMPTS])
        joined = start_joining(_started(process.pid), program, subprocess.DEVNULL, subprocess.PIPE, subprocess.PIPE)
        said, errors = joined.communicate(timeout=LIMIT_S)
        assert joined.returncode == 0, errors
    finally:
        process.kill()
        process.wait()
        sandbox.close(top / "host")
    found: dict[str, str] = json.loads(said)
    return found


def _started(wrapper: int) -> Inhabitant:
    """The process in the sandbox that `wrapper` makes, once it is there."""
    end = time.monotonic() + LIMIT_S
    while True:
        try:
            return find_inhabitant(wrapper)
        except NoInhabitant:
            assert time.monotonic() < end
            time.sleep(0.05)
