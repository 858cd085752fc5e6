"""The bubblewrap options for one process's view: the job's own directories, views, its environment, the system."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from sagewright.jobfiles.directory import JobDirectory
from sagewright.sandbox import view
from sagewright.sandbox.base import CannotLaunch, Launch, View
from sagewright.sandbox.overlay import Places, make_private_environment
from sagewright.sandbox.stage import Stage

ML_ROOT = Path("/opt/ml")
LIBRARY = Path("/opt/sagewright")
SHARED_ENVIRONMENT = Path("/opt/environment")  # used if no overlay is available
OWN = ("tmp", "home", "ml", "overlay", "views", "environment")
"""Subdirectories of a host's directory that belong to the sandbox's users."""


class SandboxLayout:
    """Builds bwrap's options for the view of one launch. `stage`: through which root's files are shown."""

    def __init__(self, launch: Launch, overlay: bool, stage: Stage | None = None) -> None:
        self._launch, self._overlay, self._stage = launch, overlay, stage
        self.descriptors: list[int] = []
        """Directories that bwrap should bind; the caller of the options closes them."""

    def options(self) -> list[str]:
        launch = self._launch
        options = [
            *([] if launch.network else ["--unshare-net"]),
            "--hostname", launch.host, *([] if launch.memory is None else ["--sync-fd", str(launch.memory)]),
            *view.system(), *self._programs(), *self._etc(), *self._own(), *self._views(),
            *view.read_only(self._interpreters(), self._shared),
            *self._environment(), *self._beside(), *view.devices(), "--chdir", str(ML_ROOT),
        ]  # fmt: skip
        return [*_parents(options), *options]

    def _etc(self) -> list[str]:
        """Returns options for /etc: one directory of the stage if it can seal its parts, otherwise each part."""
        parts = view.etc(self._launch)
        if self._stage is not None and self._stage.maps:
            return ["--bind", self._stage.together("etc", parts), "/etc"]
        places = ((name, self._system_file(path)) for name, path in parts.items())
        return [option for name, place in places for option in ("--ro-bind", place, f"/etc/{name}")]

    def _system_file(self, path: Path) -> str:
        """Returns the path of a world-readable file: its own, unless the stage hides that."""
        hidden = self._stage is not None and not path.is_relative_to("/etc")
        return self._stage.at(path) if hidden and self._stage else str(path)

    def _shared(self, path: Path) -> str:
        """Returns the path of a server's file, which belongs to root as far as the root inside can see."""
        return str(path) if self._stage is None else self._stage.at(path, mapped=True)

    def _jobs(self, path: Path) -> str:
        """Returns the path of a job's own file in the host's directory."""
        return str(path) if self._stage is None else self._stage.at(path)

    def _programs(self) -> list[str]:
        """Returns options for programs that replace the system's."""
        if self._launch.programs is None:
            return []
        place = str(Path("/usr/sbin").resolve())
        return ["--overlay-src", place, "--overlay-src", self._shared(self._launch.programs), "--ro-overlay", place]

    def _own(self) -> list[str]:
        """Returns options for the job's own directories; mounts below one of them (an environment under /tmp) come later."""
        options = []
        for name, place in (("tmp", "/tmp"), ("home", "/root"), ("ml", str(ML_ROOT))):  # noqa: S108 - the sandbox's own
            own = self._launch.directory / name
            own.mkdir(exist_ok=True)
            options += ["--bind", self._jobs(own), place]
        return [
            *options, "--dir", "/home", "--dir", "/var/tmp", "--tmpfs", "/dev/shm",  # noqa: S108 - the sandbox's own
            "--ro-bind", self._shared(self._launch.library), str(LIBRARY),
            *view.read_only((path for path in self._launch.readable if path.exists()), self._shared),
        ]  # fmt: skip

    def _views(self) -> list[str]:
        return [
            option
            for number, seen in enumerate(self._launch.views)
            for option in self._view(seen, self._launch.directory / "views" / str(number))
        ]

    def _view(self, seen: View, changes: Path) -> list[str]:
        """Returns options for a view; `changes` is the directory for the process's changes to a private view."""
        place = str(ML_ROOT / seen.place)
        if seen.access != "private":
            return [*self._bound(seen), place]
        if not self._overlay:
            raise ValueError("bwrap without overlays gives no private views")
        return self._over([seen.source], changes, place)

    def _bound(self, seen: View) -> list[str]:
        """Returns the beginning of the option that binds it."""
        option = "--ro-bind" if seen.access == "read" else "--bind"
        if self._stage is not None and seen.access == "read" and not self._stage.maps:
            raise ValueError("bwrap without mapped mounts gives no shared views")
        if self._stage is not None:
            return [option, self._stage.at(seen.source, mapped=True, beneath=seen.beneath)]
        if not seen.beneath:
            return [option, str(seen.source)]
        with JobDirectory.at(seen.source) as top:
            self.descriptors.append(top.below(seen.beneath).descriptor)
        return [f"{option}-fd", str(self.descriptors[-1])]

    def _environment(self) -> list[str]:
        """Returns options for the shared environment at its own path, writable only for this process."""
        shared, directory = self._launch.environment, self._launch.directory
        # An ordinary user can replace only its own files; the root inside can replace all that are mapped to its users.
        if self._overlay and (self._stage is not None or shared.stat().st_uid == os.geteuid()):
            return self._over([shared, *self._launch.layers], directory / "overlay", str(shared))
        if self._launch.layers:
            raise CannotLaunch(
                f"Nothing can be laid over the environment {shared.name}, which belongs to another user."
            )
        private = directory / "environment"
        make_private_environment(Places(shared, private, SHARED_ENVIRONMENT, shared))
        return ["--ro-bind", self._shared(shared), str(SHARED_ENVIRONMENT), "--bind", self._jobs(private), str(shared)]

    def _interpreters(self) -> set[Path]:
        environments = (self._launch.environment, *(one.path for one in self._launch.beside))
        return {prefix for one in environments for prefix in view.interpreter(one)}

    def _beside(self) -> list[str]:
        """Returns options for further environments, writable only for this process if that is possible."""
        options = []
        for number, one in enumerate(self._launch.beside):
            if self._overlay and (self._stage is not None or one.path.stat().st_uid == os.geteuid()):
                changes = self._launch.directory / "views" / f"beside-{number}"
                options += self._over([one.path, *one.layers], changes, str(one.place))
            else:
                options += ["--ro-bind", self._shared(one.path), str(one.place)]
        return options

    def _over(self, sources: Iterable[Path], changes: Path, place: str) -> list[str]:
        """Returns options for an overlay of `sources`, the lowest first, whose changes are stored in `changes`."""
        for name in ("upper", "work"):
            (changes / name).mkdir(parents=True, exist_ok=True)
        lower = [part for source in sources for part in ("--overlay-src", self._shared(source))]
        kept = self._jobs(changes)
        return [*lower, "--overlay", f"{kept}/upper", f"{kept}/work", place]


def _parents(options: list[str]) -> list[str]:
    """Returns options for the parents of mount points, which any user inside may traverse."""
    parents: set[str] = set()  # by their text: objects for paths take six times as long, at each start of a sandbox
    for words in _mounts(options):
        parent = words[-1].rpartition("/")[0]
        while parent and parent not in parents:
            parents.add(parent)
            parent = parent.rpartition("/")[0]
    ours = ("/usr", "/etc", "/proc", "/sys", "/dev")
    requested = sorted(
        (parent for parent in parents if not f"{parent}/".startswith(tuple(f"{top}/" for top in ours))),
        key=lambda parent: parent.split("/"),
    )
    return [part for parent in requested for part in ("--perms", "0755", "--dir", parent)]


def _mounts(options: list[str]) -> Iterable[list[str]]:
    """Yields the options that mount something, with their arguments."""
    lengths = {"--bind": 3, "--ro-bind": 3, "--bind-fd": 3, "--ro-bind-fd": 3, "--overlay": 4}
    return (options[at : at + lengths[word]] for at, word in enumerate(options) if word in lengths)
