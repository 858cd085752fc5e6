"""Sentences on why a server can't start: the thing, its value, the limit, and a remedy."""

from __future__ import annotations

import errno
import os
import shutil
import socket
import sqlite3
from pathlib import Path
from urllib.parse import urlsplit

from sagewright.compute.backend import NoBackend
from sagewright.model.errors import AwsError
from sagewright.model.settings import BadSetting, Settings
from sagewright.server.notes import AlreadyRunning

PRIVILEGED = 1024
MIB = 1 << 20


def start_fault(error: BaseException, settings: Settings) -> str | None:
    """Returns a sentence that explains the fault, None for an unexpected one."""
    if isinstance(error, (BadSetting, NoBackend)):
        return str(error)
    if isinstance(error, AlreadyRunning):
        return already_running(settings.data)
    if isinstance(error, AwsError):
        return f"The server can't start on {settings.data}: {error.message}"
    if isinstance(error, CannotListen):
        return listening_fault(error.cause, settings)
    if _is_full(error):
        return full_disk(settings.data)
    if isinstance(error, OSError):
        return data_fault(error, settings.data)
    return database_fault(error, settings) if _is_of_database(error) else None


class CannotListen(OSError):
    """The port can't be bound; `cause` is the system's error."""

    def __init__(self, cause: OSError | OverflowError) -> None:
        super().__init__(str(cause))
        self.cause = cause


def already_running(data: Path) -> str:
    try:
        url = (data / "endpoint").read_text().strip()
    except OSError:
        url = ""
    holder = _locked_by(data / "lock")
    where = f" at {url}" if url else ""
    pid = f" (process {holder})" if holder else ""
    stop = f"kill {holder}" if holder else "SIGTERM"
    return (
        f"A server on {data} already runs{where}{pid}. Use it, stop it ({stop}), or start another: --data DIR --port 0."
    )


def listening_fault(error: OSError | OverflowError, settings: Settings) -> str:
    host, port = settings.host, settings.port
    if isinstance(error, OverflowError):
        return f"The port {port} is out of range: a port is 0 (any free one) to 65535."
    if error.errno == errno.EADDRINUSE:
        owner = _listening_on(port)
        who = f" by process {owner}" if owner else " by another program"
        return f"The port {port} is taken{who}. Stop that, or choose another port: --port 0 picks a free one."
    if error.errno in (errno.EACCES, errno.EPERM) and port < PRIVILEGED:
        return (
            f"The port {port} is below {PRIVILEGED}, which only root may use. Choose a higher one, such as --port 4700."
        )
    if error.errno == errno.EADDRNOTAVAIL or isinstance(error, socket.gaierror):
        return f"{host} is not an address of this machine. Use 127.0.0.1, or 0.0.0.0 for all of its addresses: --host."
    return f"The server can't listen on {host}, port {port}: {error.strerror or error}."


def data_fault(error: OSError, data: Path) -> str:
    reason = error.strerror or str(error)
    place = Path(os.fsdecode(error.filename)) if error.filename else data
    return (
        f"The data directory {data} can't be used: {place}: {reason}. Choose one that this user may write: --data DIR, or the "
        "variable SAGEWRIGHT_DATA."
    )


def full_disk(data: Path) -> str:
    free = shutil.disk_usage(_existing(data)).free // MIB
    return f"The disk of {data} is full: {free} MiB are free. Make room, or choose another disk: --data DIR."


def database_fault(error: BaseException, settings: Settings) -> str:
    reason = str(getattr(error, "orig", error)).strip().split("\n", 1)[0]
    if not settings.database:
        return f"The store {settings.data / 'store.sqlite'} can't be opened: {reason}."
    split = urlsplit(settings.database)
    host = f"{split.hostname or 'its socket'}{f':{split.port}' if split.port else ''}"
    return (
        f"The database {split.path.lstrip('/')} on {host} can't be reached: {reason}. Is it running, and is the setting "
        "database (SAGEWRIGHT_DATABASE) right?"
    )


def _is_full(error: BaseException) -> bool:
    if isinstance(error, OSError):
        return error.errno in (errno.ENOSPC, errno.EDQUOT)
    cause = getattr(error, "orig", None) or error
    return isinstance(cause, sqlite3.OperationalError) and "full" in str(cause)


def _is_of_database(error: BaseException) -> bool:
    return type(error).__module__.partition(".")[0] in ("sqlalchemy", "sqlite3", "psycopg")


def _existing(path: Path) -> Path:
    return next((one for one in (path, *path.parents) if one.exists()), Path("/"))


def _locked_by(lock: Path) -> int | None:
    """Returns the process that has a lock, as the kernel lists it."""
    try:
        inode = lock.stat().st_ino
        for line in Path("/proc/locks").read_text().splitlines():
            parts = line.split()
            if (
                len(parts) > 5
                and parts[1] == "FLOCK"
                and parts[5].rpartition(":")[2] == str(inode)
                and int(parts[4]) > 0
            ):
                return int(parts[4])
    except (OSError, ValueError):
        pass
    return None


def _listening_on(port: int) -> str:
    """Returns pid and name of the process that listens on a port, "" if this user can't see it."""
    import psutil

    try:
        for one in psutil.net_connections("tcp"):
            if one.status == psutil.CONN_LISTEN and one.laddr and one.laddr.port == port and one.pid:
                return f"{one.pid} ({psutil.Process(one.pid).name()})"
    except (psutil.Error, OSError):
        pass
    return ""
