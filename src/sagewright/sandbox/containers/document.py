"""Container specifications: for the Docker API, and for Podman's own API, which supports users.

Sources: the Docker Engine API, ContainerCreate; Podman's API, libpod ContainerCreate (SpecGenerator).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sagewright.sandbox.abilities import KEPT
from sagewright.sandbox.base import CannotLaunch, Launch, OwnImage
from sagewright.sandbox.layout import LIBRARY, ML_ROOT, SHARED_ENVIRONMENT
from sagewright.sandbox.overlay import Places, make_private_environment
from sagewright.sandbox.users import Users

LABEL_DIRECTORY = "sagewright.directory"
LABEL_HOST = "sagewright.host"
_PERIOD_US = 100_000


def document(launch: Launch, image: OwnImage, image_id: str) -> dict[str, Any]:
    """Returns the container for the Docker API, without its limits."""
    described: dict[str, Any] = {
        "Image": image_id,
        "Hostname": launch.host,
        "Cmd": launch.argv,
        "Env": [f"{name}={value}" for name, value in {**launch.environ, **_paths(launch)}.items()],
        "Labels": {LABEL_DIRECTORY: str(launch.directory), LABEL_HOST: launch.environ.get("SAGEWRIGHT_HOST_ID", "")},
        "HostConfig": {
            "NetworkMode": f"ns:{launch.network_namespace}" if launch.network_namespace else _mode(launch),
            "ExtraHosts": [f"{name}:{address}" for name, address in launch.addresses.items()],
            "Binds": _binds(launch),
            "LogConfig": {"Type": "none"},  # the agent keeps them
            "SecurityOpt": [
                "label=disable",  # SELinux would deny the container the job's directory
                "no-new-privileges",
            ],
            "CapDrop": ["ALL"],
            "CapAdd": list(KEPT),
        },
    }
    if image.entrypoint:
        described["Entrypoint"] = image.entrypoint
    return described


def _mode(launch: Launch) -> str:
    return "host" if launch.network else "none"


def _paths(launch: Launch) -> dict[str, str]:
    """Returns the paths only if the job has an environment of ours; an image keeps its own."""
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
        if view.beneath:  # an engine accepts only a path, and follows its links at mount time
            raise CannotLaunch(
                f"/opt/ml/{view.place}: a container can get only the whole folder of a file system (DirectoryPath /), not a "
                f"directory in it. Name the directory as a separate file system in the server's setting file_systems."
            )
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


def gpus(indexes: list[int], *, podman: bool) -> dict[str, Any]:
    """Returns the GPU options: Docker asks its NVIDIA runtime; Podman uses the container toolkit's CDI specification."""
    if podman:
        return {"Devices": [{"PathOnHost": f"nvidia.com/gpu={index}"} for index in indexes]}
    requested = {"Driver": "nvidia", "DeviceIDs": [str(index) for index in indexes], "Capabilities": [["gpu"]]}
    return {"DeviceRequests": [requested]}


def podman_spec(described: dict[str, Any], name: str, profile: Path, users: Users | None) -> dict[str, Any]:
    """Returns the container for Podman's own API. `profile`: its filter of system calls; `users`: the container's own, None if
    Podman runs as an unprivileged user and supplies some."""
    host = described["HostConfig"]
    spec: dict[str, Any] = {
        "name": name,
        "image": described["Image"],
        "hostname": described["Hostname"],
        "command": described["Cmd"],
        "env": dict(line.split("=", 1) for line in described["Env"]),
        "labels": described["Labels"],
        "netns": _podman_network(host["NetworkMode"]),
        "hostadd": host["ExtraHosts"],
        "mounts": [_mount(bind) for bind in host["Binds"]],
        "log_configuration": {"driver": "none"},
        "selinux_opts": ["disable"],
        "no_new_privileges": True,
        "cap_drop": ["ALL"],
        "cap_add": [f"CAP_{capability}" for capability in host["CapAdd"]],
        "seccomp_profile_path": str(profile),
        "resource_limits": _resource_limits(host),
        "devices": [{"path": device["PathOnHost"]} for device in host.get("Devices", [])],
    }
    if users is not None:
        ids = [{"container_id": 0, "host_id": users.first, "size": users.count}]
        spec |= {"userns": {"nsmode": "private"}, "idmappings": {"UIDMap": ids, "GIDMap": ids}}
    if "ShmSize" in host:
        spec["shm_size"] = host["ShmSize"]
    if "Entrypoint" in described:
        spec["entrypoint"] = described["Entrypoint"]
    return spec


def _podman_network(mode: str) -> dict[str, str]:
    return {"nsmode": "path", "value": mode[3:]} if mode.startswith("ns:") else {"nsmode": mode}


def _mount(bind: str) -> dict[str, Any]:
    source, target, *options = bind.rsplit(":", 2) if bind.endswith(":ro") else bind.rsplit(":", 1)
    return {"type": "bind", "source": source, "destination": target, "options": ["rbind", *(options or ["rw"])]}


def _resource_limits(host: dict[str, Any]) -> dict[str, Any]:
    limits: dict[str, Any] = {}
    if "Memory" in host:
        limits["memory"] = {"limit": host["Memory"], "swap": host["MemorySwap"]}
    if "NanoCpus" in host:
        limits["cpu"] = {"quota": host["NanoCpus"] * _PERIOD_US // 1_000_000_000, "period": _PERIOD_US}
    if "PidsLimit" in host:
        limits["pids"] = {"limit": host["PidsLimit"]}
    return limits
