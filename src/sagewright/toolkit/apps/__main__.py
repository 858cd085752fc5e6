"""`python -m sagewright.toolkit.apps PROGRAM [ARGUMENT]`: prepares the home, then becomes the program on the job's socket."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from sagewright.toolkit.apps import repositories, scripts
from sagewright.toolkit.apps.errors import SetupFailed
from sagewright.toolkit.apps.programs import PROGRAMS, AppPlace, link_programs

SOCKET_VARIABLE = "SAGEWRIGHT_SERVE_SOCKET"
_USAGE = f"usage: python -m sagewright.toolkit.apps {'|'.join(PROGRAMS)} [ARGUMENT]"
_PREPARED = ".sagewright-prepared"
_SUDO = """#!/bin/bash
# Everything in this sandbox belongs to one user, so that a command runs as it is.
while [ $# -gt 0 ]; do
    case "$1" in
        -u | -g | -h | -p | -C | -U | -r | -t | -D | -R | -T) shift 2 ;;
        --) shift; break ;;
        -*) shift ;;
        *=*) export "$1"; shift ;;
        *) break ;;
    esac
done
[ $# -eq 0 ] && exec bash
exec "$@"
"""
"""A stand-in for sudo, which AWS's own examples of life-cycle scripts use."""


def main(arguments: Sequence[str]) -> None:
    """Becomes the program. Raises SystemExit if it can't."""
    if not arguments or arguments[0] not in PROGRAMS:
        raise SystemExit(_USAGE)
    socket = Path(os.environ[SOCKET_VARIABLE])
    ml = socket.parent.parent
    setup = json.loads((ml / "input/config/app.json").read_bytes())
    place = AppPlace(socket, _home(setup["home"], ml), list(arguments[1:]))
    _enter(place.home, setup.get("persistent_home", True))
    prepared = Path(os.environ.get("TMPDIR", "/tmp")) / _PREPARED  # noqa: S108 - the sandbox's own
    try:
        if not prepared.exists():
            _prepare(setup, place.home)
            prepared.touch()
        command = PROGRAMS[arguments[0]](place)
    except SetupFailed as error:
        print(error, flush=True)
        (ml / "output" / "failure").write_text(str(error))
        raise SystemExit(1) from None
    socket.unlink(missing_ok=True)
    os.execvp(command[0], command)  # noqa: S606 - no shell is wanted


def _home(requested: str, ml: Path) -> Path:
    """Returns the directory that every start shares; without a separate file system, it is below /opt/ml."""
    inside = ml / "home"
    return inside if inside.exists() else Path(requested)


def _enter(home: Path, persistent: bool) -> None:
    if persistent:
        os.environ["HOME"] = str(home)
    os.environ["SHELL"] = "/bin/bash"
    programs = Path(os.environ.get("TMPDIR", "/tmp")) / "bin"  # noqa: S108 - the sandbox's own
    programs.mkdir(exist_ok=True)
    (programs / "sudo").write_text(_SUDO)
    (programs / "sudo").chmod(0o755)
    link_programs(programs)
    os.environ["PATH"] = f"{programs}:{os.environ.get('PATH', '')}"
    os.chdir(home)


def _prepare(setup: dict[str, Any], home: Path) -> None:
    """Raises SetupFailed."""
    for note in setup.get("notes") or []:
        print(note, flush=True)
    steps: list[Callable[[], None]] = [
        lambda: repositories.clone(setup.get("repositories") or [], home),
        lambda: scripts.run(setup.get("scripts") or [], home),
    ]
    for step in steps:
        step()


if __name__ == "__main__":
    main(sys.argv[1:])
