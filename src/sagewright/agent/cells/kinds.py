"""Kinds of cells: which jobs can run in a sandbox made before they were known, and in which one.

Settings that can be passed later are ignored: arguments, variables, /etc/hosts, limits, files. Everything else must equal a sandbox
made now; a job that needs something unchangeable in an existing sandbox gets a new one.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import sagewright
from sagewright.agent.cells.kernels import Kernels
from sagewright.agent.hostfile import HostFile
from sagewright.agent.library import known_library
from sagewright.agent.process.environ import SPIN, SPINS
from sagewright.runtimes.environments import MANIFEST, Environments
from sagewright.runtimes.images import Image, resolve_image
from sagewright.runtimes.launch import (
    CannotRun,
    check_runnable,
    client_requirements,
    command,
    engine_requirements,
    has_environment,
    imported_ahead,
    is_script_mode,
)
from sagewright.runtimes.recipes import NoRecipe
from sagewright.sandbox import view
from sagewright.sandbox.base import Launch

_STARTS_OTHERWISE = ("PYTHON", "LD_", "LC_", "LANG", "GLIBC_", "MALLOC_")
"""Prefixes of variables that a process reads when it starts: a waiting toolkit has missed them."""
Identity = tuple[str, int, int, int]


@dataclass(frozen=True)
class Ahead:
    """`modules` imported before the job is known, by a process with the `variables` that their libraries read at import."""

    modules: tuple[str, ...] = ()
    variables: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, modules: tuple[str, ...], cpus: int, kernels: Mapping[str, str]) -> Self:
        return cls(modules, (("OMP_NUM_THREADS", str(cpus)), (SPIN, SPINS), *kernels.items())) if modules else cls()


@dataclass(frozen=True)
class CellKind:
    """`host`: its name; `identities`: the mounted files, by path, device, inode and time, since other files may get their names;
    `plain`: True if its process waits for any program, False if it is the toolkit, which can also become a script."""

    host: str
    environment: Path
    library: Path
    readable: tuple[Path, ...]
    identities: tuple[Identity, ...]
    ahead: Ahead = Ahead()
    plain: bool = False

    @classmethod
    def of(
        cls, host: str, environment: Path, library: Path, readable: tuple[Path, ...], ahead: Ahead | None = None
    ) -> Self:
        """Returns the kind with the files that exist now."""
        return cls(host, environment, library, readable, _identities(environment, library, readable), ahead or Ahead())

    def serving(self) -> tuple[Self, ...]:
        """Returns the kinds of cells that can serve a job of this kind, the best first."""
        return (self, replace(self, plain=False)) if self.plain else (self,)

    def is_current(self) -> bool:
        """True if a sandbox made now would show the same files."""
        return self.identities == _identities(self.environment, self.library, self.readable)

    def fits(self, launch: Launch) -> bool:
        own = (self.host, self.environment, self.library, list(self.readable))
        requested = (launch.host, launch.environment, launch.library, launch.readable)
        others = (launch.programs, launch.mounts, launch.views or None, launch.layers or None)
        return own == requested and launch.network and all(one is None for one in others)


def kind_of(host: HostFile) -> CellKind | None:
    """Returns the kind of cell in which the host's process can run; None if it needs a new sandbox. Creates nothing."""
    image = resolve_image(host.brief.program.image)
    if not (_is_plain(host) and has_environment(image) and _starts_alike(host, image)):
        return None
    try:
        check_runnable(image, host.brief.program.purpose)
        command(image, host.brief)
        environments = Environments(host.environments, host.framework_versions)
        environment = environments.ready(image)
        library = known_library(Path(sagewright.__file__).parent, host.environments)
    except (CannotRun, NoRecipe, OSError, ValueError, KeyError):
        return None
    kernels = Kernels(environments, image, host.brief)
    if environment is None or library is None or not kernels.made(environment):
        return None
    ahead = Ahead.of(imported_ahead(image, host.brief), host.cpus, kernels.found(environment))
    kind = CellKind.of(host.host, environment.path, library, tuple(environments.sources.local_paths()), ahead)
    return replace(kind, plain=not ahead.modules and not is_script_mode(image, host.brief))


def _is_plain(host: HostFile) -> bool:
    """True if it needs nothing that must be known when a sandbox is made."""
    return (
        len(host.hosts) == 1
        and host.brief.health is None
        and not host.isolated
        and host.network in {"auto", "shared"}
        and host.sandbox in {"auto", "bwrap"}
        and host.limits == "auto"
        and os.geteuid() == 0  # otherwise the program that starts the sandbox may have to set a limit
        and all(
            one.mode in {"Pipe", "File"} and one.folder is None for one in host.brief.inputs
        )  # small ones, see inputs
        and client_requirements(host.brief.program) is None
        and engine_requirements(resolve_image(host.brief.program.image)) is None
        and not host.brief.queries
    )


def _starts_alike(host: HostFile, image: Image) -> bool:
    """True if a waiting toolkit is equivalent to one started with the job's variables."""
    names = (*host.brief.environment, *host.brief.variables)
    return not is_script_mode(image, host.brief) or not any(name.startswith(_STARTS_OTHERWISE) for name in names)


def _identities(environment: Path, library: Path, readable: tuple[Path, ...]) -> tuple[Identity, ...]:
    dated = [environment, environment / MANIFEST, environment / "bin", *environment.glob("lib/python3*/site-packages")]
    shown = [library, *readable, *view.OF_ETC, *view.interpreter(environment), *view.machine_devices()]
    return (
        *(_identity(path, timed=True) for path in dated),
        *(_identity(path, timed=False) for path in shown),
    )


def _identity(path: Path, *, timed: bool) -> Identity:
    try:
        found = os.stat(path)  # noqa: PTH116 - many files, and this is on the way to a job's first line
    except OSError:
        return str(path), 0, 0, 0
    return str(path), found.st_dev, found.st_ino, found.st_mtime_ns if timed else 0
