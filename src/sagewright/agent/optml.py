"""The job's /opt/ml: the only class that knows its paths and writes its configuration.

Source: AWS's developer guide, "How Amazon SageMaker provides training information".
"""

from __future__ import annotations

import codecs
import errno
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sagewright.agent.errors import ClientError
from sagewright.agent.hostfile import HostFile
from sagewright.jobfiles.directory import JobDirectory

_FAILURE_BYTES = 64 * 1024
_REQUIREMENTS_BYTES = 256 * 1024
_LONGEST_NAME = 255


class OptMl:
    """/opt/ml of one host; `root` is its path outside the sandbox (HOST_DIRECTORY/ml)."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.archive = root / ".sagewright" / "code.tar.gz"

    def make(self, places: Iterable[str]) -> None:
        for place in places:
            (self.root / place).mkdir(parents=True, exist_ok=True)

    def failure(self) -> str | None:
        """Returns the failure message that the process left, or None."""
        try:
            with JobDirectory.at(self.root) as ml:
                text = ml.read("output/failure", _FAILURE_BYTES)
        except OSError:
            return None
        return text.decode(errors="replace").replace("\0", "") or None

    def note(self, place: str, most: int) -> str | None:
        """Returns the beginning, at most `most` bytes, of the message that the process left at its end, if any.

        Raises UnicodeDecodeError.
        """
        try:
            with JobDirectory.at(self.root) as ml:
                found = ml.read(place, most)
        except OSError:
            return None
        whole = len(found) < most  # otherwise its last character may have been cut
        return codecs.getincrementaldecoder("utf-8")().decode(found, final=whole).replace("\0", "") or None

    def asked_requirements(self) -> str | None:
        """Returns the requirements that the toolkit asked the agent to install, None if it did not, "" if the text is too long for
        a list of packages."""
        try:
            with JobDirectory.at(self.root) as ml:
                text = ml.read(".sagewright/requirements.txt", _REQUIREMENTS_BYTES + 1)
        except OSError:
            return None
        return text.decode(errors="replace") if len(text) <= _REQUIREMENTS_BYTES else ""

    def directory(self, path: str) -> JobDirectory | None:
        """Returns a directory below /opt/ml as the job has left it, None if there is none.

        Raises OSError if it is not a directory.
        """
        try:
            with JobDirectory.at(self.root) as ml:
                return ml.below(path)
        except FileNotFoundError:
            return None
        except OSError as error:
            if error.errno not in {errno.ELOOP, errno.ENOTDIR}:
                raise
            raise NotADirectoryError(errno.ENOTDIR, f"/opt/ml/{path} is no longer a directory") from error

    def beneath(self, inside: str) -> str:
        """Returns a path that the job names, relative to /opt/ml. Raises ClientError."""
        path = Path(inside)
        if ".." in path.parts or "\0" in inside or not path.is_relative_to("/opt/ml") or path == Path("/opt/ml"):
            raise ClientError(f"The path {inside!r} must be below /opt/ml.")
        if any(len(step.encode(errors="surrogateescape")) > _LONGEST_NAME for step in path.parts):
            raise ClientError(f"A step of the path {inside[:80]!r}… is longer than {_LONGEST_NAME} bytes.")
        return str(path.relative_to("/opt/ml"))

    def write_config(self, host: HostFile, interface: str) -> None:
        """Writes the documents for the job, and the one that differs between hosts; `interface`: the one through which hosts reach
        each other.

        Raises ClientError if a path of the job cannot be a directory.
        """
        brief = host.brief
        for place, content in {**brief.documents, brief.resources: _resources(host, interface)}.items():
            (self.root / place).parent.mkdir(parents=True, exist_ok=True)
            (self.root / place).write_text(json.dumps(content))
        if brief.checkpoints:
            self._make_checkpoints(brief.checkpoints.path)

    def _make_checkpoints(self, local: str) -> None:
        try:
            with JobDirectory.at(self.root) as ml:
                ml.make(self.beneath(local)).close()
        except OSError as error:
            raise ClientError(
                f"CheckpointConfig: the LocalPath {local!r} cannot be a directory: {error.strerror}"
            ) from error


def _resources(host: HostFile, interface: str) -> dict[str, Any]:
    """Returns the resource document. Source: AWS's developer guide, "Distributed training configuration"; processing jobs have the
    same."""
    own = host.group
    return {
        "current_host": host.host,
        "current_instance_type": own.instance_type,
        "current_group_name": own.name,
        "hosts": host.hosts,
        "instance_groups": [
            {"instance_group_name": group.name, "instance_type": group.instance_type, "hosts": group.hosts}
            for group in host.brief.groups
        ],
        "network_interface_name": interface,
    }
