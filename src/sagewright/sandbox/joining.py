"""`python -I joining.py PIDFD SPEC`: runs a program among a job's processes, with their permissions and no more.

PIDFD is a descriptor of a process of the sandbox, and SPEC one of a JSON document: `pid` of that process, `argv`, `environ`, `cwd`,
`terminal`, `filter` (the seccomp program in hexadecimal digits). The program gets the process's control groups, namespaces, user,
capabilities, limits and filter of system calls, in that order, and is executed last. Whatever fails ends this program before the
user's is started.

Processes of the sandbox can reach a process that enters it before that has given up its own privileges. So this one is a new
process without secrets that no other can trace (PR_SET_DUMPABLE), and it closes its other descriptors. It imports only the
standard library, and is run by its path. Source: the manual pages setns(2), capabilities(7), ptrace(2).
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import json
import os
import resource
import select
import signal
import sys
import termios
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

REFUSED, NOT_EXECUTABLE, NOT_FOUND = 125, 126, 127
"""Exit statuses of programs that did not start."""
NAMESPACES = {
    "user": 0x1000_0000, "cgroup": 0x0200_0000, "ipc": 0x0800_0000, "uts": 0x0400_0000, "net": 0x4000_0000,
    "pid": 0x2000_0000, "mnt": 0x0002_0000,
}  # fmt: skip
_SET_DUMPABLE, _SET_PDEATHSIG, _SET_SECCOMP, _SET_NO_NEW_PRIVS = 4, 1, 22, 38
_CAPBSET_READ, _CAPBSET_DROP, _CAP_AMBIENT, _AMBIENT_CLEAR = 23, 24, 47, 4
_FILTER = 2
_CAPABILITIES_V3 = 0x2008_0522
_LIMITS = (
    "RLIMIT_AS", "RLIMIT_CORE", "RLIMIT_CPU", "RLIMIT_DATA", "RLIMIT_FSIZE", "RLIMIT_MEMLOCK", "RLIMIT_NOFILE",
    "RLIMIT_NPROC", "RLIMIT_STACK", "RLIMIT_MSGQUEUE", "RLIMIT_RTPRIO", "RLIMIT_NICE",
)  # fmt: skip
_libc = ctypes.CDLL(None, use_errno=True)


class CannotJoin(Exception):
    """The program cannot get the rights of the job, or not without others; the message says which."""


@dataclass(frozen=True)
class JobProcess:
    """The rights of a process, as the kernel reports them. `user`, `group`: ids inside its user namespace; `capabilities`: sets by
    their names in /proc; `groups`: control groups by hierarchy; `filtered`: True if system calls are filtered."""

    pid: int
    user: int
    group: int
    extra_groups: frozenset[int]
    capabilities: dict[str, int]
    no_new_privileges: bool
    filtered: bool
    umask: int
    groups: dict[str, str]
    entered: int

    @classmethod
    def read(cls, pid: int) -> JobProcess:
        """Reads the process. Raises OSError, CannotJoin."""
        lines = (line.partition(":") for line in Path(f"/proc/{pid}/status").read_text().splitlines())
        status = {name: value.split() for name, _, value in lines}
        flags = [kind for name, kind in NAMESPACES.items() if _namespace(pid, name) != _namespace("self", name)]
        return cls(
            pid,
            _inside(pid, "uid", int(status["Uid"][1])),
            _inside(pid, "gid", int(status["Gid"][1])),
            frozenset(map(int, status["Groups"])),
            {name: int(status[name][0], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd")},
            status["NoNewPrivs"] == ["1"],
            status["Seccomp"] == [str(_FILTER)],
            int(status["Umask"][0], 8),
            control_groups(pid),
            sum(flags),
        )


def main(pid_descriptor: int, spec_descriptor: int) -> NoReturn:
    try:
        with os.fdopen(spec_descriptor) as file:
            spec: dict[str, Any] = json.load(file)
        _checked(_libc.prctl(_SET_DUMPABLE, 0, 0, 0, 0), "hide from other processes")
        target = JobProcess.read(spec["pid"])
        _check(target, spec)
        signal.pidfd_send_signal(pid_descriptor, 0)  # it is still the process that was read
        _enter_groups(target)
        _copy_limits(target.pid)
        if target.entered:
            _checked(_libc.setns(pid_descriptor, target.entered), "enter the job's namespaces")
        _checked(_libc.prctl(_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0), "end with the command")
    except (CannotJoin, OSError, LookupError, ValueError) as error:
        _end(f"cannot join the job: {error}", REFUSED)
    child = os.fork()
    if child:
        _attend(child, pid_descriptor)
    try:
        _become(target, spec)
    except (CannotJoin, OSError) as error:
        _end(f"cannot join the job: {error}", REFUSED)
    _execute(spec)


def control_groups(pid: int | str) -> dict[str, str]:
    """Returns the paths of a process's control groups by their controllers, "" for version 2. Raises OSError."""
    parts = (line.split(":", 2) for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines())
    return {controllers: path for _number, controllers, path in parts}


