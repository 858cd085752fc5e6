"""The cells of a fork server: which are needed, which are ready, and the removal of their remains."""

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
from sagewright.agent.cells.priority import set_priority
from sagewright.agent.hostfile import HostFile
from sagewright.sandbox.kernel import descendants

QUIET_S, SOON_S = 0.05, 0.01
"""Delays after a job's start until a replacement cell is created: with another one ready, and without."""
SERIES_S, TWO_S = 1.0, 5.0
"""If a job follows another one of its kind within the first time, two cells of that kind are kept for the second time."""
RAPID_S = 0.15
"""If jobs follow each other within this time, as a pipeline's steps do, replacements are created without waiting for quiet."""
LOOK_S = 30.0
"""Interval between checks that the files shown by spare cells still exist."""
REST_S = 1800.0
"""Time after a kind's last job for which cells of it are kept: those of large libraries hold hundreds of megabytes."""
_BARRED_S = 60.0
_BEGUN_S = 0.02
_TAKE_S = 1.0
_END_S = 1.5


@dataclass
class SpareCell:
    """The agent of a cell without a job; `ready`: it has reported the cell as ready; `made_at`: when it began to make it."""

    pid: int
    socket: socket.socket
    directory: Path
    ready: bool = False
    made_at: float = field(default_factory=time.monotonic)


@dataclass(frozen=True)
class CellDirectory:
    """A new directory for a cell, whose lock the cell's agent holds, and the socket for its messages."""

    kind: CellKind
    directory: Path
    socket: socket.socket


@dataclass
class Keeper:
    """Keeps spare cells. `place`: their directory; `most`: maximum number of kinds kept, with one cell each, and temporarily two
    where jobs arrive faster than one is made; `fork`: forks a process that makes a cell, and returns its pid.

    For one thread.
    """

    place: Path
    most: int
    fork: Callable[[CellDirectory], int]
    _spares: dict[CellKind, list[SpareCell]] = field(default_factory=dict)
    _last: dict[CellKind, float] = field(default_factory=dict)  # time of the last job
    _two: dict[CellKind, float] = field(default_factory=dict)  # time until which two are kept
    _rapid: frozenset[CellKind] = frozenset()  # whose last two jobs followed each other within RAPID_S
    _used: dict[CellKind, float] = field(default_factory=dict)  # when, most recently used last
    _barred: dict[CellKind, float] = field(default_factory=dict)
    _watched: dict[int, HostFile] = field(default_factory=dict)
    _due: float | None = None
    _look: float = 0.0

    def sweep(self) -> None:
        """Removes cells that a killed fork server has left, together with their agents."""
        with suppress(FileNotFoundError):
            for directory in sorted(self.place.iterdir()):
                if _is_deserted(directory):
                    remove_cell(directory)

    def take(self, host: HostFile) -> SpareCell | None:
        """Assigns a fitting cell's agent to the host, if there is one."""
        kind = self._kind(host)
        if kind is None:
            return None
        found = ((each, one) for each in kind.serving() for one in self._spares.get(each, ()) if self._is_ready(one))
        chosen, spare = next(found, (kind, None))
        if spare is not None:
            self._spares[chosen].remove(spare)
        self._note(kind)  # which may drop cells of other kinds
        self._expect_more(kind)
        if spare is None:
            return self._give_unready(kind, host)
        self._soon(QUIET_S if self._spares.get(kind) and kind not in self._rapid else SOON_S)
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
        """Assigns a cell that is still being made: its agent serves the host once the cell is ready, or without the
        cell if it cannot be made. Making another sandbox would take longer, except in place of a cell with a toolkit
        that was only just started: that one is not assigned."""
        begun = time.monotonic() - (0.0 if kind.plain else _BEGUN_S)
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
        """Returns the seconds until there is something to do; None for never."""
        now = time.monotonic()
        if self._due is not None:
            return max(0.0, self._due - now)
        ends = [until for kind, until in self._two.items() if len(self._spares.get(kind, ())) > 1]
        return max(0.0, min([self._look, *ends]) - now) if self._all() else None

    def work(self) -> None:
        """Makes one needed cell, if its time has come; drops cells that show files which no longer exist."""
        now = time.monotonic()
        if now >= self._look:
            self._look = now + LOOK_S
            self._used = {kind: at for kind, at in self._used.items() if at > now - REST_S}
            for kind in [kind for kind in self._spares if kind not in self._used or not kind.is_current()]:
                self._drop(kind)
        for kind in list(self._spares):
            self._drop(kind, self._requested(kind, now))
        if self._due is None or now < self._due:
            return
        self._due = None
        lacking = self._lacking(now)
        if lacking and lacking[0].is_current():
            self._make(lacking[0])
            if more := self._lacking(now):
                self._soon(SOON_S if more[0] in self._rapid else QUIET_S)

    def _requested(self, kind: CellKind, now: float) -> int:
        return 2 if self._two.get(kind, 0.0) > now else 1

    def _lacking(self, now: float) -> list[CellKind]:
        """Returns the kinds with too few cells; most recently used ones, and those without any cell, come first."""
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
        """Watches an agent that works for the host without a cell: it may make an environment, for which cells can then be kept."""
        self._watched[pid] = host

    def lost(self, pid: int) -> None:
        """Handles the end of a child."""
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
        """Returns sockets that no other child may keep: a cell's agent ends when the last other end of its socket is closed."""
        return [spare.socket for _kind, spare in self._all()]

    def _all(self) -> list[tuple[CellKind, SpareCell]]:
        return [(kind, spare) for kind, spares in self._spares.items() for spare in spares]

    def close(self) -> None:
        """Ends all spare cells."""
        spares = [spare for _kind, spare in self._all()]
        made = [spare for spare in spares if self._is_ready(spare)]
        for spare in spares:
            spare.socket.close()
            if spare not in made:  # it would not notice before it is ready
                _kill(spare)
        spares = made
        deadline = time.monotonic() + _END_S
        while spares and time.monotonic() < deadline:
            spares = [spare for spare in spares if not _has_ended(spare.pid)]
            time.sleep(0.005)
        for spare in spares:
            _kill(spare)

    def _kind(self, host: HostFile) -> CellKind | None:
        """Returns the kind of cell that can serve the host. Its files are moved to the host's directory, so both must be on one
        disk."""
        return kind_of(host) if _disk(self.place.parent) == _disk(host.directory) else None

    def _note(self, kind: CellKind) -> None:
        """Records a job of that kind: more of them may follow."""
        used = {one: at for one, at in self._used.items() if not _same_place(one, kind)}
        self._used = dict([*used.items(), (kind, time.monotonic())][-self.most :])
        for other in [other for other in self._spares if other not in self._used]:
            self._drop(other)
        self._soon(QUIET_S)

    def _expect_more(self, kind: CellKind) -> None:
        now = time.monotonic()
        pause = now - self._last.get(kind, -SERIES_S)
        if pause < SERIES_S:
            self._two[kind] = now + TWO_S
        self._rapid = (self._rapid | {kind}) if pause < RAPID_S else self._rapid - {kind}
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
        except OSError:  # no space, no process: jobs then get a sandbox when they arrive
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
        """Drops surplus cells, whose agents remove their files."""
        spares = self._spares.pop(kind)
        for spare in spares[but:]:
            spare.socket.close()
        if spares[:but]:
            self._spares[kind] = spares[:but]


def _same_place(one: CellKind, other: CellKind) -> bool:
    return (one.host, one.environment, one.ahead, one.plain) == (
        other.host,
        other.environment,
        other.ahead,
        other.plain,
    )


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
    """True if the directory's lock is free."""
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
