"""FileSystemDataSource: EFS and FSx file systems, for which folders of this machine stand by a setting of the server."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path

from sagewright.agent.errors import ClientError
from sagewright.agent.hostfile import HostFile
from sagewright.agent.optml import OptMl
from sagewright.sandbox.base import Sandbox, View


def folder_views(host: HostFile, ml: OptMl, sandbox: Sandbox, log: Callable[[str], None]) -> list[View]:
    """What the sandbox has to show. Makes the places; says in the log where `ro` cannot be held. Raises ClientError."""
    views = []
    for channel in host.request.get("InputDataConfig") or []:
        source = channel["DataSource"].get("FileSystemDataSource")
        if source is None:
            continue
        name = channel["ChannelName"]
        folder = _folder(source, host, name)
        writable = source["FileSystemAccessMode"] == "rw"
        if not writable and not sandbox.declare()["shared_views"].given:
            log(f"Channel {name}: the sandbox {sandbox.name} cannot keep the job from writing to {folder}.")
            writable = True
        if writable and sandbox.name == "container" and not folder.stat().st_mode & stat.S_IWOTH:
            log(
                f"Channel {name}: {folder} does not let others write, and the users of a container are none of this machine's."
            )
        ml.channel(name).mkdir(parents=True, exist_ok=True)
        views.append(View(folder, f"input/data/{name}", "write" if writable else "read"))
    return views


def _folder(source: dict[str, str], host: HostFile, channel: str) -> Path:
    root = host.file_systems.get(source["FileSystemId"])
    if root is None:
        raise ClientError(
            f"Channel {channel}: no folder stands for the file system {source['FileSystemId']}; name one in the server's "
            "setting file_systems (SAGEWRIGHT_FILE_SYSTEMS)."
        )
    folder = (Path(root) / source["DirectoryPath"].lstrip("/")).resolve()
    if not folder.is_relative_to(Path(root).resolve()):
        raise ClientError(
            f"Channel {channel}: the DirectoryPath {source['DirectoryPath']} leads out of the file system."
        )
    if not folder.is_dir():
        raise ClientError(
            f"Channel {channel}: the file system {source['FileSystemId']} has no directory {source['DirectoryPath']}."
        )
    return folder
