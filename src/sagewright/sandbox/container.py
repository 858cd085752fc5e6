"""Isolation by a container engine: the job brings its file system as an image.

The agent's child is `container_process`, which starts the container, hands its output on and ends with its exit code.
Containers carry the label `sagewright.directory`, and HOST_DIRECTORY/engine names their engine: whoever finds the agent
dead can end them.
"""

from __future__ import annotations

import json
import os
import sys
import tarfile
import tempfile
import time
import uuid
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sagewright.sandbox.base import CAPABILITIES, Command, Launch, OwnImage, Support
from sagewright.sandbox.container_engine import Found, find_engine
from sagewright.sandbox.container_images import Images, ImageUnavailable
from sagewright.sandbox.engine import Engine, EngineFailed
from sagewright.sandbox.overlay import Places, make_private_environment

ML_ROOT = Path("/opt/ml")
LIBRARY = Path("/opt/sagewright")
SHARED_ENVIRONMENT = Path("/opt/environment")
LABEL_DIRECTORY = "sagewright.directory"
LABEL_HOST = "sagewright.host"
NOTE = "engine"
_GIB = 1 << 30
_DAY_S = 86_400


class ContainerSandbox:
    """Docker or Podman. Raises Unavailable if neither can be had.

    `command` raises ImageUnavailable, and EngineFailed where the engine refuses.
    """

    name = "container"

    def __init__(self, found: Found | None = None) -> None:
        self._found = found or find_engine()
        self._engine = self._found.engine

    def declare(self) -> dict[str, Support]:
        given = {name: Support(True, f"a container of {self._found.kind}") for name in CAPABILITIES}
        given["writable_environment"] = Support(True, "each container writes to a layer of its own")
        not_seen = "the engine does not see what an agent mounts for itself, and not every engine has overlays"
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
        (launch.directory / NOTE).write_text(str(self._engine.path))
        image = Images(self._engine, self._found.is_podman, launch.image.registry).ensure(
            launch.image.uri, launch.image.say
        )
        self._unpack_ml(launch, launch.image, image["Id"])
        document = _document(launch, launch.image, image["Id"])
        document["HostConfig"] |= self._limits(launch.image)
        name = f"sagewright-{uuid.uuid4().hex[:16]}"
        made = self._engine.call("POST", f"/containers/create?name={name}", document)
        program = [
            sys.executable,
            "-S",
            "-m",
            "sagewright.sandbox.container_process",
            str(self._engine.path),
            made["Id"],
        ]
        program += ["podman"] if self._found.is_podman else []
        package = Path(__file__).parent.parent.parent
        environ = {"PYTHONPATH": str(package), "MEMORY_GB": f"{launch.image.memory_gb:g}"}
        if host := launch.environ.get("SAGEWRIGHT_HOST_ID"):
            environ["SAGEWRIGHT_HOST_ID"] = host
        return Command(program, environ, launch.directory)

    def close(self, directory: Path) -> None:
        """Remove the container. What it left in HOST_DIRECTORY belongs to whom the engine runs as."""
        end_containers(directory)

    def _limits(self, image: OwnImage) -> dict[str, Any]:
        """Only those that the engine can set here (a rootless Podman without delegated control groups can't)."""
        about = self._abilities(image.cache / "images")
        limits: dict[str, Any] = {}
        if image.memory_gb and about.get("MemoryLimit"):
            memory = int(image.memory_gb * _GIB)
            limits |= {"Memory": memory, "MemorySwap": memory, "ShmSize": max(1 << 26, memory // 2)}
        if image.cpus and about.get("CpuCfsQuota") and image.cpus < (about.get("NCPU") or 1 << 20):
            limits["NanoCpus"] = image.cpus * 1_000_000_000
        return limits | (_gpus(image.gpus, podman=self._found.is_podman) if image.gpus else {})

    def _abilities(self, cache: Path) -> dict[str, Any]:
        """What the engine says of itself, asked once a day: Podman takes 150 ms for it."""
        kept = cache / f"engine-{sha256(f'{self._found.kind}{self._engine.path}'.encode()).hexdigest()[:16]}.json"
        try:
            if time.time() - kept.stat().st_mtime < _DAY_S:
                abilities: dict[str, Any] = json.loads(kept.read_bytes())
                return abilities
        except (OSError, ValueError):
            pass
        about = self._engine.call("GET", "/info")
        abilities = {name: about.get(name) for name in ("MemoryLimit", "CpuCfsQuota", "NCPU")}
        _keep(kept, [json.dumps(abilities).encode()])
        return abilities

    def _unpack_ml(self, launch: Launch, image: OwnImage, image_id: str) -> None:
        """What the image itself has below /opt/ml (its code, say), which the mount would hide. Looked up once an image."""
        kept = image.cache / "images" / f"{image_id.removeprefix('sha256:')}.tar"
        if not kept.exists():
            _keep(kept, self._baked(image_id))
        if kept.stat().st_size:
            unpack(kept, launch.directory / "ml")

    def _baked(self, image_id: str) -> list[bytes]:
        made = self._engine.call("POST", "/containers/create", {"Image": image_id, "Cmd": ["-"]})["Id"]
        try:
            return list(self._engine.stream("GET", f"/containers/{made}/archive?path={ML_ROOT}"))
        except EngineFailed as error:
            if error.status == 404:
                return []
            raise
        finally:
            _remove(self._engine, made)


def _keep(path: Path, parts: Iterable[bytes]) -> None:
    """Write a file whole or not at all; others may write the same one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".new-", delete=False) as file:
        for part in parts:
            file.write(part)
    Path(file.name).rename(path)


def unpack(archive_path: Path, root: Path) -> None:
    """What is not there yet, without the first part of each path. Nothing can get out of `root`: tarfile sees to it."""
    with tarfile.open(archive_path) as archive:
        for member in archive:
            inner = Path(*Path(member.name).parts[1:])
            if inner.parts and not os.path.lexists(root / inner):
                target = str(Path(*Path(member.linkname).parts[1:])) if member.islnk() else member.linkname
                archive.extract(member.replace(name=str(inner), linkname=target), root, filter="tar")


def end_containers(directory: Path) -> None:
    """End and remove whatever containers were started for the host of HOST_DIRECTORY. Does nothing if there are none.

    Raises EngineFailed if the engine does not do it, Unavailable if there is none any more.
    """
    note = directory / NOTE
    if not note.exists():
        return
    try:
        _end_containers(Engine(Path(note.read_text())), directory)
    except EngineFailed as error:
        if error.status:
            raise
        _end_containers(find_engine().engine, directory)  # a service that has ended; the next one knows its containers


def _end_containers(engine: Engine, directory: Path) -> None:
    filters = json.dumps({"label": [f"{LABEL_DIRECTORY}={directory}"]})
    for container in engine.call("GET", f"/containers/json?all=1&filters={quote(filters)}") or []:
        _remove(engine, container["Id"])


def _remove(engine: Engine, container: str) -> None:
    try:
        engine.call("DELETE", f"/containers/{container}?force=1&v=1")
    except EngineFailed as error:
        if error.status not in {404, 409}:  # gone, or just being removed
            raise


def _document(launch: Launch, image: OwnImage, image_id: str) -> dict[str, Any]:
    """The container, as the Docker API takes it, but for its limits."""
    document: dict[str, Any] = {
        "Image": image_id,
        "Hostname": launch.host,
        "Cmd": launch.argv,
        "Env": [f"{name}={value}" for name, value in {**launch.environ, **_paths(launch)}.items()],
        "Labels": {LABEL_DIRECTORY: str(launch.directory), LABEL_HOST: launch.environ.get("SAGEWRIGHT_HOST_ID", "")},
        "HostConfig": {
            "NetworkMode": "host" if launch.network else "none",
            "ExtraHosts": [f"{name}:{address}" for name, address in launch.addresses.items()],
            "Binds": _binds(launch),
            "LogConfig": {"Type": "none"},  # the agent keeps them
            "SecurityOpt": ["label=disable"],  # SELinux would keep the container from the job's directory
        },
    }
    if image.entrypoint:
        document["Entrypoint"] = image.entrypoint
    return document


def _paths(launch: Launch) -> dict[str, str]:
    """Only where the job has an environment of ours; an image keeps its own."""
    if launch.environment == Path():
        return {}
    return {
        "HOME": "/tmp",  # noqa: S108 - the container's own
        "VIRTUAL_ENV": str(launch.environment),
        "PATH": f"{launch.environment / 'bin'}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "PYTHONPATH": ":".join(filter(None, [str(LIBRARY), launch.environ.get("PYTHONPATH", "")])),
    }


def _binds(launch: Launch) -> list[str]:
    own = {"ml": str(ML_ROOT), "tmp": "/tmp"}  # noqa: S108 - the container's own
    for name in own:
        (launch.directory / name).mkdir(exist_ok=True)
    binds = [f"{launch.directory / name}:{place}" for name, place in own.items()]
    for view in launch.views:
        if view.access != "write":
            raise ValueError(f"the sandbox container gives no view with the access {view.access}")
        binds.append(f"{view.source}:{ML_ROOT / view.place}")
    binds += [f"{path}:{path}:ro" for path in launch.readable if path.exists()]
    if launch.environment == Path():
        return binds
    private = launch.directory / "environment"
    make_private_environment(Places(launch.environment, private, SHARED_ENVIRONMENT, launch.environment))
    return [
        *binds,
        f"{launch.library}:{LIBRARY}:ro",
        f"{launch.environment}:{SHARED_ENVIRONMENT}:ro",
        f"{private}:{launch.environment}",
    ]


def _gpus(indexes: list[int], *, podman: bool) -> dict[str, Any]:
    """Docker asks its NVIDIA runtime; Podman takes what the container toolkit has written down (CDI)."""
    if podman:
        return {"Devices": [{"PathOnHost": f"nvidia.com/gpu={index}"} for index in indexes]}
    asked = {"Driver": "nvidia", "DeviceIDs": [str(index) for index in indexes], "Capabilities": [["gpu"]]}
    return {"DeviceRequests": [asked]}
