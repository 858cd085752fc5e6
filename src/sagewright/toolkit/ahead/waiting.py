"""`python -I -S waiting.py`: waits in a sandbox that was created ahead, and becomes the program of the job that gets it.

It does for programs what `ready` does for scripts, and imports nothing but modules inside the interpreter, so that it costs a fifth
of that process. Its standard input is a socket, where a job's is /dev/null: it says `r` there, and reads its words and variables:
their numbers and they themselves, each ended by a NUL. It answers with a byte if the program can't be executed.
"""

import _signal  # type: ignore[import-not-found]
import errno
import posix

_SIGPIPE, _SIGXFSZ = 13, 25
_CHUNK = 1 << 16
_SHELL = b"/bin/sh"


def main() -> None:
    posix.write(0, b"r")
    described = b"".join(iter(lambda: posix.read(0, _CHUNK), b""))
    if not described:
        posix._exit(0)
    first, second, *parts = described.split(b"\0")[:-1]
    words, variables = parts[: int(first)], parts[int(first) : int(first) + int(second)]
    connection = posix.dup(0)
    nothing = posix.open("/dev/null", posix.O_RDWR)
    posix.dup2(nothing, 0)
    posix.close(nothing)
    for number in (_SIGPIPE, _SIGXFSZ):  # which Python ignores
        _signal.signal(number, _signal.SIG_DFL)
    environ = dict(one.split(b"=", 1) for one in variables)
    fault = become(words, environ)
    posix.write(2, b"bwrap: execvp %s: %s\n" % (words[0], posix.strerror(fault).encode()))
    posix.write(connection, b"x")
    posix._exit(1)


def become(words: "list[bytes]", environ: "dict[bytes, bytes]") -> int:
    """Executes a program as the C library's execvp does, by the PATH of `environ`; returns the error's number."""
    name, denied = words[0], 0
    if b"/" in name:
        return _execute(name, words, environ)
    for directory in environ.get(b"PATH", b"/bin:/usr/bin").split(b":") if name else ():
        fault = _execute(directory + b"/" + name if directory else name, words, environ)
        if fault == errno.EACCES:
            denied = fault
        elif fault not in {errno.ENOENT, errno.ENOTDIR, errno.ESTALE, errno.ENODEV, errno.ETIMEDOUT}:
            return fault
    return denied or errno.ENOENT


def _execute(path: bytes, words: "list[bytes]", environ: "dict[bytes, bytes]") -> int:
    fault = _replace(path, words, environ)
    return _replace(_SHELL, [_SHELL, path, *words[1:]], environ) if fault == errno.ENOEXEC else fault


def _replace(path: bytes, words: "list[bytes]", environ: "dict[bytes, bytes]") -> int:
    try:
        posix.execve(path, words, environ)
    except OSError as error:
        return error.errno or errno.EACCES


if __name__ == "__main__":
    main()
