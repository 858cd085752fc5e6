"""Finds a container engine on this machine, or starts Podman's service if Podman is installed but does not listen."""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sagewright.sandbox.base import Unavailable
from sagewright.sandbox.cgroups import none_mounted
from sagewright.sandbox.containers.engine import ContainerEngine, EngineFailed

HOW = (
    "Containers need Docker or Podman on this machine. On Debian and Ubuntu: apt-get install podman (Sagewright starts its "
    "service by itself), or Docker with the server's user in the group docker. DOCKER_HOST=unix:///… names another socket."
)
_NO_GROUPS = (
    "Containers need control groups, and none are mounted here. As root: mount -t cgroup2 cgroup2 /sys/fs/cgroup"
)
_SETTINGS = "[containers]\ndefault_sysctls = []\n"
"""A network namespace that a container joins belongs to the machine's root: the container cannot change its settings."""
_IDLE_S = 600
_START_S = 20.0


@dataclass(frozen=True)
class FoundEngine:
    """An engine that answers. `kind`: Podman or Docker, and its version; `how`: where it was found, for users; `ours`: True for
    Podman's service as Sagewright starts it."""

    engine: ContainerEngine
    kind: str
    how: str
    ours: bool = False

    @property
    def is_podman(self) -> bool:
        return self.kind.startswith("Podman")


def find_engine(environ: Mapping[str, str] | None = None, sockets: Sequence[Path] | None = None) -> FoundEngine:
    """Returns the first engine that answers: only DOCKER_HOST's if that is set, one of `sockets` (by default the usual ones), or a
    Podman service started now. Raises Unavailable, with a hint what to install."""
    environ = os.environ if environ is None else environ
    named = environ.get("DOCKER_HOST", "")
    if named:
        return _named_engine(named)
    refused = ""
    for path in _sockets(environ) if sockets is None else sockets:
        if path.is_socket():
            try:
                return _found(path, str(path))
            except EngineFailed as error:
                refused = f" {error}."
    podman = shutil.which("podman", path=environ.get("PATH"))
    if podman is None:
        raise Unavailable(f"No container engine was found.{refused} {HOW}")
    if none_mounted():
        raise Unavailable(_NO_GROUPS)
    return replace(
        _found(_start_service(podman, environ), f"the service of {podman}, started by Sagewright"), ours=True
    )


def _named_engine(address: str) -> FoundEngine:
    if not address.startswith("unix://"):
        raise Unavailable(f"DOCKER_HOST={address} is not a socket of this machine, where a job's files are. {HOW}")
    try:
        return _found(Path(address.removeprefix("unix://")), f"DOCKER_HOST={address}")
    except EngineFailed as error:
        raise Unavailable(f"DOCKER_HOST names an engine that does not answer: {error}. {HOW}") from error


def _sockets(environ: Mapping[str, str]) -> list[Path]:
    runtime = environ.get("XDG_RUNTIME_DIR")
    own = [Path(runtime) / "podman" / "podman.sock", Path(runtime) / "docker.sock"] if runtime else []
    return [Path("/var/run/docker.sock"), Path("/run/podman/podman.sock"), *own]


def _found(path: Path, how: str) -> FoundEngine:
    """Returns the engine at a socket. Raises EngineFailed."""
    engine = ContainerEngine(path)
    return FoundEngine(engine, engine.ping(), how)


def _start_service(podman: str, environ: Mapping[str, str]) -> Path:
    """Returns the socket of a service that ends by itself when unused. Starters in any process take turns."""
    directory = _own_directory(environ)
    path = directory / "containers.sock"
    with (directory / "podman.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if _answers(path):
            return path
        path.unlink(missing_ok=True)
        with (directory / "podman.log").open("wb") as log:
            settings = directory / "containers.conf"
            settings.write_text(_SETTINGS)
            service = [podman, *_runtime_options(), "system", "service", f"--time={_IDLE_S}", f"unix://{path}"]
            _spawn_orphan(service, log.fileno(), {"CONTAINERS_CONF_OVERRIDE": str(settings)})
        deadline = time.monotonic() + _START_S
        while not _answers(path):
            if time.monotonic() > deadline:
                said = (directory / "podman.log").read_text(errors="replace").strip()[-500:]
                raise Unavailable(f"Podman's service does not start: {said or 'no answer'}. {HOW}")
            time.sleep(0.02)
    return path


def _own_directory(environ: Mapping[str, str]) -> Path:
    """Returns a directory that no other user can have made in our place."""
    runtime = environ.get("XDG_RUNTIME_DIR")
    place = Path(runtime) if runtime and os.access(runtime, os.W_OK) else Path(tempfile.gettempdir())
    directory = place / f"sagewright-{os.geteuid()}"
    directory.mkdir(mode=0o700, exist_ok=True)
    status = directory.lstat()
    if status.st_uid != os.geteuid() or not stat.S_ISDIR(status.st_mode) or status.st_mode & 0o077:
        raise Unavailable(f"{directory} is not a private directory of this user: delete it.")
    return directory


def _runtime_options() -> list[str]:
    """Returns runtime options: Podman's default, crun, refuses machines whose control groups are not (all) of version 2."""
    unified = Path("/sys/fs/cgroup/cgroup.controllers").exists()
    return [] if unified or shutil.which("runc") is None else ["--runtime=runc"]


def _answers(path: Path) -> bool:
    if not path.is_socket():
        return False
    try:
        ContainerEngine(path).ping()
    except EngineFailed:
        return False
    return True


UNLIMITED = "ulimit -S -d unlimited 2>/dev/null"
"""The server's memory limit does not apply to permanent processes that it starts."""


def _spawn_orphan(argv: list[str], output: int, variables: Mapping[str, str]) -> None:
    """Starts a program without a parent in our process tree: ending an agent with all its descendants must not end other jobs'
    containers."""
    starter = ["/bin/sh", "-c", f'{UNLIMITED}; setsid "$@" & exit 0', "sh", *argv]
    environ = {**os.environ, "PODMAN_IGNORE_CGROUPSV1_WARNING": "1", **variables}
    subprocess.run(starter, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environ, cwd="/", check=True)
