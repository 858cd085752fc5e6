"""Isolation by bubblewrap: user, mount, pid, uts and ipc namespaces, a network namespace on request, and a filter of system calls.

The view is minimal: /usr and its links, the interpreter and the environment read-only, a chosen part of /etc; everything
else of the machine (homes, the server's data, other jobs) does not exist inside. Started by root, the sandbox has separate users
(`users`), none of whom is root outside, and is created by the root inside from the sources of a `Stage`; started by another
user, its root is that user, without any capability.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sagewright.sandbox.abilities import AS_USER, NAMESPACES, abilities, capabilities, enter, find_bwrap, stage_bwrap
from sagewright.sandbox.base import CAPABILITIES, MEMORY_VARIABLE, Command, Launch, Support, check_words
from sagewright.sandbox.layout import LIBRARY, ML_ROOT, OWN, SandboxLayout
from sagewright.sandbox.ownership import give
from sagewright.sandbox.seccomp import seccomp_filter
from sagewright.sandbox.stage import Stage
from sagewright.sandbox.users import Users, claim_users

_NO_OVERLAY = "the kernel mounts no overlay for bwrap on this file system"
_LAUNCHER_ENVIRON = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}


@dataclass(frozen=True)
class _Start:
    """bwrap at a path that its starter can use, its options, the command prefix, and the descriptors that they name."""

    program: str
    options: list[str]
    wrapper: list[str]
    descriptors: list[int]


class BwrapSandbox:
    """bubblewrap, as root and as any user. The process dies with the agent. One sandbox is for one host."""

    name = "bwrap"

    def __init__(self, scratch: Path, *, overlay: bool = True) -> None:
        """`scratch`: an existing directory on the file system of the host directories, for probing; `overlay`: use one if it works.

        Raises Unavailable if a real start in all namespaces fails.
        """
        self._bwrap = find_bwrap()
        self._can = abilities(self._bwrap, scratch)
        self._overlay = overlay and self._can.overlay
        self._users: Users | None = None
        self._open: list[int] = []

    def declare(self) -> dict[str, Support]:
        given = {name: Support(True, "namespaces of its own") for name in CAPABILITIES}
        how = "an overlay" if self._overlay else "a private environment"
        given["writable_environment"] = Support(True, f"{how} on top of the shared one")
        readable = self._can.maps or os.geteuid() != 0
        given["shared_views"] = Support(
            readable, "read-only mounts" if readable else "the kernel maps no mounts of this file system to other users"
        )
        given["stand_in_programs"] = Support(self._overlay, "a read-only overlay" if self._overlay else _NO_OVERLAY)
        given["layers"] = Support(self._overlay, "overlays" if self._overlay else _NO_OVERLAY)
        given["private_views"] = Support(self._overlay, "overlays" if self._overlay else _NO_OVERLAY)
        given["unprivileged"] = Support(True, _who_is_root(self._can.whole))
        given["any_user"] = Support(
            self._can.whole,
            "a range of 65,536 users of its own" if self._can.whole else "its processes are all of one user's",
        )
        return given

    def ml_root(self, directory: Path) -> Path:  # noqa: ARG002 - the same for every host
        return ML_ROOT

    def command(self, launch: Launch) -> Command:
        """Returns the command. Raises CannotLaunch, OSError, Unavailable."""
        check_words(launch)  # options are separated by NUL
        environ = self.environ(launch)
        if os.geteuid() != 0:
            return self._as_user(launch, environ)
        self._users = self._users or claim_users()
        return self._as_root(launch, environ, self._users)

    def environ(self, launch: Launch) -> dict[str, str]:
        """Returns the whole environment of the process, in order."""
        environ = {
            **launch.environ,
            "HOME": "/root",
            "TMPDIR": "/tmp",  # noqa: S108 - the sandbox's own
            "VIRTUAL_ENV": str(launch.environment),
            "PATH": f"{launch.environment / 'bin'}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "PYTHONPATH": _joined(str(LIBRARY), launch.environ.get("PYTHONPATH", "")),
        }
        if not self._can.whole:
            environ.setdefault("TAR_OPTIONS", "--no-same-owner")  # files cannot be given to users that do not exist
        if launch.memory is not None:
            # --sync-fd makes the first process inside keep it open; every process inside sees that one's descriptors.
            environ[MEMORY_VARIABLE] = f"/proc/1/fd/{launch.memory}"
        return environ

    def hand_over(self, directory: Path, names: Sequence[str] = OWN) -> None:
        """Gives the contents of the process's directories in HOST_DIRECTORY to its users; `names`: of some of them. Raises
        OSError."""
        if self._users is None:
            return
        for name in names:
            if (directory / name).exists():
                give(directory / name, self._users.first, self._users.count)

    def close(self, directory: Path) -> None:
        """Closes descriptors, and makes overlays' work directories readable, which the kernel leaves unreadable."""
        for work in (directory / "overlay" / "work" / "work", *directory.glob("views/*/work/work")):
            if work.exists():
                work.chmod(0o700)
        for descriptor in self._open:
            os.close(descriptor)
        self._open = []
        if self._users is not None:
            self._users.close()
            self._users = None

    def _as_user(self, launch: Launch, environ: Mapping[str, str]) -> Command:
        layout = SandboxLayout(launch, self._overlay)
        options = [*AS_USER, *layout.options()]
        self._open += layout.descriptors
        within = launch.mounts.enter if launch.mounts else []
        if shutil.which("bash"):  # shows no path of ours at /proc/1/cmdline
            within = [*within, "bash", "-c", 'exec -a init "$0" "$@"']
        return self._command(launch, environ, _Start(str(self._bwrap), options, within, layout.descriptors))

    def _as_root(self, launch: Launch, environ: Mapping[str, str], users: Users) -> Command:
        stage = Stage(maps=self._can.maps, root=users.first)
        init = stage_bwrap(stage, self._bwrap)
        layout = SandboxLayout(launch, self._overlay, stage)
        options = [*capabilities(users), *layout.options()]
        self.hand_over(launch.directory)
        mounts = stage.build(users.namespace, launch.mounts.namespace if launch.mounts else None)
        self._open.append(mounts)
        return self._command(launch, environ, _Start(init, options, enter(users, mounts), []))

    def _command(self, launch: Launch, environ: Mapping[str, str], start: _Start) -> Command:
        """Returns the command. bwrap reads its options, including the process's environment, from an unnamed file: the launcher's
        environment is clean, and neither of them appears in process lists."""
        variables = [part for name, value in environ.items() for part in ("--setenv", name, value)]
        shown = [*NAMESPACES, *start.options, "--clearenv", *variables]
        own_ids = any(seen.access == "write" for seen in launch.views) and os.geteuid() == 0
        program = seccomp_filter(set_ids=not own_ids)
        handed = [*start.descriptors, *([] if launch.memory is None else [launch.memory])]
        if program is not None:
            handed.append(self._file("seccomp", program))
            shown += ["--seccomp", str(handed[-1])]
        handed.append(self._file("options", "\0".join(shown).encode(errors="surrogateescape") + b"\0"))
        marker = {name: value for name, value in environ.items() if name == "SAGEWRIGHT_HOST_ID"}
        return Command(
            [start.program, "--args", str(handed[-1]), "--", *launch.argv],
            _LAUNCHER_ENVIRON | marker,
            Path("/"),
            "--json-status-fd",
            start.wrapper,
            tuple(handed),
        )

    def _file(self, name: str, content: bytes) -> int:
        made = os.memfd_create(f"sagewright-{name}", os.MFD_CLOEXEC)
        self._open.append(made)
        with os.fdopen(os.dup(made), "wb") as file:
            file.write(content)
        os.lseek(made, 0, os.SEEK_SET)
        return made


def _who_is_root(whole: bool) -> str:
    if os.geteuid() != 0:
        return "it is the user who runs the server, without capabilities"
    return "an unprivileged user of a range of its own" if whole else "an unprivileged user of its own"


def _joined(first: str, rest: str) -> str:
    return f"{first}:{rest}" if rest else first
