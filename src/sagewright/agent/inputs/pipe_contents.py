"""The content of a pipe in an epoch: concatenated objects, or the attributes of an augmented manifest's lines.

Source: AWS's API reference, Channel and S3DataSource, and its guide on augmented manifest files.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sagewright.agent.errors import ClientError
from sagewright.agent.inputs.channels import ChannelMember, InputChannel
from sagewright.agent.inputs.sources import ObjectSource, Stored
from sagewright.agent.s3 import JobS3, parse_uri

_LINES = 200  # whose objects are looked up in one call


@dataclass(frozen=True)
class Piece:
    """Bytes or an object, decompressed if `gzip`, as a RecordIO record if `framed`."""

    data: bytes | Stored
    framed: bool = False
    gzip: bool = False


class PipeContent(Protocol):
    """Yields the pieces of an epoch (0, 1 …), in order. Raises ClientError, S3Failed."""

    def pieces(self, epoch: int) -> Iterator[Piece]: ...


class ObjectsContent:
    """Every object of the channel that this host gets in the epoch."""

    def __init__(self, channel: InputChannel, found: Sequence[ChannelMember]) -> None:
        self._channel, self._found = channel, found

    def pieces(self, epoch: int) -> Iterator[Piece]:
        framed, gzip = self._channel.input.framed, self._channel.input.gzip
        for member in self._channel.share(self._found, epoch):
            yield Piece(member.stored, framed, gzip)


class AugmentedContent:
    """The AttributeNames of every line in order; an attribute `…-ref` is replaced by the object that it names.

    Raises ClientError if the manifest is empty or unreadable.
    """

    def __init__(self, channel: InputChannel, s3: JobS3, source: ObjectSource) -> None:
        self._channel, self._source = channel, source
        self._names: list[str] = channel.data.attributes
        self._lines = [line for line in s3.read(*parse_uri(channel.data.uri)).splitlines() if line.strip()]
        if not self._lines:
            raise ClientError(f"Data download failed:the augmented manifest {channel.data.uri} has no line")

    def pieces(self, epoch: int) -> Iterator[Piece]:
        framed = self._channel.input.framed
        numbers = self._channel.share(range(len(self._lines)), epoch)
        for start in range(0, len(numbers), _LINES):
            values = [value for number in numbers[start : start + _LINES] for value in self._attributes(number)]
            objects = iter(self._source.find([value for value in values if isinstance(value, tuple)]))
            for value in values:
                yield Piece(next(objects) if isinstance(value, tuple) else value, framed)

    def _attributes(self, number: int) -> Iterator[bytes | tuple[str, str]]:
        """Yields bytes, or the bucket and key of an object."""
        where = f"line {number + 1} of the augmented manifest {self._channel.data.uri}"
        try:
            line: dict[str, Any] = json.loads(self._lines[number])
            for name in self._names:
                value = line[name]
                if name.endswith("-ref"):
                    yield parse_uri(value)
                else:
                    yield (value if isinstance(value, str) else json.dumps(value)).encode()
        except KeyError as error:
            raise ClientError(f"Data download failed:{where} has no attribute {error}") from error
        except (ValueError, TypeError, AttributeError) as error:
            raise ClientError(f"Data download failed:{where} cannot be read: {error}") from error
