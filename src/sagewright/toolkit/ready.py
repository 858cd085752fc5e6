"""A toolkit that was started before its job is known, and waits to be told what it is to be. It says that it is ready as soon as it
can be told, and imports what it will need while nobody tells it anything.

Its standard input is then a socket, where a job's is /dev/null. The agent sends one JSON document and ends the stream: `argv`,
`environ`, and `own`, whether some of the variables are the job's own. Until then no code of any user has run in this sandbox. A
program that can't be executed is answered with a byte.

One that waits for a built-in algorithm's training has the modules in SAGEWRIGHT_AHEAD imported, and goes on as that. What a library
reads when it is loaded has to be what the job would give it: else the algorithm is a new Python, as any other program.
"""

from __future__ import annotations

import os
import stat

from sagewright.toolkit import twin

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any, NoReturn

AWAITED = ["python", "-m", "sagewright.toolkit", "train"]
_ALGORITHM = ["python", "-m", "sagewright.algorithms"]
_AHEAD = "SAGEWRIGHT_AHEAD"
_READ_AT_LOAD = ("OMP_", "GOMP_", "MKL_", "KMP_", "OPENBLAS_", "PYTHON", "LANG", "LC_", "LD_", "TORCH", "NUMBA_")

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
    ahead = tuple(filter(None, os.environ.pop(_AHEAD, "").split(",")))
    started = dict(os.environ)
    script = None if ahead else twin.fork()
    os.write(0, b"r")
    _import_meanwhile(ahead or _NEEDED)
    imported = dict(os.environ)
    described = b"".join(_described())
    if not described:
        os._exit(0)  # and with it the twin
    import json

    connection = _leave_socket()
    job = json.loads(described)
    os.environ.clear()
    os.environ.update(job["environ"])
    os.environ["PWD"] = os.getcwd()  # noqa: PTH109 - as bwrap does at last
    if ahead and _is_alike(job, started):
        os.close(connection)
        _change(started, imported)
        _run_algorithm(job["argv"][3:])
    if job["argv"] != AWAITED:
        if script is not None:
            script.end()
        _become(job["argv"], connection)
    os.close(connection)
    if script is not None:
        script.own_variables = job["own"]
        twin.keep(script)


def _is_alike(job: Mapping[str, Any], started: Mapping[str, str]) -> bool:
    """Whether a new Python would be what this one is, started with these variables."""
    known = _read_at_load(started) == _read_at_load(job["environ"])
    return known and not job["own"] and job["argv"][:3] == _ALGORITHM


def _read_at_load(environ: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environ.items() if name.startswith(_READ_AT_LOAD)}


def _change(before: Mapping[str, str], after: Mapping[str, str]) -> None:
    """Have the environment's variables changed as imports have changed others."""
    os.environ.update({name: value for name, value in after.items() if before.get(name) != value})
    for name in before.keys() - after.keys():
        os.environ.pop(name, None)


def _run_algorithm(arguments: list[str]) -> NoReturn:
    import sys

    from sagewright.algorithms.run import main

    sys.argv = [sys.modules[main.__module__].__file__ or "", *arguments]
    sys.exit(main(arguments))


def _import_meanwhile(names: Sequence[str]) -> None:
    from importlib import import_module
    from select import select

    for number, name in enumerate(names):
        if select([0], [], [], 0 if number else _LEISURE_S)[0]:
            return
        try:
            import_module(name)
        except Exception:  # whose job it is will be told why, when it imports that itself
            return


def _described() -> Iterator[bytes]:
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
