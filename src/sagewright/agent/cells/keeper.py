"""The cells that a fork server keeps: which are wanted, which are ready, and that nothing of one is left."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from sagewright.agent.cells.cell import LOCK, remove_cell
from sagewright.agent.cells.kinds import CellKind, kind_of
from sagewright.agent.hostfile import HostFile
from sagewright.agent.openfiles import descendants
from sagewright.agent.priority import set_priority

QUIET_S, SOON_S = 0.05, 0.01
"""After a job was started, until a cell is made in place of its own: with another one ready, and without."""
SERIES_S, TWO_S = 1.0, 5.0
"""Where a job comes so soon after another one of its kind, two cells of that kind are kept for so long."""
LOOK_S = 30.0
"""Between two looks whether what spare cells show is still there."""
_BARRED_S = 60.0
_BEGUN_S = 0.02
_TAKE_S = 1.0
_END_S = 1.5


@dataclass
class SpareCell:
    """The agent of a cell that no job has; `ready`: it has said that the cell is; `made_at`: when it began to make it."""

    pid: int
    socket: socket.socket
    directory: Path
    ready: bool = False
    made_at: float = field(default_factory=time.monotonic)


@dataclass(frozen=True)
class CellDirectory:
    """Where a cell's agent is to make it: in a new directory, whose lock it holds, told and asked by a socket."""

    kind: CellKind
    directory: Path
    socket: socket.socket


