"""FileSystemDataSource: EFS and FSx file systems, represented by folders of this machine according to a setting of the server."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

from sagewright.agent.errors import ClientError
from sagewright.agent.hostfile import HostFile
from sagewright.agent.optml import OptMl
from sagewright.jobfiles.directory import JobDirectory
from sagewright.model.jobs.brief import Folder
from sagewright.sandbox.base import Sandbox, View

HOME = "home"
"""Path of a folder whose request has an absolute path, if the sandbox has no separate file system."""


def folder_views(host: HostFile, ml: OptMl, sandbox: Sandbox, log: Callable[[str], None]) -> list[View]:
    """Returns the views for the sandbox. Makes mount points; logs where `ro` cannot be enforced. Raises ClientError."""
    views = []
    for one in host.brief.inputs:
        if one.folder is None:
            continue
        source, title = one.folder, one.title
        root, beneath = _root(source, host, title), source.path.strip("/")
        folder, mode = root / beneath, _mode(root, beneath, source, title)
        writable = source.writable
        given = sandbox.declare()
        if not writable and not given["shared_views"].given:
            log(f"{title}: the sandbox {sandbox.name} cannot keep the job from writing to {folder}.")
            writable = True
        strangers = given["unprivileged"].given and not given["shared_views"].given
        if writable and strangers and not mode & stat.S_IWOTH:
            log(f"{title}: {folder} does not let others write, and the job's users do not exist on this machine.")
        place = one.place
        if place.startswith("/") and not given["own_ml_root"].given:
            place = HOME  # the directory is the machine's there
        if not place.startswith("/"):
            (ml.root / place).mkdir(parents=True, exist_ok=True)
        views.append(View(root, place, "write" if writable else "read", beneath))
    return views


def _root(source: Folder, host: HostFile, title: str) -> Path:
    root = host.file_systems.get(source.file_system)
    if root is None:
        raise ClientError(
            f"{title}: no folder represents the file system {source.file_system}; name one in the server's "
            "setting file_systems (SAGEWRIGHT_FILE_SYSTEMS)."
        )
    return Path(root).resolve()


def _mode(root: Path, beneath: str, source: Folder, title: str) -> int:
    """Returns the mode of the directory, which a job may have created: no link is followed, now or during the mount."""
    try:
        with JobDirectory.at(root) as top:
            if not beneath:
                return os.fstat(top.descriptor).st_mode
            with top.below(beneath) as directory:
                return os.fstat(directory.descriptor).st_mode
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ClientError(f"{title}: the file system {source.file_system} has no directory {source.path}.") from error
    except OSError as error:
        raise ClientError(
            f"{title}: the DirectoryPath {source.path} cannot be used: {error.strerror}. It must lead through no link and to "
            "no other file system."
        ) from error
