"""The connection to the store: SQLite in one file, or PostgreSQL; the statements are the same for both."""

from __future__ import annotations

import math
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import orjson
from sqlalchemy import Connection, Engine, NullPool, create_engine, event
from sqlalchemy.exc import DBAPIError, InvalidatePoolError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from sagewright.model.errors import AwsError, ServiceUnavailable
from sagewright.store.ballast import Ballast
from sagewright.store.checkpoints import MOST_PAGES, Checkpointer
from sagewright.store.decoding import loads
from sagewright.store.flushing import LogFlusher
from sagewright.store.memory import RowMemory, attach
from sagewright.store.migrate import upgrade
from sagewright.store.sealing.ciphers import SecretCipher
from sagewright.store.sealing.data_keys import open_cipher
from sagewright.store.sealing.master_keys import NAME, NOWHERE, MasterKeySource

T = TypeVar("T")
WRITER_WAIT_S = 5.0
"""Maximum wait of a transaction for its turn to write, and the same again if another process is writing."""

HASTE_S = 0.002  # the same in the event loop, where all other requests would wait too
CONGESTED_S = 0.01  # after a wait in vain it does not wait at all for this long
MOST_CONNECTIONS = 64  # to PostgreSQL, of one server
KEPT_CONNECTIONS = 24  # the others end after use, which takes PostgreSQL a new process each time
UNPROVEN_S = 1.0  # a connection to PostgreSQL that was idle for longer is tried before it is used
_USED_S = "sagewright.used"
_NO_ROOM = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_SHMSIZE}
_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_BUSY_STATES = {"55P03", "40P01", "40001"}
"""PostgreSQL: lock_timeout expired, a deadlock, a conflicting change. The transaction had no effect."""


class Promise:
    """See Database.promising. `reserved`: the turn to write is held for the next transaction.

    A class of its own, not a generator: each request of the event loop enters one.
    """

    __slots__ = ("_local", "_turn", "due", "reserved")

    def __init__(self, local: threading.local, turn: threading.Lock) -> None:
        self._local, self._turn = local, turn
        self.due = self.reserved = False

    def __enter__(self) -> Promise:
        self._local.promise = self
        return self

    def __exit__(self, *_: object) -> None:
        self._local.promise = None
        if self.reserved:
            self._turn.release()


