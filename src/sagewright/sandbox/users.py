"""The users inside a sandbox that root starts: 0 to 65,535 with a root among them, outside a range of unprivileged ids.

A range belongs to one sandbox at a time, so no job can touch another's files or processes even where both are seen. It is
claimed by an abstract socket, which the kernel frees with the process. Where this machine's root has no 65,536 ids to
spare (inside some containers), a sandbox gets one unprivileged id, and its processes can be nobody but their root.
"""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from random import SystemRandom

from sagewright.sandbox.base import Unavailable

RANGE = 65_536
FIRST, END = 0x7000_0000, 0x7FFE_0000
"""Ids that no system hands out. Source: systemd's "Users, Groups, UIDs and GIDs on systemd Systems"."""
NOBODY = 65_534
_SINGLES = 1024  # of the highest ids, where no range can be had


@dataclass(frozen=True)
class Users:
    """`first` is the root inside, of `count` ids. `namespace` is a descriptor of the user namespace."""

    first: int
    count: int
    namespace: int
    claim: socket.socket

    @property
    def whole(self) -> bool:
        """Whether the processes can be any user, and not only root."""
        return self.count >= RANGE

    def close(self) -> None:
        os.close(self.namespace)
        self.claim.close()


class Spare:
    """Users that are claimed before they are needed, by a process whose children take them: one fork each."""

    def __init__(self) -> None:
        self._users: Users | None = None

    def prepare(self) -> None:
        """Have some ready, where this machine can. Starts a process, no thread."""
        if self._users is None and os.geteuid() == 0:
            with suppress(Unavailable, OSError):
                self._users = _claim()

    def take(self) -> Users | None:
        """They are the caller's now."""
        users, self._users = self._users, None
        return users

    def leave(self) -> None:
        """They are a child's now, which has descriptors of its own."""
        if self._users is not None:
            self._users.close()
            self._users = None


SPARE = Spare()
"""This process's."""


def claim_users() -> Users:
    """For root: those that are ready, else new ones. Raises Unavailable."""
    return SPARE.take() or _claim()


def _claim() -> Users:
    for first, count in _choices():
        claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            claim.bind(f"\0sagewright/users/{first}")
        except OSError:  # it is taken
            claim.close()
            continue
        try:
            return Users(first, count, _new_namespace(first, count), claim)
        except BaseException:
            claim.close()
            raise
    raise Unavailable("this machine has no unprivileged ids left for a sandbox")


def _choices() -> Iterator[tuple[int, int]]:
    """First ids and their numbers, in an order of chance: two that look at the same time should not meet."""
    start, end = _spare_ids()
    size = RANGE if end - start >= RANGE else 1
    slots = range((end - start) // size)
    offset = SystemRandom().randrange(len(slots)) if slots else 0
    for slot in slots:
        yield start + (slot + offset) % len(slots) * size, size


def _spare_ids() -> tuple[int, int]:
    """Those from which ranges are taken: FIRST to END where this process's user namespace has them all, else the upper part
    of the largest block that it has."""
    blocks = [(start, start + count) for start, count in _mapped("uid") if (start, count) in set(_mapped("gid"))]
    if any(start <= FIRST and end >= END for start, end in blocks):
        return FIRST, END
    start, end = max(blocks, key=lambda block: block[1] - block[0], default=(0, 0))
    if end - start >= 2 * RANGE:
        return start + RANGE, end
    return max(start + 1, min(end, NOBODY) - _SINGLES), min(end, NOBODY)


def _mapped(kind: str) -> list[tuple[int, int]]:
    lines = Path(f"/proc/self/{kind}_map").read_text().splitlines()
    return [(int(inside), int(count)) for inside, _outside, count in (line.split() for line in lines)]


def _new_namespace(first: int, count: int) -> int:
    """A descriptor of a user namespace in which `first` is root. Raises Unavailable."""
    pipe = subprocess.PIPE
    argv = ["unshare", "--user", "--", "sh", "-c", "echo made; read line"]
    try:
        holder = subprocess.Popen(argv, stdin=pipe, stdout=pipe, stderr=pipe, cwd="/")
    except OSError as error:
        raise Unavailable(f"user namespaces need the program unshare (package util-linux): {error}") from error
    with holder:
        assert holder.stdin and holder.stdout and holder.stderr
        try:
            if holder.stdout.readline() != b"made\n":
                raise Unavailable(f"no user namespace: {holder.stderr.read().decode(errors='replace').strip()}")
            for kind in ("uid", "gid"):
                Path(f"/proc/{holder.pid}/{kind}_map").write_text(f"0 {first} {count}\n")
            return os.open(f"/proc/{holder.pid}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise Unavailable(f"the ids {first} and following cannot be mapped: {error}") from error
        finally:
            with suppress(BrokenPipeError):
                holder.stdin.close()
