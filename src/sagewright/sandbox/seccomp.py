"""The system calls denied to a job's processes: a program for the kernel's seccomp filter.

In the spirit of Docker's default profile it refuses calls that change the machine (mounts, namespaces, modules, clocks, swap), that
read it (performance events, the kernel's log, keys), and that have often had holes (io_uring, userfaultfd, bpf). Calls unknown here
are unknown to the process: programs then fall back to older calls. Source: the kernel's documentation,
userspace-api/seccomp_filter; moby's profiles/seccomp/default.json.
"""

from __future__ import annotations

import errno
import platform
import socket
import struct
from collections.abc import Callable
from functools import cache

# Numbers on x86_64 and aarch64, None if there is no such call.
REFUSED: dict[str, tuple[int | None, int | None]] = {
    "_sysctl": (156, None), "acct": (163, 89), "add_key": (248, 217), "bpf": (321, 280), "chroot": (161, 51),
    "clock_adjtime": (305, 266), "clock_settime": (227, 112), "create_module": (174, None), "delete_module": (176, 106),
    "fanotify_init": (300, 262), "finit_module": (313, 273), "fsconfig": (431, 431), "fsmount": (432, 432), "fsopen": (430, 430),
    "fspick": (433, 433), "get_kernel_syms": (177, None), "init_module": (175, 105), "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427), "io_uring_setup": (425, 425), "ioperm": (173, None), "iopl": (172, None),
    "kexec_file_load": (320, 294), "kexec_load": (246, 104), "keyctl": (250, 219), "listmount": (458, 458),
    "lookup_dcookie": (212, 18), "mount": (165, 40), "mount_setattr": (442, 442), "move_mount": (429, 429),
    "nfsservctl": (180, 42), "open_by_handle_at": (304, 265), "open_tree": (428, 428), "perf_event_open": (298, 241),
    "pivot_root": (155, 41), "query_module": (178, None), "quotactl": (179, 60), "quotactl_fd": (443, 443), "reboot": (169, 142),
    "request_key": (249, 218), "setdomainname": (171, 162), "sethostname": (170, 161), "setns": (308, 268),
    "settimeofday": (164, 170), "statmount": (457, 457), "swapoff": (168, 225), "swapon": (167, 224), "sysfs": (139, None),
    "syslog": (103, 116), "umount2": (166, 39), "uselib": (134, None), "userfaultfd": (323, 282), "ustat": (136, None),
    "vhangup": (153, 58),
}  # fmt: skip
_LAST_KNOWN = 462  # mseal, of Linux 6.10
_CLONE, _UNSHARE, _CLONE3 = (56, 220), (272, 97), (435, 435)
_SOCKET, _SOCKETPAIR, _IOCTL, _PERSONALITY = (41, 198), (53, 199), (16, 29), (135, 92)
_OPENAT2 = (437, 437)
_MODES: dict[str, tuple[tuple[int | None, int | None], int]] = {  # the index of the argument with a file's mode
    "chmod": ((90, None), 1), "creat": ((85, None), 1), "fchmod": ((91, 52), 1), "fchmodat": ((268, 53), 2),
    "fchmodat2": ((452, 452), 2), "mknod": ((133, None), 1), "mknodat": ((259, 33), 2), "open": ((2, None), 2),
    "openat": ((257, 56), 3),
}  # fmt: skip

NAMESPACES = 0x7E02_0080  # CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET and NEWTIME
REFUSED_FAMILIES = (socket.AF_VSOCK, 38)  # to the hypervisor, and AF_ALG, the kernel's ciphers
_TIOCSTI, _TIOCLINUX = 0x5412, 0x541C  # type on another user's terminal
_PERSONALITIES = (0x0, 0x8, 0x2_0000, 0x2_0008, 0xFFFF_FFFF)
_SET_ID_BITS = 0o6000

_ARCHITECTURES = {"x86_64": (0xC000_003E, 0), "aarch64": (0xC000_00B7, 1)}
_ALLOW, _ERRNO, _KILL = 0x7FFF_0000, 0x0005_0000, 0x8000_0000
_LOAD, _RETURN, _EQUAL, _GREATER, _ANY_BIT = 0x20, 0x06, 0x15, 0x25, 0x45  # opcodes of classic BPF
_NUMBER_AT, _ARCHITECTURE_AT, _ARGUMENTS_AT = 0, 4, 16  # in struct seccomp_data; little-endian low halves

Instruction = tuple[int, int, int, int]
"""Opcode, instructions to skip if true, if false, and the operand."""


@cache
def seccomp_filter(*, set_ids: bool = True) -> bytes | None:
    """Returns the program; None on an unknown architecture. `set_ids`: True if files may get set-user-id bits."""
    machine = _ARCHITECTURES.get(platform.machine())
    if machine is None:
        return None
    architecture, column = machine
    program = [
        (_LOAD, 0, 0, _ARCHITECTURE_AT), (_EQUAL, 1, 0, architecture), (_RETURN, 0, 0, _KILL), (_LOAD, 0, 0, _NUMBER_AT),
        *_unless(_GREATER, _LAST_KNOWN, errno.ENOSYS), *_unless(_EQUAL, _CLONE3[column], errno.ENOSYS),
    ]  # fmt: skip
    for numbers in REFUSED.values():
        if numbers[column] is not None:
            program += _unless(_EQUAL, numbers[column] or 0, errno.EPERM)
    for call in (_CLONE, _UNSHARE):
        program += _when(call[column], 0, lambda: _unless(_ANY_BIT, NAMESPACES, errno.EPERM))
    for call in (_SOCKET, _SOCKETPAIR):
        program += _when(call[column], 0, lambda: _none_of(REFUSED_FAMILIES, errno.EAFNOSUPPORT))
    program += _when(_IOCTL[column], 1, lambda: _none_of((_TIOCSTI, _TIOCLINUX), errno.EPERM))
    program += _when(_PERSONALITY[column], 0, lambda: _only(_PERSONALITIES, errno.EPERM))
    if not set_ids:
        program += _unless(_EQUAL, _OPENAT2[column], errno.ENOSYS)
        for numbers, argument in _MODES.values():
            if numbers[column] is not None:
                program += _when(numbers[column] or 0, argument, lambda: _unless(_ANY_BIT, _SET_ID_BITS, errno.EPERM))
    program.append((_RETURN, 0, 0, _ALLOW))
    return b"".join(struct.pack("<HBBI", *instruction) for instruction in program)


def _unless(test: int, operand: int, error: int) -> list[Instruction]:
    """Refuses with `error` if the test is true."""
    return [(test, 0, 1, operand), (_RETURN, 0, 0, _ERRNO | error)]


def _none_of(values: tuple[int, ...], error: int) -> list[Instruction]:
    return [instruction for value in values for instruction in _unless(_EQUAL, value, error)]


def _only(values: tuple[int, ...], error: int) -> list[Instruction]:
    tests = [(_EQUAL, len(values) - position, 0, value) for position, value in enumerate(values)]
    return [*tests, (_RETURN, 0, 0, _ERRNO | error)]


def _when(number: int, argument: int, tests: Callable[[], list[Instruction]]) -> list[Instruction]:
    """Applies `tests` to the lower half of an argument of one system call; the number is loaded again after them."""
    inside = [(_LOAD, 0, 0, _ARGUMENTS_AT + 8 * argument), *tests(), (_LOAD, 0, 0, _NUMBER_AT)]
    return [(_EQUAL, 0, len(inside), number), *inside]
