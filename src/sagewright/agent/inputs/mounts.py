"""FastFile mode without the object store's files: FUSE mounts in a mount namespace from which the job's sandbox is made.

`python -I -m sagewright.agent.inputs.mounts HOST_DIRECTORY` makes the mounts of HOST_DIRECTORY/mounts.json, reports that, and
keeps them until its input ends. Only it sees the namespace, which disappears with its last process: no kind of end leaves a
mount behind.
`… mounts HOST_DIRECTORY --probe` tries an empty mount: exit status 0 if that worked.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

from sagewright.agent.hostfile import read_host_file
from sagewright.agent.inputs.sources import Stored
from sagewright.agent.s3 import JobS3
from sagewright.sandbox import kernel
from sagewright.sandbox.namespace import MountNamespace

_PR_SET_PDEATHSIG = 1
_MOUNT_S = 20.0
_PROBE_S = 60
_FAILED = 70
_FIRST_FREE_FD = 3
_MOUNTED = b"mounted\n"


class CannotMount(RuntimeError):
    """Mounting failed; the message says why."""


@cache
def no_mounts_reason() -> str | None:
    """Returns why this machine cannot make such mounts, or None. Tries a mount to find out."""
    if not os.access("/dev/fuse", os.R_OK | os.W_OK):
        return "/dev/fuse cannot be opened"
    with tempfile.TemporaryDirectory(prefix="sagewright-probe-") as place:
        command = [sys.executable, "-I", "-m", "sagewright.agent.inputs.mounts", place, "--probe"]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_PROBE_S, cwd="/")
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"cannot test a FUSE mount: {error}"
    if done.returncode == 0:
        return None
    return f"FUSE cannot mount: {(done.stderr.strip().splitlines() or ['it failed silently'])[-1]}"


@contextmanager
def mounted(host_directory: Path, mounts: Mapping[str, Mapping[str, Stored]]) -> Iterator[MountNamespace | None]:
    """Mounts objects by path, by mount point, in a separate namespace for the duration of the context; None if there are none.

    Raises CannotMount.
    """
    if not mounts:
        yield None
        return
    plan = {
        target: [[path, stored.bucket, stored.key, stored.size] for path, stored in files.items()]
        for target, files in mounts.items()
    }
    (host_directory / "mounts.json").write_text(json.dumps(plan))
    command = [sys.executable, "-I", "-m", "sagewright.agent.inputs.mounts", str(host_directory)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd="/") as holder:
        assert holder.stdin and holder.stdout
        opened: list[int] = []
        try:
            if holder.stdout.readline() != _MOUNTED:
                raise CannotMount("the objects of a channel could not be mounted; agent.log says why")
            names = ("mnt",) if os.geteuid() == 0 else ("mnt", "user")
            opened += [os.open(f"/proc/{holder.pid}/ns/{name}", os.O_RDONLY | os.O_CLOEXEC) for name in names]
            yield MountNamespace(opened[0], opened[1] if len(opened) > 1 else None)
        finally:
            for descriptor in opened:
                os.close(descriptor)
            with suppress(BrokenPipeError):
                holder.stdin.close()


def enter_namespace() -> None:
    """Moves this process to a private mount namespace. Raises CannotMount."""
    user, group = os.geteuid(), os.getegid()
    try:
        try:
            kernel.unshare(kernel.CLONE_NEWNS)
        except PermissionError:
            kernel.unshare(kernel.CLONE_NEWUSER | kernel.CLONE_NEWNS)
            Path("/proc/self/setgroups").write_text("deny")
            Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
            Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
        kernel.mount("none", "/", "none", kernel.MS_REC | kernel.MS_PRIVATE)
    except OSError as error:
        raise CannotMount(f"no private mount namespace: {error}") from error


def mount(target: Path, files: Mapping[str, Stored], s3: JobS3 | None, log: Path) -> None:
    """Mounts at `target` through a process that ends with this one. Raises CannotMount."""
    from sagewright.agent.inputs.fuse import ObjectFileSystem

    parent, before = os.getpid(), target.stat().st_dev
    child = os.fork()
    if child == 0:
        _serve(parent, target, ObjectFileSystem(s3, files), log)
    deadline = time.monotonic() + _MOUNT_S
    while target.stat().st_dev == before:
        if os.waitpid(child, os.WNOHANG)[0] or time.monotonic() > deadline:
            raise CannotMount(f"no FUSE mount at {target}; agent.log may say more")
        time.sleep(0.002)


def _serve(parent: int, target: Path, files: Any, log: Path) -> NoReturn:
    """Serves the mount in a child, which has none of the parent's descriptors and ends with it."""
    status = _FAILED
    try:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(status)
        nothing = os.open(os.devnull, os.O_RDONLY)
        to_log = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        for fd, kept in ((0, nothing), (1, to_log), (2, to_log)):
            os.dup2(kept, fd)
        os.closerange(_FIRST_FREE_FD, os.sysconf("SC_OPEN_MAX"))
        os.setsid()
        from mfusepy import FUSE

        FUSE(
            files,
            str(target),
            foreground=True,
            ro=True,
            allow_other=os.geteuid() == 0,
            fsname="sagewright",
            attr_timeout=3600,
            entry_timeout=3600,
        )
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def main(arguments: list[str]) -> int:
    """Returns at the end of the input, and after a probe or a failure."""
    directory = Path(arguments[0])
    try:
        enter_namespace()
        if arguments[1:] == ["--probe"]:
            mount(directory, {}, None, Path(os.devnull))
            return 0
        s3 = JobS3(read_host_file(directory), lambda: None)
        for target, files in json.loads((directory / "mounts.json").read_bytes()).items():
            stored = {path: Stored(bucket, key, size) for path, bucket, key, size in files}
            mount(Path(target), stored, s3, directory / "agent.log")
        sys.stdout.buffer.write(_MOUNTED)
        sys.stdout.flush()
        sys.stdin.read()
    except (CannotMount, OSError, ImportError) as error:
        sys.stderr.write(f"{error}\n")
        return _FAILED
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
