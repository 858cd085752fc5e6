"""A Python process that is started before its script is known, and then becomes equivalent to `python SCRIPT ARGUMENTS`.

The toolkit of a sandbox created ahead (`ready`) forks it as an ordinary child. It receives words, a directory and variables, and
becomes the program: without restarting the interpreter if they are a script of the job for this Python, and by exec if the result
could differ. Its modules, path, arguments, command line and variables are then those of a new process; the only differences are a
few frames below the script's own, and the start time of the process.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, NoReturn

_FAILED = b"f"
_CHUNK = 1 << 16
_LEISURE_S = 0.01


class Twin:
    """The child from the parent's side, connected by pipes. `output`: descriptor of its output; `own_variables`: True if the job
    brings variables that the start of a Python can have read."""

    def __init__(self, pid: int, tell: int, answer: int, output: int) -> None:
        self.pid, self.output = pid, output
        self.own_variables = True
        self._tell, self._answer = tell, answer
        self._code: int | None = None

    def become(self, words: list[str], cwd: str, environ: Mapping[str, str]) -> None:
        """Raises OSError if there is no such program, BrokenPipeError if this process has ended."""
        import json

        described = {"words": words, "cwd": cwd, "environ": dict(environ), "own": self.own_variables}
        with os.fdopen(self._tell, "wb", 0) as pipe:
            left = memoryview(json.dumps(described).encode())
            while left:
                left = left[pipe.write(left) :]
        with os.fdopen(self._answer, "rb") as pipe:
            answer = pipe.read()
        if answer.startswith(_FAILED):
            self.wait()
            number = int(answer[1:])
            raise OSError(number, os.strerror(number), words[0])

    def end(self) -> None:
        """Ends the process because it is not needed."""
        import signal

        for pipe in (self._tell, self._answer, self.output):
            os.close(pipe)
        self.send_signal(signal.SIGKILL)
        self.wait()

    def poll(self) -> int | None:
        return self._code if self._code is not None else self._await(os.WNOHANG)

    def wait(self) -> int:
        """Returns the exit status, or minus the number of the signal."""
        found = self._code if self._code is not None else self._await(0)
        assert found is not None
        return found

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def _await(self, options: int) -> int | None:
        pid, status = os.waitpid(self.pid, options)
        if pid:
            self._code = -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
        return self._code


_kept: list[Twin] = []


def keep(twin: Twin) -> None:
    """Keeps it for the first program that this process runs."""
    _kept.append(twin)


def take() -> Twin | None:
    """Returns the kept twin, if any."""
    return _kept.pop() if _kept else None


def fork() -> Twin:
    """Forks; does not return in the child."""
    pipes = [os.pipe() for _each in ("tell", "answer", "output")]
    (described, tell), (answer, answered), (output, written) = pipes
    pid = os.fork()
    ours, theirs = (tell, answer, output), (described, answered, written)
    for pipe in theirs if pid else ours:
        os.close(pipe)
    if pid == 0:
        _serve(*theirs)
    return Twin(pid, *ours)


def _serve(described: int, answered: int, written: int) -> NoReturn:
    """Runs in the child: waits for the program. Ends with the toolkit."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for source, target in ((nothing, 0), (written, 1), (written, 2)):
        os.dup2(source, target)
    os.close(nothing)
    os.close(written)
    from select import select

    select([described], [], [], _LEISURE_S)
    import errno
    import json

    from sagewright.toolkit import commandline

    with os.fdopen(described, "rb") as pipe:
        text = pipe.read()
    if not text:
        os._exit(0)
    job: dict[str, Any] = json.loads(text)
    words, environ = job["words"], job["environ"]
    try:
        os.chdir(job["cwd"])
        if job["own"] or not is_script(words, job["cwd"], environ) or not commandline.change(words, environ):
            _execute(words, environ)
    except (OSError, ValueError) as error:  # an empty word is not a program either
        os.write(answered, _FAILED + b"%d" % (getattr(error, "errno", None) or errno.EACCES))
        os._exit(1)
    os.close(answered)
    _run(words, environ)


def _execute(words: list[str], environ: Mapping[str, str]) -> NoReturn:
    import signal

    for number in (signal.SIGPIPE, signal.SIGXFSZ):  # which Python ignores
        signal.signal(number, signal.SIG_DFL)
    os.execvpe(words[0], words, environ)  # noqa: S606


def is_script(words: list[str], cwd: str, environ: Mapping[str, str]) -> bool:
    """Returns True for a script of this Python whose imports at the start are those of this process.

    The job's files take precedence over the environment's, so none can have the name of an already imported module.
    """
    modules, path = _fresh()
    if len(words) < 2 or words[0] != sys.executable or not words[1].endswith(".py") or not path:
        return False
    if "/" in words[1] or not os.path.isfile(f"{cwd}/{words[1]}"):  # noqa: PTH113 - no more is imported than must be
        return False
    if [environ.get("PYTHONPATH"), os.environ.get("PYTHONPATH")] != [f"{cwd}:{path[0]}", path[0]]:
        return False
    taken = {name.split(".")[0] for name in modules} | {"usercustomize"}
    return not taken.intersection(name.split(".")[0] for name in os.listdir(cwd))  # noqa: PTH208


def _fresh() -> tuple[list[str], list[str]]:
    """Returns the names of the modules, and the path, of a Python that has started and run nothing yet, as recorded by the hook
    that each Python of a job imports; nothing if it recorded none."""
    noted = (getattr(finder, "fresh", None) for finder in sys.meta_path)
    return next(filter(None, noted), ([], []))


def _run(words: list[str], environ: Mapping[str, str]) -> NoReturn:
    """Runs a script with the interpreter's own function for that."""
    import ctypes
    import time

    cwd, libc = os.getcwd(), ctypes.CDLL(None)  # noqa: PTH109
    run = ctypes.pythonapi.PyRun_SimpleFileExFlags
    run.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, ctypes.c_void_p]
    libc.fopen.restype = ctypes.c_void_p
    script = os.fsencode(f"{cwd}/{words[1]}")
    os.environ.clear()
    os.environ.update(environ)
    time.tzset()
    sys.argv = words[1:]
    if hasattr(sys, "orig_argv"):
        sys.orig_argv = words
    modules, path = _fresh()
    sys.path[:] = [cwd, cwd, *path]
    main = type(sys)("__main__")
    main.__dict__.update(__builtins__=sys.modules["builtins"], __annotations__={})
    fresh = {name: sys.modules[name] for name in modules if name in sys.modules}
    sys.modules.clear()
    sys.modules.update(fresh, __main__=main)
    status = run(libc.fopen(script, b"rb"), script, 1, None)
    if (
        status and getattr(sys, "last_type", None) is KeyboardInterrupt
    ):  # the interpreter finally ends itself by the signal
        sys.excepthook = lambda *_error: None  # the script's own has reported it
        raise KeyboardInterrupt
    sys.exit(1 if status else 0)
