"""The objects of a channel: by prefix or manifest, of this host's group, in shuffled order, its shard.

Source: AWS's API reference, Channel, S3DataSource and ShuffleConfig.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from sagewright.agent.errors import ClientError
from sagewright.agent.hostfile import HostFile
from sagewright.agent.inputs.sources import ObjectSource, Stored
from sagewright.agent.s3 import JobS3, parse_uri
from sagewright.model.aws.input_modes import MODES_BY_DATA_TYPE
from sagewright.model.jobs.brief import DataListing, DataSet, InputBrief

T = TypeVar("T")


@dataclass(frozen=True)
class InputChannel:
    """An input of S3 as one host sees it: shared by `hosts` hosts, of which this is number `rank`."""

    input: InputBrief
    data: DataSet
    rank: int
    hosts: int

    @property
    def title(self) -> str:
        return self.input.title

    @property
    def place(self) -> str:
        """Returns its path below /opt/ml."""
        return self.input.place

    @property
    def mode(self) -> str:
        return self.input.mode

    def share(self, all_of_it: Sequence[T], epoch: int = 0) -> list[T]:
        """Returns this host's objects in an epoch: shuffled equally for all hosts, then every n-th if the channel is sharded."""
        order = list(all_of_it)
        if self.input.seed is not None:
            random.Random(f"{self.input.seed}:{epoch}").shuffle(order)  # noqa: S311 - nothing to keep secret
        return order[self.rank :: self.hosts] if self.data.sharded else order


@dataclass(frozen=True)
class ChannelMember:
    """An object of a channel; `path` is its path in the channel's directory."""

    stored: Stored
    path: str


def channels_of(host: HostFile) -> list[InputChannel]:
    """Returns the inputs of S3 that this host gets. Raises ClientError for an unsupported kind."""
    found = []
    for one in host.brief.inputs:
        if one.data is None or one.unpacked:
            continue
        takers = _takers(one.data, host)
        if host.host in takers:
            if one.mode not in MODES_BY_DATA_TYPE.get(one.data.listing, set()):
                raise ClientError(f"{one.title}: the S3DataType {one.data.listing} cannot be given in {one.mode} mode.")
            found.append(InputChannel(one, one.data, takers.index(host.host), len(takers)))
    return found


def _takers(data: DataSet, host: HostFile) -> list[str]:
    if not data.groups:
        return host.hosts
    return [taker for group in host.brief.groups if group.name in data.groups for taker in group.hosts]


def members(channel: InputChannel, source: ObjectSource, s3: JobS3) -> list[ChannelMember]:
    """Returns all objects of a channel of S3Prefix or ManifestFile, of all hosts, in order.

    Raises ClientError if there are none, S3Failed.
    """
    found = list(
        _named(channel, source, s3) if channel.data.listing == DataListing.MANIFEST else _listed(channel, source)
    )
    if not found:
        raise ClientError(
            f'No S3 objects found under S3 URL "{channel.data.uri}" given in input data source. '
            "Please ensure that the bucket exists in the selected region, that objects exist under that S3 prefix, "
            "and that the role has s3:ListBucket permission on the bucket."
        )
    return found


def _listed(channel: InputChannel, source: ObjectSource) -> Iterator[ChannelMember]:
    bucket, prefix = _parsed(channel)
    folder = prefix.rstrip("/") + "/" if prefix else ""
    skipped = given = 0
    for stored in source.under(bucket, prefix):
        if stored.key.endswith("/"):
            continue
        if channel.mode == "FastFile" and stored.key != prefix and not stored.key.startswith(folder):
            skipped += 1
            continue
        given += 1
        yield ChannelMember(stored, relative_key(stored.key, prefix))
    if skipped and not given:
        raise ClientError(
            f'{channel.title}: FastFile mode needs an S3Uri that names a folder or an object, and "{channel.data.uri}" '
            "is only a prefix of names."
        )


def relative_key(key: str, prefix: str) -> str:
    """Returns the path of a key in its channel: below the folder `prefix` if it names one, otherwise below its last "/"."""
    if key.startswith(prefix.rstrip("/") + "/"):
        return key[len(prefix.rstrip("/")) + 1 :]
    return key[prefix.rfind("/") + 1 :]


def _named(channel: InputChannel, source: ObjectSource, s3: JobS3) -> Iterator[ChannelMember]:
    content = s3.read(*_parsed(channel))
    try:
        first, *names = json.loads(content)
        bucket, prefix = parse_uri(first["prefix"])
        keys = [prefix + name for name in names]
    except (ValueError, KeyError, TypeError) as error:
        raise ClientError(
            f"Data download failed:the manifest {channel.data.uri} is not a JSON list that starts with an S3 prefix: {error}"
        ) from error
    for start in range(0, len(keys), 1000):
        found = source.find([(bucket, key) for key in keys[start : start + 1000]])
        yield from (
            ChannelMember(stored, name or stored.key.rpartition("/")[2])  # the prefix itself names an object
            for stored, name in zip(found, names[start:], strict=False)
        )


def _parsed(channel: InputChannel) -> tuple[str, str]:
    try:
        return parse_uri(channel.data.uri)
    except ValueError as error:
        raise ClientError(f"{channel.title}: {error}.") from error