class Database:
    """Short transactions on the store. Safe to use from many threads.

    `fsync` is for SQLite; PostgreSQL is configured separately. off: nothing waits for the disk; normal: transactions that ask for
    it do; full: all of them. `ballast`: reserved space for SQLite. `master`: where the key of its secrets comes from; by
    default a file next to SQLite's. Raises AwsError on a full disk.
    """

    def __init__(self, url: str, fsync: str = "normal", master: MasterKeySource | None = None) -> None:
        self.embedded = url.startswith("sqlite")
        self.ballast = Ballast(Path(url.removeprefix("sqlite:///")).parent) if self.embedded else None
        if self.ballast is not None:
            self.ballast.release_if_short()
        self.engine = _sqlite(url, fsync) if self.embedded else _postgres(url)
        self._reading = self.engine if self.embedded else self.engine.execution_options(isolation_level="AUTOCOMMIT")
        self._writer, self._front, self._line = threading.Lock(), threading.Lock(), threading.Lock()
        self._flusher = LogFlusher(Path(url.removeprefix("sqlite:///") + "-wal"))
        self._flushes = self.embedded and fsync == "normal"
        self._local = threading.local()
        self._kept: list[Connection] = []
        self._shared: Connection | None = None
        self._run: Callable[[str], object] = str  # of the connection above, once it exists
        self._hurried = False
        self._checkpointer = Checkpointer(self.engine.connect)
        self._congested_until = 0.0
        self._kept_transactions = 0
        self.memory = RowMemory()
        self._master = master or MasterKeySource(
            Path(url.removeprefix("sqlite:///")).parent / NAME if self.embedded else NOWHERE, kept=self.embedded
        )
        self._secrets: SecretCipher | None = None
        self._opening = threading.Lock()
        with _described_trouble():
            upgrade(self.engine)

    @contextmanager
    def read(self, *, streamed: bool = False) -> Iterator[Connection]:
        """Yields a connection for SELECTs, whose results must be fetched inside the block. Raises ServiceUnavailable.

        PostgreSQL runs them without a transaction, which would cost two more round trips and the prepared statements; a result
        that is `streamed` (stream_results, yield_per) needs one.
        """
        shared: Connection | None = None if streamed else getattr(self._local, "reading", None)
        if self.embedded:
            yield self._of_writers() if self._is_writing else self._of_this_thread()
        elif shared is not None:
            with _described_trouble():
                yield shared
        else:
            with _described_trouble(), (self.engine if streamed else self._reading).connect() as connection:
                yield connection

    @contextmanager
    def together(self) -> Iterator[None]:
        """Lets this thread's reads in the block share one connection. For blocks that wait for nothing else."""
        if self.embedded or getattr(self._local, "reading", None) is not None:
            yield
            return
        with self.read() as connection:
            self._local.reading = connection
            try:
                yield
            finally:
                self._local.reading = None

    def _of_this_thread(self) -> Connection:
        """Returns this thread's connection on SQLite: taking one from a pool costs more than a query."""
        kept: Connection | None = getattr(self._local, "connection", None)
        if kept is None:
            kept = self._local.connection = self.engine.connect()
            self._kept.append(kept)
        return kept

    def _of_writers(self) -> Connection:
        """Returns the connection of all writers on SQLite, to be used during one's turn.

        SQLite forgets the pages that a connection has in memory when another one has written: with a connection for each thread,
        a transaction would read all of its pages again, the more the larger the store is.
        """
        if self._shared is None:
            self._shared = self.engine.connect()
            self._kept.append(self._shared)
            self._run = _runner(self._shared)
            attach(self._shared, self.memory)
        if self.hasty is not self._hurried:
            self._hurried = self.hasty
            self._run(f"PRAGMA busy_timeout = {int((HASTE_S if self._hurried else WRITER_WAIT_S) * 1000)}")
        return self._shared

    @property
    def _is_writing(self) -> bool:
        """True in a transaction of this thread."""
        return getattr(self._local, "writing", False)

    @property
    def secrets(self) -> SecretCipher:
        """Returns the cipher of the rows' secrets. Raises MasterKeyFault without the master key."""
        if self._secrets is None:
            with self._opening, _described_trouble():
                self._secrets = self._secrets or open_cipher(self.engine, self._master)
        return self._secrets

    @property
    def hasty(self) -> bool:
        """True if this thread currently answers for an event loop (`promising`), and so must not wait for other writers."""
        return getattr(self._local, "promise", None) is not None

    @contextmanager
    def write(self, *, durable: bool = False) -> Iterator[Connection]:
        """Runs a transaction: committed when the block ends, rolled back when it raises.

        It survives a killed process; if `durable`, a power failure too. Raises OSError if the disk fails after the commit,
        ServiceUnavailable if other writers take too long: it then had no effect and may be repeated.
        """
        if not self.embedded:
            with _described_trouble(), self.engine.begin() as connection:
                yield connection
                self.memory.discard(connection)
            return
        with self._turn(), _described_trouble():
            connection = self._of_writers()
            run = self._run  # SQLAlchemy takes 10 times as long for a statement without a result
            run("BEGIN IMMEDIATE")
            self._local.writing = True
            try:
                yield connection
                run("COMMIT")
                self._kept_transactions += 1
            except BaseException:
                self._undo(connection)
                raise
            finally:
                self._local.writing = False
            self.memory.committed(connection)
            self._checkpointer.committed()
        if durable and self._flushes:
            promise: Promise | None = getattr(self._local, "promise", None)
            if promise is None:
                self._flusher.flush()
            else:
                promise.due = True

    def _undo(self, connection: Connection) -> None:
        self.memory.discard(connection)
        try:
            _roll_back(connection)
        except DBAPIError:  # the next writer opens another one, or no transaction could begin
            self._shared = None
            self._kept.remove(connection)
            connection.invalidate()
            raise

    @property
    def version(self) -> int | None:
        """Returns a number that changes with each commit; None if other processes write, too."""
        return self._kept_transactions if self.embedded else None

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Acquires the right to write, one thread at a time, or takes the one that this thread reserved. Raises
        ServiceUnavailable."""
        promise: Promise | None = getattr(self._local, "promise", None)
        if promise is not None and promise.reserved:
            promise.reserved = False
        else:
            self._acquire()
        try:
            yield
        finally:
            self._writer.release()

    def _acquire(self) -> None:
        """Waits for the turn to write. Whoever has the front place gets it next, so a thread that writes again and again lets the
        one that waits go first. An event loop competes for that place with one thread at most: it waits for two turns."""
        hasty = self.hasty
        wait_s = WRITER_WAIT_S if not hasty else HASTE_S if time.monotonic() > self._congested_until else 0.0
        until = time.monotonic() + wait_s
        places = (self._front,) if hasty else (self._line, self._front)
        held: list[threading.Lock] = []
        try:
            for place in (*places, self._writer):
                if not place.acquire(timeout=max(0.0, until - time.monotonic())):
                    if hasty and wait_s:
                        self._congested_until = time.monotonic() + CONGESTED_S
                    raise _busy()
                held.append(place)
        finally:
            for place in held[: len(places)]:
                place.release()

    def promising(self) -> Promise:
        """In the block, for an event loop, transactions of this thread wait neither for the disk nor for other writers.

        A transaction that would have to wait for a writer raises ServiceUnavailable. If the promise is `due` afterwards, call
        `flush` before any client is answered.
        """
        if not getattr(self._local, "hurried", False):
            self._local.hurried = True
            if self.embedded:
                self._of_this_thread().exec_driver_sql(f"PRAGMA busy_timeout = {int(HASTE_S * 1000)}")
        return Promise(self._local, self._writer)

    def reserve(self, promise: Promise) -> None:
        """Reserves the turn to write for the next transaction of a block that is `promising`, so that ServiceUnavailable is raised
        before work that would have to be repeated."""
        if self.embedded:
            self._acquire()
            promise.reserved = True

    def flush(self) -> None:
        """Returns once all earlier commits are on the disk. Raises OSError if the disk fails."""
        if self._flushes:
            self._flusher.flush()

    def recall(self, subject: str, what: Hashable, read: Callable[[], T | None]) -> T | None:
        """Returns `read()`, or its cached result as long as no transaction has changed `subject` (see store.memory).

        Callers must not change the value. A thread that is writing always reads.
        """
        if not self.embedded or self._is_writing:
            return read()
        return self.memory.recall(subject, what, read)

    def close(self) -> None:
        """Closes the store; no other thread may be using it."""
        self._checkpointer.end()
        while self._kept:
            self._kept.pop().close()
        self.engine.dispose()


def _runner(connection: Connection) -> Callable[[str], None]:
    """Returns a function that runs a statement on SQLite's own connection, with SQLAlchemy's errors."""
    raw = connection.connection.dbapi_connection
    assert raw is not None

    def run(statement: str) -> None:
        try:
            raw.execute(statement)
        except sqlite3.OperationalError as error:
            raise OperationalError(statement, None, error) from error

    return run


def _roll_back(connection: Connection) -> None:
    """Rolls back; after some errors (such as a full disk) SQLite may have done so already."""
    raw = connection.connection.dbapi_connection
    if raw is not None and raw.in_transaction:
        connection.exec_driver_sql("ROLLBACK")


@contextmanager
def _described_trouble() -> Iterator[None]:
    """Raises AwsError if the disk is full, or if another process has a lock; the transaction is rolled back."""
    try:
        yield
    except PoolTimeout as error:
        raise _busy() from error
    except DBAPIError as error:
        code = (getattr(error.orig, "sqlite_errorcode", None) or 0) & 0xFF
        if getattr(error.orig, "sqlite_errorcode", None) in _NO_ROOM:
            text = f"The store's disk cannot store the row ({error.orig})."
            raise AwsError("InsufficientStorage", text, 507) from error
        if code in _BUSY or getattr(error.orig, "sqlstate", None) in _BUSY_STATES or error.connection_invalidated:
            raise _busy() from error
        raise


def _busy() -> ServiceUnavailable:
    return ServiceUnavailable("The store is busy; try again in a moment.")


def _dumps(value: Any) -> str:
    return orjson.dumps(value).decode()


def _sqlite(url: str, fsync: str) -> Engine:
    path = url.removeprefix("sqlite:///")
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))  # its log files get the same mode
    engine = create_engine(
        url,
        json_serializer=_dumps,
        json_deserializer=loads,
        connect_args={"check_same_thread": False, "timeout": WRITER_WAIT_S, "isolation_level": None},
        poolclass=NullPool,
        isolation_level="AUTOCOMMIT",
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute(f"PRAGMA synchronous={fsync.upper()}")
        connection.execute("PRAGMA cache_size=-16384")
        connection.execute(f"PRAGMA wal_autocheckpoint={MOST_PAGES}")

    return engine


def _postgres(url: str) -> Engine:
    engine = create_engine(
        url,
        json_serializer=_dumps,
        json_deserializer=loads,
        pool_size=KEPT_CONNECTIONS,
        max_overflow=MOST_CONNECTIONS - KEPT_CONNECTIONS,
        pool_use_lifo=True,  # the connections that have most statements prepared
        pool_timeout=WRITER_WAIT_S,
    )
    engine.dialect.use_insertmanyvalues_wo_returning = True  # many rows in one statement

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        connection.autocommit = True
        connection.execute(f"SET lock_timeout = {int(WRITER_WAIT_S * 1000)}")
        connection.autocommit = False

    @event.listens_for(engine, "checkin")
    def leave(_connection: Any, record: Any) -> None:
        record.info[_USED_S] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def prove(connection: Any, record: Any, _proxy: Any) -> None:
        if time.monotonic() - record.info.get(_USED_S, math.inf) < UNPROVEN_S:
            return
        try:
            engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as error:
            raise InvalidatePoolError from error  # the pool connects anew

    return engine