def _namespace(pid: int | str, name: str) -> str:
    try:
        return os.readlink(f"/proc/{pid}/ns/{name}")  # noqa: PTH115 - a name of the kernel's, no path
    except FileNotFoundError:  # a kernel without this kind
        return ""


def _inside(pid: int, kind: str, number: int) -> int:
    """Returns an id as the process's user namespace has it. Raises CannotJoin for one that it does not have."""
    for line in Path(f"/proc/{pid}/{kind}_map").read_text().splitlines():
        first, outside, count = map(int, line.split())
        if outside <= number < outside + count:
            return first + number - outside
    raise CannotJoin(f"its {kind} {number} is not in its user namespace")


def _check(target: JobProcess, spec: dict[str, Any]) -> None:
    if target.filtered and not spec["filter"]:
        raise CannotJoin("its system calls are filtered, and there is no filter for this processor")
    if target.filtered and not target.no_new_privileges:
        raise CannotJoin("its system calls are filtered, but it may gain privileges")


def _enter_groups(target: JobProcess) -> None:
    """Enters the job's control groups, so that its limits apply and this process ends with it. Raises CannotJoin."""
    own = control_groups("self")
    for controllers, path in target.groups.items():
        if own.get(controllers) == path:
            continue
        try:
            place = _mounted(controllers)
            if place is not None:
                (place / path.lstrip("/") / "cgroup.procs").write_text(str(os.getpid()))
        except OSError as error:
            raise CannotJoin(
                f"its control group {path} cannot be entered ({error.strerror}); as a user on cgroup v2: "
                "systemd-run --user --scope sagewright jobs shell …"
            ) from error


def _mounted(controllers: str) -> Path | None:
    """Returns where a hierarchy of control groups is mounted, None if it is not."""
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        words = line.split()
        kind, _source, options = words[words.index("-") + 1 :][:3]
        if kind == "cgroup2" and not controllers:
            return Path(words[4])
        if kind == "cgroup" and controllers and set(controllers.split(",")) <= set(options.split(",")):
            return Path(words[4])
    return None


def _copy_limits(pid: int) -> None:
    """Takes over the limits of the process where they are lower than our own. Raises OSError."""
    for name in _LIMITS:
        kind = getattr(resource, name)
        soft, hard = resource.prlimit(pid, kind)
        _own_soft, own_hard = resource.getrlimit(kind)
        hard = own_hard if hard == resource.RLIM_INFINITY else hard if own_hard < 0 else min(hard, own_hard)
        soft = hard if soft == resource.RLIM_INFINITY else soft if hard < 0 else min(soft, hard)
        resource.setrlimit(kind, (soft, hard))
    with suppress(OSError):  # raising it needs no right, lowering does
        Path("/proc/self/oom_score_adj").write_text(Path(f"/proc/{pid}/oom_score_adj").read_text())


