"""Channels in File mode: from S3 into input/data/<channel>."""

from __future__ import annotations

import errno
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sagewright.agent.errors import ClientError
from sagewright.agent.hostfile import HostFile
from sagewright.agent.optml import OptMl, input_mode, instance_groups
from sagewright.agent.s3 import CONNECTIONS, JobS3, S3Failed, parse_uri


@dataclass(frozen=True)
class _Item:
    bucket: str
    key: str
    target: Path


def check_channels(host: HostFile) -> None:
    """Raises ClientError if a channel is of a kind that cannot be given."""
    for channel in host.request.get("InputDataConfig") or []:
        name, source = channel["ChannelName"], channel["DataSource"]
        if "S3DataSource" not in source:
            raise ClientError(f"Channel {name}: only S3 data sources are supported, not file systems.")
        kind = source["S3DataSource"]["S3DataType"]
        if kind not in {"S3Prefix", "ManifestFile"}:
            raise ClientError(f"Channel {name}: the S3DataType {kind} is not supported yet.")
        if input_mode(channel, host.request) == "Pipe":
            raise ClientError(f"Channel {name}: Pipe mode is not supported yet; use File or FastFile mode.")


def download_channels(host: HostFile, ml: OptMl, s3: JobS3) -> None:
    """Fill the directory of every channel of this host, files of all channels in parallel.

    FastFile mode is given as File mode. Raises ClientError.
    """
    channels = host.request.get("InputDataConfig") or []
    if not channels:
        return
    try:
        items = [item for channel in channels for item in _plan(channel, host, ml, s3)]
        for directory in {item.target.parent for item in items}:
            directory.mkdir(parents=True, exist_ok=True)
        with ThreadPoolExecutor(min(CONNECTIONS, max(1, len(items)))) as pool:
            for done in [pool.submit(s3.download, item.bucket, item.key, item.target) for item in items]:
                done.result()
    except (S3Failed, OSError) as error:
        raise ClientError(f"Data download failed:{_cause(error)}") from error


def _cause(error: Exception) -> str:
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return "Insufficient disk space"
    return str(error)


def _plan(channel: dict[str, Any], host: HostFile, ml: OptMl, s3: JobS3) -> Iterator[_Item]:
    """What this host downloads for one channel."""
    name = channel["ChannelName"]
    directory = ml.channel(name)
    source = channel["DataSource"]["S3DataSource"]
    takers = _takers(source, host)
    if host.host not in takers:
        return
    directory.mkdir(parents=True, exist_ok=True)
    found = sorted(_objects(source, s3))
    if not found:
        raise ClientError(
            f'No S3 objects found under S3 URL "{source["S3Uri"]}" given in input data source. '
            "Please ensure that the bucket exists in the selected region, that objects exist under that S3 prefix, "
            "and that the role has s3:ListBucket permission on the bucket."
        )
    if source.get("S3DataDistributionType") == "ShardedByS3Key":
        found = found[takers.index(host.host) :: len(takers)]
    for bucket, key, relative in found:
        yield _Item(bucket, key, directory / _safe(relative, f"s3://{bucket}/{key}"))


def _takers(source: dict[str, Any], host: HostFile) -> list[str]:
    names = source.get("InstanceGroupNames")
    if not names:
        return host.hosts
    return [
        taker for group in instance_groups(host) if group["instance_group_name"] in names for taker in group["hosts"]
    ]


def _objects(source: dict[str, Any], s3: JobS3) -> Iterator[tuple[str, str, str]]:
    """(bucket, key, path in the channel) of every object."""
    bucket, prefix = parse_uri(source["S3Uri"])
    if source["S3DataType"] == "ManifestFile":
        yield from _manifest(s3.read(bucket, prefix), source["S3Uri"])
        return
    for found in s3.list(bucket, prefix):
        if not found.key.endswith("/"):
            yield bucket, found.key, relative_key(found.key, prefix)


def relative_key(key: str, prefix: str) -> str:
    """The path of a key in its channel: below the folder `prefix` if it names one, else below its last "/"."""
    if key.startswith(prefix.rstrip("/") + "/"):
        return key[len(prefix.rstrip("/")) + 1 :]
    return key[prefix.rfind("/") + 1 :]


def _manifest(content: bytes, uri: str) -> Iterator[tuple[str, str, str]]:
    try:
        first, *keys = json.loads(content)
        bucket, prefix = parse_uri(first["prefix"])
    except (ValueError, KeyError, TypeError) as error:
        raise ClientError(
            f"Data download failed:the manifest {uri} is not a JSON list that starts with an S3 prefix: {error}"
        ) from error
    for key in keys:
        yield bucket, prefix + key, key


def _safe(relative: str, uri: str) -> Path:
    parts = [part for part in relative.split("/") if part not in {"", "."}]
    if ".." in parts or not parts or "\0" in relative:
        raise ClientError(f"Data download failed:the key of {uri} would lead out of the channel's directory")
    return Path(*parts)