@dataclass
class Keeper:
    """`place`: where cells lie; `most`: how many kinds are kept, one cell of each, and for a while two where jobs come faster than
    one is made; `fork`: a process that makes a cell, its pid.

    For one thread.
    """

    place: Path
    most: int
    fork: Callable[[CellDirectory], int]
    _spares: dict[CellKind, list[SpareCell]] = field(default_factory=dict)
    _last: dict[CellKind, float] = field(default_factory=dict)  # when the last job came
    _two: dict[CellKind, float] = field(default_factory=dict)  # until when
    _used: list[CellKind] = field(default_factory=list)  # the last at the end
    _barred: dict[CellKind, float] = field(default_factory=dict)
    _watched: dict[int, HostFile] = field(default_factory=dict)
    _due: float | None = None
    _look: float = 0.0

    def sweep(self) -> None:
        """Remove what a fork server that was killed has left, and the agents of its cells with it."""
        with suppress(FileNotFoundError):
            for directory in sorted(self.place.iterdir()):
                if _is_deserted(directory):
                    remove_cell(directory)

    def take(self, host: HostFile) -> SpareCell | None:
        """Have the agent of a cell work for the host, if there is one that fits."""
        kind = self._kind(host)
        if kind is None:
            return None
        self._note(kind)
        self._expect_more(kind)
        spare = next((one for one in self._spares.get(kind, ()) if self._is_ready(one)), None)
        if spare is None:
            return self._give_unready(kind, host)
        self._spares[kind].remove(spare)
        self._soon(QUIET_S if self._spares[kind] else SOON_S)
        try:
            spare.socket.settimeout(_TAKE_S)
            spare.socket.sendall(json.dumps({"directory": str(host.directory)}).encode() + b"\n")
            if spare.socket.recv(1) == b"t":
                return spare
        except OSError:
            pass
        finally:
            spare.socket.close()
        _kill(spare)
        return None

    def _give_unready(self, kind: CellKind, host: HostFile) -> SpareCell | None:
        """A cell that is being made, unless that has only begun: its agent works for the host as soon as it is, and without it
        where it can't be made. To make another sandbox beside it would take longer."""
        begun = time.monotonic() - _BEGUN_S
        spare = next((one for one in self._spares.get(kind, ()) if one.made_at < begun), None)
        if spare is None:
            return None
        self._spares[kind].remove(spare)
        with spare.socket:
            try:
                spare.socket.setblocking(False)
                spare.socket.sendall(json.dumps({"directory": str(host.directory)}).encode() + b"\n")
            except OSError:  # it has ended
                _kill(spare)
                return None
        priority = os.getpriority(os.PRIO_PROCESS, 0)
        set_priority((spare.pid, *descendants(spare.pid)), priority)
        return spare

    def wait_s(self) -> float | None:
        """How long until there is something to do; None: for ever."""
        now = time.monotonic()
        if self._due is not None:
            return max(0.0, self._due - now)
        ends = [until for kind, until in self._two.items() if len(self._spares.get(kind, ())) > 1]
        return max(0.0, min([self._look, *ends]) - now) if self._all() else None

    def work(self) -> None:
        """Make one cell that is wanted, if its time has come; drop those that show what is there no more."""
        now = time.monotonic()
        if now >= self._look:
            self._look = now + LOOK_S
            for kind in [kind for kind in self._spares if not kind.is_current()]:
                self._drop(kind)
        for kind in list(self._spares):
            self._drop(kind, self._requested(kind, now))
        if self._due is None or now < self._due:
            return
        self._due = None
        lacking = self._lacking(now)
        if lacking and lacking[0].is_current():
            self._make(lacking[0])
            if self._lacking(now):
                self._soon(QUIET_S)

    def _requested(self, kind: CellKind, now: float) -> int:
        return 2 if self._two.get(kind, 0.0) > now else 1

    def _lacking(self, now: float) -> list[CellKind]:
        """Of which kinds there are too few cells; those first that jobs used last, and of which there is none."""
        found = [
            kind
            for kind in reversed(self._used)
            if len(self._spares.get(kind, ())) < self._requested(kind, now) and self._barred.get(kind, 0) < now
        ]
        return sorted(found, key=lambda kind: bool(self._spares.get(kind)))

    def _soon(self, delay_s: float) -> None:
        due = time.monotonic() + delay_s
        self._due = due if self._due is None else min(self._due, due)

    def watch(self, pid: int, host: HostFile) -> None:
        """An agent works for the host, without a cell: it may make an environment for which cells can be kept from then on."""
        self._watched[pid] = host

    def lost(self, pid: int) -> None:
        """A child has ended."""
        host = self._watched.pop(pid, None)
        kind = None if host is None else self._kind(host)
        if kind is not None and kind not in self._used:
            self._note(kind)
        for kind, spare in self._all():
            if spare.pid == pid:
                if not self._is_ready(spare):
                    self._bar(kind)
                self._spares[kind].remove(spare)
                spare.socket.close()
                remove_cell(spare.directory)

    def sockets(self) -> list[socket.socket]:
        """What no other child may keep: an agent of a cell ends with the last of the other ends of its socket."""
        return [spare.socket for _kind, spare in self._all()]

    def _all(self) -> list[tuple[CellKind, SpareCell]]:
        return [(kind, spare) for kind, spares in self._spares.items() for spare in spares]

    def close(self) -> None:
        """End them all."""
        spares = [spare for _kind, spare in self._all()]
        made = [spare for spare in spares if self._is_ready(spare)]
        for spare in spares:
            spare.socket.close()
            if spare not in made:  # it would not hear of it before it is
                _kill(spare)
        spares = made
        deadline = time.monotonic() + _END_S
        while spares and time.monotonic() < deadline:
            spares = [spare for spare in spares if not _has_ended(spare.pid)]
            time.sleep(0.005)
        for spare in spares:
            _kill(spare)

    def _kind(self, host: HostFile) -> CellKind | None:
        """The kind of cell that can serve the host. Its files are moved to the host's directory, so both must be on one disk."""
        return kind_of(host) if _disk(self.place.parent) == _disk(host.directory) else None

    def _note(self, kind: CellKind) -> None:
        """A job of that kind came: more of them may."""
        used = [one for one in self._used if not _same_place(one, kind)]
        self._used = [*used, kind][-self.most :]
        for other in [other for other in self._spares if other not in self._used]:
            self._drop(other)
        self._soon(QUIET_S)

    def _expect_more(self, kind: CellKind) -> None:
        now = time.monotonic()
        if now - self._last.get(kind, -SERIES_S) < SERIES_S:
            self._two[kind] = now + TWO_S
        self._last[kind] = now
        self._last, self._two = (
            {one: at for one, at in known.items() if one in self._used} for known in (self._last, self._two)
        )

    def _is_ready(self, spare: SpareCell) -> bool:
        if not spare.ready:
            spare.socket.setblocking(False)
            with suppress(OSError):
                spare.ready = spare.socket.recv(1) == b"r"
        return spare.ready

    def _make(self, kind: CellKind) -> None:
        directory = self.place / f"cell-{uuid.uuid4().hex}"
        lock = -1
        ours, theirs = socket.socketpair()
        try:
            directory.mkdir(parents=True)
            lock = os.open(directory / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            spare = SpareCell(0, ours, directory)
            self._spares.setdefault(kind, []).append(spare)
            spare.pid = self.fork(CellDirectory(kind, directory, theirs))
        except OSError:  # no room, no process: jobs get a sandbox when they come
            self._spares[kind] = [one for one in self._spares.get(kind, ()) if one.socket is not ours]
            ours.close()
            self._bar(kind)
            remove_cell(directory)
        finally:
            theirs.close()
            if lock >= 0:
                os.close(lock)

    def _bar(self, kind: CellKind) -> None:
        self._barred = {**dict(list(self._barred.items())[-20:]), kind: time.monotonic() + _BARRED_S}

    def _drop(self, kind: CellKind, but: int = 0) -> None:
        """The agents of those that are too many remove what is there."""
        spares = self._spares.pop(kind)
        for spare in spares[but:]:
            spare.socket.close()
        if spares[:but]:
            self._spares[kind] = spares[:but]


def _same_place(one: CellKind, other: CellKind) -> bool:
    return (one.host, one.environment, one.ahead) == (other.host, other.environment, other.ahead)


def _disk(directory: Path) -> int | None:
    try:
        return directory.stat().st_dev
    except OSError:
        return None


def _kill(spare: SpareCell) -> None:
    with suppress(ProcessLookupError):
        os.kill(spare.pid, signal.SIGKILL)
    with suppress(ChildProcessError):
        os.waitpid(spare.pid, 0)
    remove_cell(spare.directory)


def _has_ended(pid: int) -> bool:
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:
        return True


def _is_deserted(directory: Path) -> bool:
    """Whether nobody holds its lock."""
    try:
        lock = os.open(directory / LOCK, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(lock)
    return True
