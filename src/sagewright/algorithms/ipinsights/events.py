"""Events, rows of `entity, address`, as numbers: the entity's bucket and the 32 bits of the address."""

from __future__ import annotations

import csv
import hashlib
import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from sagewright.algorithms.errors import UserError
from sagewright.algorithms.firstparty.rows import memory
from sagewright.algorithms.job import Job

REMEMBERED = 1 << 16
PART = 1 << 16
"""Events that are read before their conversion to an array."""
EVENT_BYTES = 60
"""Memory of an event: itself, the numbers of its address's blocks, its position in an epoch's order, and what counting takes."""


@dataclass(frozen=True)
class Events:
    """`entity` (n,) int32 bucket of each entity; `address` (n,) uint32."""

    entity: np.ndarray
    address: np.ndarray

    def __len__(self) -> int:
        return len(self.entity)

    def take(self, rows: np.ndarray) -> Events:
        return Events(self.entity[rows], self.address[rows])


def parse(rows: Iterable[Sequence[str]], buckets: int, where: str) -> Events:
    """Raises UserError, naming the row, for a row other than an entity and an IPv4 address, or if events don't fit in memory."""
    parts = [Events(np.zeros(0, np.int64), np.zeros(0, np.uint32))]
    entities, addresses, room = [], [], memory.for_rows() // EVENT_BYTES
    for number, row in enumerate(rows):
        if len(row) != 2:
            raise UserError(
                f"{where}, row {number}: an entity and an IPv4 address are expected, and it has {len(row)} fields"
            )
        try:
            addresses.append(_address(row[1].strip()))
        except ValueError as error:
            raise UserError(f"{where}, row {number}: {error}") from error
        entities.append(_bucket(row[0].strip(), buckets))
        if len(entities) == PART:
            parts.append(Events(np.array(entities, np.int32), np.array(addresses, np.uint32)))
            entities, addresses = [], []
            if number > room:
                raise UserError(f"{where}: {number} events are the most that fit into the job's memory.")
    parts.append(Events(np.array(entities, np.int32), np.array(addresses, np.uint32)))
    return joined(parts)


def joined(parts: Sequence[Events]) -> Events:
    entities = np.concatenate([each.entity for each in parts], dtype=np.int32, casting="unsafe")
    return Events(entities, np.concatenate([each.address for each in parts]))


@lru_cache(maxsize=REMEMBERED)
def _address(text: str) -> int:
    return int(ipaddress.IPv4Address(text))


@lru_cache(maxsize=REMEMBERED)
def _bucket(entity: str, buckets: int) -> int:
    return int.from_bytes(hashlib.blake2b(entity.encode(), digest_size=8).digest(), "big") % buckets


def read(job: Job, channel: str, buckets: int) -> Events:
    """All events of a channel. Raises UserError for bad rows, and if there are none."""
    parts = []
    for path in job.channel_files(channel):
        try:
            with path.open(encoding="utf-8-sig", newline="") as stream:
                parts.append(
                    parse((row for row in csv.reader(stream) if row), buckets, f"channel {channel}, file {path.name}")
                )
        except (UnicodeDecodeError, csv.Error) as error:
            raise UserError(f"channel {channel}, file {path.name} is not CSV: {error}") from error
    if not sum(map(len, parts)):
        raise UserError(f"No data in channel {channel}: every host needs at least one event of it.")
    return joined(parts)
