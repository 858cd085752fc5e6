"""The job's /opt/ml: the one class that knows its paths and writes its configuration.

Source: AWS's developer guide, "How Amazon SageMaker provides training information".
"""

from __future__ import annotations

import errno
import json
from pathlib import Path
from typing import Any

from sagewright.agent.errors import ClientError
from sagewright.agent.hostfile import HostFile
from sagewright.jobfiles.directory import JobDirectory

_DEFAULT_GROUP = "homogeneousCluster"
_FAILURE_BYTES = 64 * 1024
_REQUIREMENTS_BYTES = 256 * 1024
_LONGEST_NAME = 255


class OptMl:
    """/opt/ml of one host; `root` is where it lies outside of the sandbox (HOST_DIRECTORY/ml)."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.config = root / "input" / "config"
        self.data = root / "input" / "data"
        self.code = root / "code"
        self.archive = root / ".sagewright" / "code.tar.gz"
        self.model = root / "model"
        self.output = root / "output"
        self.output_data = root / "output" / "data"

    def make(self) -> None:
        for directory in (self.config, self.data, self.code, self.model, self.output_data):
            directory.mkdir(parents=True, exist_ok=True)

    def channel(self, name: str) -> Path:
        return self.data / name

    def failure(self) -> str | None:
        """The text that the process left about its failure, None if there is none."""
        try:
            with JobDirectory.at(self.root) as ml:
                text = ml.read("output/failure", _FAILURE_BYTES)
        except OSError:
            return None
        return text.decode(errors="replace").replace("\0", "") or None

    def asked_requirements(self) -> str | None:
        """What the toolkit has asked the agent to install, None if it has not, "" if it is too long for a list of packages."""
        try:
            with JobDirectory.at(self.root) as ml:
                text = ml.read(".sagewright/requirements.txt", _REQUIREMENTS_BYTES + 1)
        except OSError:
            return None
        return text.decode(errors="replace") if len(text) <= _REQUIREMENTS_BYTES else ""

    def directory(self, path: str) -> JobDirectory | None:
        """A directory below /opt/ml as the job has left it, None if there is none.

        Raises OSError if there is something else.
        """
        try:
            with JobDirectory.at(self.root) as ml:
                return ml.below(path)
        except FileNotFoundError:
            return None
        except OSError as error:
            if error.errno not in {errno.ELOOP, errno.ENOTDIR}:
                raise
            raise NotADirectoryError(errno.ENOTDIR, f"/opt/ml/{path} is no directory any more") from error

    def beneath(self, inside: str) -> str:
        """A path below /opt/ml that the job names, relative to it. Raises ClientError."""
        path = Path(inside)
        if ".." in path.parts or "\0" in inside or not path.is_relative_to("/opt/ml") or path == Path("/opt/ml"):
            raise ClientError(f"The path {inside!r} must be below /opt/ml.")
        if any(len(step.encode(errors="surrogateescape")) > _LONGEST_NAME for step in path.parts):
            raise ClientError(f"A step of the path {inside[:80]!r}… is longer than {_LONGEST_NAME} bytes.")
        return str(path.relative_to("/opt/ml"))

    def write_config(self, host: HostFile, interface: str) -> None:
        """What SageMaker puts into input/config; `interface`: the one by which hosts reach each other."""
        request = host.request
        self._write("hyperparameters.json", host.hyperparameters)
        self._write("inputdataconfig.json", _input_data(request))
        self._write("resourceconfig.json", _resources(host, interface))
        checkpoints = request.get("CheckpointConfig")
        if checkpoints:
            local = checkpoints.get("LocalPath", "/opt/ml/checkpoints/")
            self._write("checkpointconfig.json", {"S3Uri": checkpoints["S3Uri"], "LocalPath": local})
            try:
                with JobDirectory.at(self.root) as ml:
                    ml.make(self.beneath(local)).close()
            except OSError as error:
                raise ClientError(
                    f"CheckpointConfig: the LocalPath {local!r} cannot be a directory: {error.strerror}"
                ) from error

    def _write(self, name: str, content: dict[str, Any]) -> None:
        (self.config / name).write_text(json.dumps(content))


def input_mode(channel: dict[str, Any], request: dict[str, Any]) -> str:
    """File, FastFile or Pipe: the channel's own, else the job's."""
    own = channel.get("InputMode") or request["AlgorithmSpecification"].get("TrainingInputMode")
    return str(own or "File")


def _input_data(request: dict[str, Any]) -> dict[str, Any]:
    channels: dict[str, Any] = {}
    for channel in request.get("InputDataConfig") or []:
        source = channel["DataSource"].get("S3DataSource") or {}
        content = {"ContentType": channel["ContentType"]} if channel.get("ContentType") else {}
        channels[channel["ChannelName"]] = {
            **content,
            "TrainingInputMode": input_mode(channel, request),
            "S3DistributionType": source.get("S3DataDistributionType") or "FullyReplicated",
            "RecordWrapperType": channel.get("RecordWrapperType") or "None",
        }
    return channels


def _resources(host: HostFile, interface: str) -> dict[str, Any]:
    groups = instance_groups(host)
    own = next(group for group in groups if host.host in group["hosts"])
    return {
        "current_host": host.host,
        "current_instance_type": own["instance_type"],
        "current_group_name": own["instance_group_name"],
        "hosts": host.hosts,
        "instance_groups": groups,
        "network_interface_name": interface,
    }


def instance_groups(host: HostFile) -> list[dict[str, Any]]:
    """The groups of the job with their hosts; a job without groups is one group."""
    config = host.request["ResourceConfig"]
    given = config.get("InstanceGroups")
    if not given:
        return [
            {
                "instance_group_name": _DEFAULT_GROUP,
                "instance_type": config.get("InstanceType", "ml.m5.large"),
                "hosts": host.hosts,
            }
        ]
    groups, start = [], 0
    for group in given:
        hosts = host.hosts[start : start + group["InstanceCount"]]
        start += group["InstanceCount"]
        names = {"instance_group_name": group["InstanceGroupName"], "instance_type": group["InstanceType"]}
        groups.append({**names, "hosts": hosts})
    return groups