def _attend(child: int, target: int) -> NoReturn:
    """Waits for the program, ends it with the job, and exits with its status."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, lambda number, _frame: os.kill(child, number))
    descriptor = os.pidfd_open(child)
    while not (ready := select.select([descriptor, target], [], [])[0]):
        continue
    if descriptor not in ready:
        os.kill(child, signal.SIGKILL)
    _pid, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    os._exit(128 - code if code < 0 else code)


def _become(target: JobProcess, spec: dict[str, Any]) -> None:
    """Gives this process the rights of the job's. Raises OSError, CannotJoin."""
    os.setsid()
    if spec["terminal"]:
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    os.umask(target.umask)
    _change_user(target)
    _limit_capabilities(target.capabilities)
    if target.no_new_privileges:
        _checked(_libc.prctl(_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "give up new privileges")
    _checked(_libc.prctl(_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0), "end with the command")
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    try:
        os.chdir(spec["cwd"])
    except OSError:
        os.chdir("/")
    for number in range(1, signal.NSIG):
        with suppress(OSError, ValueError):
            signal.signal(number, signal.SIG_DFL)
    if target.filtered:
        _filter(bytes.fromhex(spec["filter"]))


def _change_user(target: JobProcess) -> None:
    try:
        os.setgroups([])
    except PermissionError:  # as in a user namespace of one user
        if more := set(os.getgroups()) - target.extra_groups - {os.getegid()}:
            raise CannotJoin(f"you are in the groups {sorted(more)}, and the job is not") from None
    os.setresgid(target.group, target.group, target.group)
    os.setresuid(target.user, target.user, target.user)


def _limit_capabilities(sets: dict[str, int]) -> None:
    """Takes over the capabilities. The kernel refuses those that this process does not have."""
    number = 0
    while (held := _libc.prctl(_CAPBSET_READ, number, 0, 0, 0)) >= 0:
        if held and not sets["CapBnd"] >> number & 1:
            _checked(_libc.prctl(_CAPBSET_DROP, number, 0, 0, 0), f"drop capability {number}")
        number += 1
    _checked(_libc.prctl(_CAP_AMBIENT, _AMBIENT_CLEAR, 0, 0, 0), "drop ambient capabilities")
    header = (ctypes.c_uint32 * 2)(_CAPABILITIES_V3, 0)
    halves = [sets[name] >> shift & 0xFFFF_FFFF for shift in (0, 32) for name in ("CapEff", "CapPrm", "CapInh")]
    _checked(_libc.capset(header, (ctypes.c_uint32 * 6)(*halves)), "take over capabilities")


class _Program(ctypes.Structure):
    """struct sock_fprog"""

    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def _filter(program: bytes) -> None:
    handed = _Program(len(program) // 8, program)
    _checked(_libc.prctl(_SET_SECCOMP, _FILTER, ctypes.byref(handed), 0, 0), "filter system calls")


def _execute(spec: dict[str, Any]) -> NoReturn:
    """Executes the first program of `argv` that exists: a list of command lines."""
    missing: OSError | None = None
    for words in spec["argv"]:
        try:
            os.execvpe(words[0], words, spec["environ"])  # noqa: S606
        except (OSError, ValueError) as error:
            missing = error if isinstance(error, OSError) else OSError(errno.EINVAL, str(error))
    reason = missing.strerror if missing is not None else "no command"
    status = NOT_FOUND if missing is not None and missing.errno == errno.ENOENT else NOT_EXECUTABLE
    _end(f"{spec['argv'][-1][0]}: {reason}", status)


def _checked(result: int, what: str) -> None:
    if result < 0:
        raise CannotJoin(f"cannot {what}: {os.strerror(ctypes.get_errno())}")


def _end(message: str, status: int) -> NoReturn:
    with suppress(OSError):
        os.write(2, f"sagewright: {message}\n".encode(errors="replace"))
    os._exit(status)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
