"""A toolkit process that is started ahead of its job, and waits for instructions. It reports that it is ready as soon as it can
receive them, and imports further modules while it waits.

Its standard input is then a socket, where a job's is /dev/null. The agent sends one JSON document and ends the stream: `argv`,
`environ`, and `own`, True if some of the variables are the job's own. Until then no user code has run in this sandbox. It answers
with a byte if the program can't be executed.

A process that waits for a built-in algorithm's training imports the modules in SAGEWRIGHT_AHEAD, and then becomes that algorithm.
The variables that libraries read on loading must be the same as in the job: otherwise the algorithm starts in a new Python, like
any other program.
"""

from __future__ import annotations

import os
import stat

from sagewright.toolkit.ahead import twin

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
"""Modules used later, the ones that any job needs first."""
_LEISURE_S = 0.01
"""A job that arrives sooner waits for this process. Otherwise all imports are done before a script needs them."""


def is_ahead() -> bool:
    """Returns True if this process was started ahead of its job."""
    return stat.S_ISSOCK(os.fstat(0).st_mode)


def await_job() -> None:
    """Returns in the job's environment if the job is one of the toolkit's; for any other, this process becomes the job's
    program."""
    ahead = tuple(filter(None, os.environ.pop(_AHEAD, "").split(",")))
    started = dict(os.environ)
    script = None if ahead else twin.fork()
    os.write(0, b"r")
    _import_meanwhile(ahead or _NEEDED)
    imported = dict(os.environ)
    described = b"".join(_described())
    if not described:
        os._exit(0)  # ends the twin too
    import json

    connection = _leave_socket()
    job = json.loads(described)
    os.environ.clear()
    os.environ.update(job["environ"])
    os.environ["PWD"] = os.getcwd()  # noqa: PTH109 - as bwrap does at last
    if ahead and _is_alike(job, started):
        os.close(connection)
        _change(started, imported)
        from sagewright.toolkit import commandline

        commandline.change(job["argv"], job["environ"])  # in /proc, where `jobs shell` and others read it
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
    """Returns True if a new Python would be equivalent to this one, which was started with these variables."""
    known = _read_at_load(started) == _read_at_load(job["environ"])
    return known and not job["own"] and job["argv"][:3] == _ALGORITHM


def _read_at_load(environ: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environ.items() if name.startswith(_READ_AT_LOAD)}


def _change(before: Mapping[str, str], after: Mapping[str, str]) -> None:
    """Applies the difference between `before` and `after`, made by imports, to the environment."""
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
        except Exception:  # the job sees the error when it imports the module itself
            return


def _described() -> Iterator[bytes]:
    while part := os.read(0, 1 << 16):
        yield part


def _leave_socket() -> int:
    """Returns a descriptor of the socket that no other program inherits, and puts /dev/null in its place."""
    connection = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.close(nothing)
    return connection


def _become(words: list[str], connection: int) -> None:
    """Executes like bwrap: with the C library's search of PATH, and with every signal as in a new process."""
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
