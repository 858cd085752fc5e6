"""The users inside a sandbox that root starts: 0 to 65,535 including root, mapped to a range of unprivileged ids outside.

A range belongs to one sandbox at a time, so no job can touch another's files or processes even where both are visible. It is
claimed by the lock of a file in a directory of root's, which the kernel frees with the last process that has it open. (An abstract
socket would need no file; but jobs that share the machine's network could claim all of them.) If this machine's root has no 65,536
ids to spare (inside some containers), a sandbox gets one unprivileged id, and its processes can only be root inside.
"""

from __future__ import annotations

import fcntl
import os
import stat
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from random import SystemRandom

from sagewright.sandbox.base import Unavailable

RANGE = 65_536
FIRST, END = 0x7000_0000, 0x7FFE_0000
"""Ids that no system assigns. Source: systemd's "Users, Groups, UIDs and GIDs on systemd Systems"."""
NOBODY = 65_534
_PLACES = (Path("/run/sagewright-users"), Path("/tmp/sagewright-users"))  # noqa: S108 - checked to be root's alone
_SINGLES = 1024  # of the highest ids, if no range is available


@dataclass(frozen=True)
class Users:
    """`first` is the root inside, of `count` ids. `namespace` is a descriptor of the user namespace, `claim` one of the lock."""

    first: int
    count: int
    namespace: int
    claim: int

    @property
    def whole(self) -> bool:
        """True if the processes can be any user, and not only root."""
        return self.count >= RANGE

    def close(self) -> None:
        os.close(self.namespace)
        os.close(self.claim)


class SpareUsers:
    """Users that are claimed in advance, by a process whose children use them: one per fork."""

    def __init__(self) -> None:
        self._users: Users | None = None

    def prepare(self) -> None:
        """Claims some, if this machine can. Starts a process, but no thread."""
        if self._users is None and os.geteuid() == 0:
            with suppress(Unavailable, OSError):
                self._users = _claim()

    def take(self) -> Users | None:
        """Returns users, whose ownership passes to the caller."""
        users, self._users = self._users, None
        return users

    def leave(self) -> None:
        """Closes descriptors of users that now belong to a child, which has its own descriptors."""
        if self._users is not None:
            self._users.close()
            self._users = None


SPARE = SpareUsers()
"""The spare users of this process."""


def claim_users() -> Users:
    """Returns spare users, or newly claimed ones; for root. Raises Unavailable."""
    return SPARE.take() or _claim()


def _claim() -> Users:
    locks = _locks()
    try:
        for first, count in _choices():
            claim = os.open(str(first), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600, dir_fd=locks)
            try:
                fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return Users(first, count, _new_namespace(first, count), claim)
            except BlockingIOError:  # already claimed
                os.close(claim)
            except BaseException:
                os.close(claim)
                raise
    finally:
        os.close(locks)
    raise Unavailable("this machine has no unprivileged ids left for a sandbox")


def _locks() -> int:
    """Returns a descriptor of the lock directory, shared by all servers of this machine. Raises Unavailable."""
    place = next((place for place in _PLACES if os.access(place.parent, os.W_OK)), _PLACES[-1])
    try:
        with suppress(FileExistsError):
            place.mkdir(mode=0o700)
        opened = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        raise Unavailable(f"no directory for the locks of users: {error}") from error
    found = os.fstat(opened)
    if found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) & 0o077:
        os.close(opened)
        raise Unavailable(f"{place} is not a private directory of root's: delete it")
    return opened


def _choices() -> Iterator[tuple[int, int]]:
    """Yields first ids and their numbers in random order, so that two concurrent searches rarely collide."""
    start, end = _spare_ids()
    size = RANGE if end - start >= RANGE else 1
    slots = range((end - start) // size)
    offset = SystemRandom().randrange(len(slots)) if slots else 0
    for slot in slots:
        yield start + (slot + offset) % len(slots) * size, size


def _spare_ids() -> tuple[int, int]:
    """Returns the ids from which ranges are claimed: FIRST to END if this process's user namespace has them all, otherwise the
    upper part of its largest block."""
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
    """Returns a descriptor of a user namespace in which `first` is root. Raises Unavailable."""
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
