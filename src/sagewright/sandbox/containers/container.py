"""Isolation by a container engine: the job brings its file system as an image.

The agent's child is `sandbox.containers.process`, which starts the container, forwards its output and ends with its exit code.
Containers carry the label `sagewright.directory`, and HOST_DIRECTORY/engine names their engine, so that a server that finds the
agent dead can end them.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
import uuid
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import quote

import sagewright
from sagewright.jobfiles.directory import JobDirectory
from sagewright.jobfiles.unpacking import BadArchive, unpack
from sagewright.model.disk_room import spare
from sagewright.sandbox.base import CAPABILITIES, CannotLaunch, Command, Launch, OwnImage, Support, check_words
from sagewright.sandbox.cgroups import ResourceLimits
from sagewright.sandbox.containers.discovery import FoundEngine, find_engine
from sagewright.sandbox.containers.document import LABEL_DIRECTORY, document, gpus, podman_spec
from sagewright.sandbox.containers.engine import ContainerEngine, EngineFailed
from sagewright.sandbox.containers.images import ImageStore, ImageUnavailable
from sagewright.sandbox.containers.seccomp import profile_file
from sagewright.sandbox.layout import ML_ROOT, OWN
from sagewright.sandbox.ownership import give
from sagewright.sandbox.users import Users, claim_users

NOTE = "engine"
_GIB = 1 << 30
_DAY_S = 86_400
_LOOK_BYTES = 8 << 20
_DOCKER_ROOT = "Docker runs as root here: set userns-remap in its daemon.json, or use rootless Docker, or Podman"


class ContainerSandbox:
    """Docker or Podman. Raises Unavailable if neither is available.

    `command` raises ImageUnavailable, and EngineFailed if the engine refuses.
    """

    name = "container"

    def __init__(self, found: FoundEngine | None = None) -> None:
        self._found = found or find_engine()
        self._engine = self._found.engine
        self._gives_users = (
            self._found.is_podman and os.geteuid() == 0
        )  # otherwise Podman runs as an unprivileged user, and has its ids
        self._users: Users | None = None

    def declare(self) -> dict[str, Support]:
        given = {name: Support(True, f"a container of {self._found.kind}") for name in CAPABILITIES}
        given["writable_environment"] = Support(True, "each container writes to a separate layer")
        not_seen = "the engine does not see an agent's mounts, and not every engine has overlays"
        who = (
            "an unprivileged user of a range of the container's own"
            if self._gives_users
            else "what the engine makes of it"
        )
        not_root = self._found.is_podman or self._separates_users()
        given["unprivileged"] = Support(not_root, who if not_root else _DOCKER_ROOT)
        given["any_user"] = Support(True, "the container's user namespace")
        apart = self._gives_users and self._found.ours
        reason = (
            "a network namespace of the job's"
            if apart
            else "the engine is not one that Sagewright has started, as root"
        )
        given["own_ports"] = Support(apart, reason)
        given["joins_network"] = Support(False, "the engine starts it in a network of the engine's")
        given["stand_in_programs"] = Support(False, "the programs are the image's own")
        given["shared_memory"] = Support(False, "the engine hands no descriptor on to a container")
        given |= {name: Support(False, not_seen) for name in ("shared_views", "private_views", "layers")}
        return given

    def ml_root(self, directory: Path) -> Path:  # noqa: ARG002 - the same for every host
        return ML_ROOT

    def command(self, launch: Launch) -> Command:
        if launch.image is None:
            raise ImageUnavailable("A sandbox of containers needs an image to run.")
        check_words(launch)
        (launch.directory / NOTE).write_text(str(self._engine.path))
        image = ImageStore(self._engine, self._found.is_podman, launch.image.registry, launch.image.hint).ensure(
            launch.image.uri, launch.image.say
        )
        self._unpack_ml(launch, launch.image, image["Id"])
        made = self._create(launch, launch.image, image["Id"])
        program = [
            sys.executable,
            "-S",
            "-m",
            "sagewright.sandbox.containers.process",
            str(self._engine.path),
            made["Id"],
        ]
        program += ["podman"] if self._found.is_podman else []
        package = Path(sagewright.__file__).parent.parent
        environ = {"PYTHONPATH": str(package), "MEMORY_GB": f"{launch.image.memory_gb:g}"}
        if host := launch.environ.get("SAGEWRIGHT_HOST_ID"):
            environ["SAGEWRIGHT_HOST_ID"] = host
        return Command(program, environ, launch.directory)

    def _create(self, launch: Launch, image: OwnImage, image_id: str) -> dict[str, Any]:
        described = document(launch, image, image_id)
        described["HostConfig"] |= self._limits(image)
        name = f"sagewright-{uuid.uuid4().hex[:16]}"
        made: dict[str, Any]
        if not self._found.is_podman:
            made = self._engine.call("POST", f"/containers/create?name={name}", described)
            return made
        if self._gives_users:
            self._users = self._users or claim_users()
            for own in OWN:
                if (launch.directory / own).exists():
                    give(launch.directory / own, self._users.first, self._users.count)
        spec = podman_spec(described, name, profile_file(image.cache / "images"), self._users)
        made = self._engine.call("POST", "/v4.0.0/libpod/containers/create", spec)
        return made

    def close(self, directory: Path) -> None:
        """Removes the container. Its files in HOST_DIRECTORY belong to the engine's user."""
        end_containers(directory)
        if self._users is not None:
            self._users.close()
            self._users = None

    def _limits(self, image: OwnImage) -> dict[str, Any]:
        """Returns only limits that the engine can set here (a rootless Podman without delegated control groups cannot)."""
        about = self._abilities(image.cache / "images")
        limits: dict[str, Any] = {}
        if image.memory_gb and about.get("MemoryLimit"):
            memory = int(image.memory_gb * _GIB)
            limits |= {"Memory": memory, "MemorySwap": memory, "ShmSize": max(1 << 26, memory // 2)}
        if about.get("PidsLimit"):
            limits["PidsLimit"] = ResourceLimits(image.cpus, 0).processes
        if image.cpus and about.get("CpuCfsQuota") and image.cpus < (about.get("NCPU") or 1 << 20):
            limits["NanoCpus"] = image.cpus * 1_000_000_000
        return limits | (gpus(image.gpus, podman=self._found.is_podman) if image.gpus else {})

    def _separates_users(self) -> bool:
        """True if Docker runs without root, or maps root to another user."""
        about = self._engine.call("GET", "/info")
        return any(option.startswith(("name=rootless", "name=userns")) for option in about.get("SecurityOptions") or [])

    def _abilities(self, cache: Path) -> dict[str, Any]:
        """Returns the engine's description of itself, requested once a day: Podman takes 150 ms for it."""
        kept = cache / f"engine-{sha256(f'{self._found.kind}{self._engine.path}'.encode()).hexdigest()[:16]}.json"
        try:
            if time.time() - kept.stat().st_mtime < _DAY_S:
                abilities: dict[str, Any] = json.loads(kept.read_bytes())
                return abilities
        except (OSError, ValueError):
            pass
        about = self._engine.call("GET", "/info")
        abilities = {name: about.get(name) for name in ("MemoryLimit", "CpuCfsQuota", "NCPU", "PidsLimit")}
        _keep(kept, [json.dumps(abilities).encode()])
        return abilities

    def _unpack_ml(self, launch: Launch, image: OwnImage, image_id: str) -> None:
        """Copies the image's files below /opt/ml (its code, for example), which the mount would hide, unless the job has
        something of that name. Looked up once per image. Raises CannotLaunch, EngineFailed, OSError."""
        kept = image.cache / "images" / f"{image_id.removeprefix('sha256:')}.tar"
        if not kept.exists():
            self._keep_baked(image_id, kept)
        if not kept.stat().st_size:
            return
        try:
            with JobDirectory.at(launch.directory / "ml") as ml:
                unpack(kept, ml, _Room(launch.directory).spend, below=1, replace=False)
        except BadArchive as error:
            raise CannotLaunch(f"Cannot copy the image's files below {ML_ROOT} to the job: {error}") from error

    def _keep_baked(self, image_id: str, kept: Path) -> None:
        made = self._engine.call("POST", "/containers/create", {"Image": image_id, "Cmd": ["-"]})["Id"]
        try:
            _keep(kept, self._engine.stream("GET", f"/containers/{made}/archive?path={ML_ROOT}"))
        except EngineFailed as error:
            if error.status != 404:
                raise
            _keep(kept, [])
        finally:
            _remove(self._engine, made)


class _Room:
    """The disk of a directory, checked periodically while it is filled."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._left = 0

    def spend(self, size: int) -> None:
        """Admits a write of `size` bytes. Raises CannotLaunch."""
        self._left -= size
        if self._left < 0:
            if (room := spare(self._directory)) < size:
                raise CannotLaunch(f"Insufficient disk space for the image's files below {ML_ROOT}.")
            self._left = min(room - size, _LOOK_BYTES)


def _keep(path: Path, parts: Iterable[bytes]) -> None:
    """Writes a file atomically; other processes may write the same one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    room = _Room(path.parent)
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".new-", delete=False) as file:
        try:
            for part in parts:
                room.spend(len(part))
                file.write(part)
        except BaseException:
            Path(file.name).unlink()
            raise
    Path(file.name).rename(path)


def end_containers(directory: Path) -> None:
    """Ends and removes all containers that were started for the host of HOST_DIRECTORY. Does nothing if there are none.

    Raises EngineFailed if the engine fails, Unavailable if there is no longer one.
    """
    note = directory / NOTE
    if not note.exists():
        return
    try:
        _end_containers(ContainerEngine(Path(note.read_text())), directory)
    except EngineFailed as error:
        if error.status:
            raise
        _end_containers(find_engine().engine, directory)  # a service that has ended; the next one knows its containers


def bytes_written(directory: Path) -> int:
    """Returns the bytes that the host's containers have written outside its mounts to the disk of HOST_DIRECTORY; 0 if the engine
    does not report it, or has its storage elsewhere."""
    note = directory / NOTE
    if not note.exists():
        return 0
    filters = json.dumps({"label": [f"{LABEL_DIRECTORY}={directory}"]})
    try:
        engine = ContainerEngine(Path(note.read_text()))
        storage = Path(engine.call("GET", "/info")["DockerRootDir"])
        if storage.stat().st_dev != directory.stat().st_dev:
            return 0
        found = engine.call("GET", f"/containers/json?all=1&size=1&filters={quote(filters)}")
    except (EngineFailed, OSError, KeyError):
        return 0
    return sum(int(container.get("SizeRw") or 0) for container in found or [])


def _end_containers(engine: ContainerEngine, directory: Path) -> None:
    filters = json.dumps({"label": [f"{LABEL_DIRECTORY}={directory}"]})
    for container in engine.call("GET", f"/containers/json?all=1&filters={quote(filters)}") or []:
        _remove(engine, container["Id"])


def _remove(engine: ContainerEngine, container: str) -> None:
    try:
        engine.call("DELETE", f"/containers/{container}?force=1&v=1")
    except EngineFailed as error:
        if error.status not in {404, 409}:  # removed, or just being removed
            raise
