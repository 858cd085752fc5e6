"""A toolkit that was started before its job is known, and waits to be told what it is to be. It says that it is ready as soon as it
can be told, and imports what it will need while nobody tells it anything.

Its standard input is then a socket, where a job's is /dev/null. The agent sends one JSON document and ends the stream: `argv`,
`environ`, and `own`, whether some of the variables are the job's own. Until then no code of any user has run in this sandbox. A
program that can't be executed is answered with a byte.
"""

from __future__ import annotations

import os
import stat

from sagewright.toolkit import twin

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

AWAITED = ["python", "-m", "sagewright.toolkit", "train"]


_NEEDED = ("json", "ctypes", "signal", "pathlib", "subprocess", "sagewright.toolkit.training", "tarfile", "gzip",
           "sagewright.toolkit.code", "shlex")  # fmt: skip
"""What is used later, and what any job needs first."""
_LEISURE_S = 0.1
"""A job that comes sooner than that is one of a series, whose next sandbox needs the processor more."""


def is_ahead() -> bool:
    """Whether this process was started ahead of its job."""
    return stat.S_ISSOCK(os.fstat(0).st_mode)


def await_job() -> None:
    """Return when the job is one of the toolkit's, in its environment; for any other this process becomes the job's program."""
    script = twin.fork()
    os.write(0, b"r")
    _import_meanwhile()
    told = b"".join(_told())
    if not told:
        os._exit(0)  # and with it the twin
    import json

    connection = _leave_socket()
    job = json.loads(told)
    os.environ.clear()
    os.environ.update(job["environ"])
    os.environ["PWD"] = os.getcwd()  # noqa: PTH109 - as bwrap does at last
    if job["argv"] != AWAITED:
        script.end()
        _become(job["argv"], connection)
    os.close(connection)
    script.own_variables = job["own"]
    twin.keep(script)


def _import_meanwhile() -> None:
    from importlib import import_module
    from select import select

    for number, name in enumerate(_NEEDED):
        if select([0], [], [], 0 if number else _LEISURE_S)[0]:
            return
        import_module(name)


def _told() -> Iterator[bytes]:
    while part := os.read(0, 1 << 16):
        yield part


def _leave_socket() -> int:
    """A descriptor of it that no other program gets, and /dev/null in its place."""
    connection = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.close(nothing)
    return connection


def _become(words: list[str], connection: int) -> None:
    """As bwrap does it: by the C library's search of PATH, and with every signal as a new process has it."""
    import ctypes
    import signal

    for number in (signal.SIGPIPE, signal.SIGXFSZ):  # which Python ignores
        signal.signal(number, signal.SIG_DFL)
    arguments = [os.fsencode(word) for word in words]
    libc = ctypes.CDLL(None, use_errno=True)
    libc.execvp(arguments[0], (ctypes.c_char_p * (len(arguments) + 1))(*arguments, None))
    os.write(2, b"bwrap: execvp %s: %s\n" % (arguments[0], os.strerror(ctypes.get_errno()).encode()))
    os.write(connection, b"x")
    os._exit(1)
