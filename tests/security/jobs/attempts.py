"""Run inside a sandbox: attempts to get out of it, or to touch what is the machine's. Prints a JSON object: name -> what happened.

An attempt that works harms nothing: a setting is given its present value, a file is opened and not written, loops are bounded.
Standard library alone; an attempt raises where it was refused, and returns what it got where it was not.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import json
import mmap
import os
import platform
import resource
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

HELD, WORKED = "held", "WORKED"
LIMIT_S = 20
ATTEMPTS: dict[str, Callable[[], object]] = {}
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
OPEN_AT_START = {
    name: os.readlink(f"/proc/self/fd/{name}")
    for name in os.listdir("/proc/self/fd")
    if os.path.exists(f"/proc/self/fd/{name}")
}
ARM = platform.machine() == "aarch64"


class Held(Exception):
    """The wall held, in words."""


def attempt(act: Callable[[], object]) -> Callable[[], object]:
    ATTEMPTS[act.__name__] = act
    return act


def call(x86: int, arm: int | None, *arguments: object, refused: tuple[int, ...] = (errno.EPERM, errno.ENOSYS)) -> str:
    """A system call that must be refused by one of these errors: another error means that the kernel looked at it."""
    if ARM and arm is None:
        raise Held("there is no such call")
    given = (ctypes.c_long(value) if isinstance(value, int) else value for value in arguments)
    done = libc.syscall(ctypes.c_long(arm if ARM and arm is not None else x86), *given)
    if done < 0 and ctypes.get_errno() in refused:
        raise Held(os.strerror(ctypes.get_errno()))
    return f"{done}, {os.strerror(ctypes.get_errno())}"


def status(name: str, of: str = "self") -> str:
    lines = Path(f"/proc/{of}/status").read_text().splitlines()
    return next(line.split(":", 1)[1].strip() for line in lines if line.startswith(name + ":"))


def must(good: bool, said: object) -> str:
    if good:
        raise Held(str(said))
    return str(said)


# Who it is


@attempt
def root_is_root_outside() -> str:
    lines = [line.split() for line in Path("/proc/self/uid_map").read_text().splitlines()]
    return must(all(int(outside) != 0 for _inside, outside, _count in lines), lines)


@attempt
def groups_of_the_machines_root() -> str:
    lines = [line.split() for line in Path("/proc/self/gid_map").read_text().splitlines()]
    return must(all(int(outside) != 0 for _inside, outside, _count in lines), lines)


@attempt
def more_capabilities_than_over_its_own_files() -> str:
    allowed = sum(1 << number for number in (0, 1, 3, 4, 5, 6, 7))  # CHOWN … SETUID, without DAC_READ_SEARCH
    held = int(status("CapEff"), 16) | int(status("CapPrm"), 16) | int(status("CapAmb"), 16)
    return must(held & ~allowed == 0, hex(held))


@attempt
def new_privileges() -> str:
    return must(status("NoNewPrivs") == "1", status("NoNewPrivs"))


@attempt
def system_calls_without_a_filter() -> str:
    return must(status("Seccomp") == "2", status("Seccomp"))


@attempt
def capabilities_by_a_set_user_id_program() -> str:
    copy = "/tmp/set-user-id"
    Path(copy).write_bytes(Path("/proc/self/exe").resolve().read_bytes())
    os.chmod(copy, 0o6755)
    script = "print(open('/proc/self/status').read().split('CapEff:')[1].split()[0])"
    done = subprocess.run(
        [copy, "-I", "-S", "-c", script], capture_output=True, text=True, check=False, timeout=LIMIT_S
    )
    return must(
        done.returncode != 0 or int(done.stdout, 16) & ~int(status("CapEff"), 16) == 0, done.stdout or done.stderr
    )


# The machine's settings


@attempt
def a_core_pattern_that_runs_programs() -> str:
    with open("/proc/sys/kernel/core_pattern", "r+") as file:
        file.write(file.read())
    return "written"


@attempt
def any_setting_of_the_kernel() -> str:
    return _any_writable("/proc/sys")


@attempt
def any_file_of_sys() -> str:
    return _any_writable("/sys")


def _any_writable(top: str) -> str:
    """Opened for writing and closed again."""
    found, until = [], time.monotonic() + LIMIT_S / 2
    for folder, folders, files in os.walk(top):
        folders[:] = [name for name in folders if not os.path.islink(f"{folder}/{name}")]
        for name in files:
            try:
                if stat.S_ISREG(os.lstat(f"{folder}/{name}").st_mode):
                    os.close(os.open(f"{folder}/{name}", os.O_WRONLY | os.O_NONBLOCK))
                    found.append(f"{folder}/{name}")
            except OSError:
                continue
        if time.monotonic() > until:
            break
    return must(not found, found[:5])


@attempt
def the_magic_key() -> str:
    os.close(os.open("/proc/sysrq-trigger", os.O_WRONLY))
    return "opened"


@attempt
def the_time_of_the_machine() -> str:
    now = (ctypes.c_long * 2)(int(time.time()), 0)
    return call(227, 112, 0, ctypes.byref(now))


@attempt
def the_name_of_the_machine() -> str:
    name = socket.gethostname().encode()
    return call(170, 161, ctypes.c_char_p(name), len(name))


@attempt
def a_restart_of_the_machine() -> str:
    return call(169, 142, 0, 0, 0, 0)  # without the magic numbers it does nothing


@attempt
def another_kernel() -> str:
    return call(246, 104, 0, 0, None, 0)


@attempt
def a_module_of_the_kernel() -> str:
    return call(175, 105, ctypes.c_char_p(b""), 0, ctypes.c_char_p(b""))


@attempt
def process_accounting() -> str:
    return call(163, 89, ctypes.c_char_p(b"/tmp/none"))


@attempt
def swap() -> str:
    return call(167, 224, ctypes.c_char_p(b"/tmp/none"), 0)


@attempt
def quotas() -> str:
    return call(179, 60, 0x800004 << 8, ctypes.c_char_p(b"/tmp/none"), 0, None)


@attempt
def ports_of_the_hardware() -> str:
    return call(172, None, 3)


# What the machine knows


@attempt
def memory_of_the_kernel() -> str:
    return must(not _bytes_of("/proc/kcore"), "nothing to read")


@attempt
def keys_of_the_kernel() -> str:
    return must(not _bytes_of("/proc/keys"), "nothing to read")


@attempt
def the_kernels_log() -> str:
    buffer = ctypes.create_string_buffer(100)
    return call(103, 116, 3, buffer, 100)


@attempt
def timers_of_other_processes() -> str:
    return must(not _bytes_of("/proc/timer_list"), "nothing to read")


@attempt
def the_machines_firmware() -> str:
    found = [file for _folder, _folders, files in os.walk("/sys/firmware") for file in files]
    return must(not found, found[:3])


@attempt
def power_counters() -> str:
    found = [file for _folder, _folders, files in os.walk("/sys/devices/virtual/powercap") for file in files]
    return must(not found, found[:3])


@attempt
def groups_of_other_jobs() -> str:
    found = [
        file for _folder, _folders, files in os.walk("/sys/fs/cgroup") for file in files if file == "release_agent"
    ]
    return must(not found, found[:3])


def _bytes_of(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(64)
    except OSError:
        return b""


@attempt
def devices() -> str:
    allowed = {
        "null",
        "zero",
        "full",
        "random",
        "urandom",
        "tty",
        "console",
        "ptmx",
        "core",
        "fd",
        "stdin",
        "stdout",
        "stderr",
    }
    found = set()
    for name in os.listdir("/dev"):
        mode = os.lstat(f"/dev/{name}").st_mode
        if (stat.S_ISBLK(mode) or stat.S_ISCHR(mode)) and name not in allowed and not name.startswith("nvidia"):
            found.add(name)
    return must(not found, found)


@attempt
def a_disk_by_a_node_of_its_own() -> str:
    os.mknod("/tmp/disk", 0o600 | stat.S_IFBLK, os.makedev(254, 0))
    return must(not _bytes_of("/tmp/disk"), "it can be made, not read")


@attempt
def a_file_by_its_handle() -> str:
    handle = ctypes.create_string_buffer(b"\x08\0\0\0\x01\0\0\0" + b"\x02" + b"\0" * 7, 128)
    return call(304, 265, os.open("/opt/ml", os.O_RDONLY), handle, 0)


# Mounts and namespaces


@attempt
def a_mount() -> str:
    Path("/tmp/mount").mkdir(exist_ok=True)
    return call(165, 40, ctypes.c_char_p(b"none"), ctypes.c_char_p(b"/tmp/mount"), ctypes.c_char_p(b"tmpfs"), 0, None)


@attempt
def a_mount_by_the_new_calls() -> str:
    return call(430, 430, ctypes.c_char_p(b"tmpfs"), 0)


@attempt
def a_copy_of_a_mount() -> str:
    return call(428, 428, -100, ctypes.c_char_p(b"/"), 1)


@attempt
def the_system_writable_again() -> str:
    return call(165, 40, None, ctypes.c_char_p(b"/usr"), None, 0x1020, None)


@attempt
def what_is_behind_a_mask() -> str:
    return call(166, 39, ctypes.c_char_p(b"/proc/sys"), 2)


@attempt
def another_root() -> str:
    return call(155, 41, ctypes.c_char_p(b"."), ctypes.c_char_p(b"."))


@attempt
def a_change_of_root() -> str:
    return call(161, 51, ctypes.c_char_p(b"/"))


@attempt
def a_user_namespace() -> str:
    return call(272, 97, 0x1000_0000)


@attempt
def a_mount_namespace() -> str:
    return call(272, 97, 0x0002_0000)


@attempt
def a_network_namespace() -> str:
    return call(272, 97, 0x4000_0000)


@attempt
def a_child_in_a_user_namespace() -> str:
    done = libc.syscall(
        ctypes.c_long(220 if ARM else 56), ctypes.c_long(0x1000_0000 | signal.SIGCHLD), *[ctypes.c_long(0)] * 4
    )
    if done == 0:
        os._exit(0)
    return must(done < 0, os.strerror(ctypes.get_errno()))


@attempt
def a_child_by_the_new_call() -> str:
    arguments = ctypes.create_string_buffer((0x1000_0000).to_bytes(8, "little") + b"\0" * 80)
    done = libc.syscall(ctypes.c_long(435), arguments, ctypes.c_long(88))
    if done == 0:
        os._exit(0)
    return must(done < 0, os.strerror(ctypes.get_errno()))


@attempt
def the_namespace_of_its_first_process() -> str:
    return call(308, 268, os.open("/proc/1/ns/mnt", os.O_RDONLY), 0)


@attempt
def mounts_of_its_first_process() -> str:
    return must(os.path.samefile("/proc/1/root", "/"), os.listdir("/proc/1/root"))


# Parts of the kernel that have had holes


@attempt
def programs_of_the_kernel() -> str:
    return call(321, 280, 0, ctypes.create_string_buffer(128), 128)


@attempt
def performance_events() -> str:
    return call(
        298, 241, ctypes.create_string_buffer(128), 0, -1, -1, 0, refused=(errno.EPERM, errno.ENOSYS, errno.EACCES)
    )


@attempt
def rings_of_io() -> str:
    return call(425, 425, 4, ctypes.create_string_buffer(128))


@attempt
def faults_handled_by_users() -> str:
    return call(323, 282, 0)


@attempt
def key_rings() -> str:
    return call(250, 219, 0, -3, 1)


@attempt
def a_key() -> str:
    return call(248, 217, ctypes.c_char_p(b"user"), ctypes.c_char_p(b"x"), ctypes.c_char_p(b"y"), 1, -4)


@attempt
def a_call_that_is_newer_than_the_filter() -> str:
    return call(470, 470, 0, 0, 0)


@attempt
def calls_of_32_bits() -> str:
    """getpid by the old gate, which a filter for 64 bits doesn't see."""
    if platform.machine() != "x86_64":
        raise Held("there are none")
    code = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    code.write(b"\xb8\x14\x00\x00\x00\xcd\x80\xc3")  # mov eax, 20; int 0x80; ret
    function = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(code)))
    return must(function() != os.getpid(), "it was not answered")


@attempt
def the_other_numbers_of_this_processor() -> str:
    if platform.machine() != "x86_64":
        raise Held("there are none")
    return call(0x4000_0000 + 39, None)


@attempt
def a_socket_to_the_hypervisor() -> str:
    socket.socket(40, socket.SOCK_STREAM)
    return "made"


@attempt
def ciphers_of_the_kernel() -> str:
    socket.socket(38, socket.SOCK_SEQPACKET)
    return "made"


@attempt
def packets_of_others() -> str:
    socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 3)
    return "made"


@attempt
def packets_of_its_own_making() -> str:
    socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    return "made"


@attempt
def words_typed_on_a_terminal() -> str:
    master, slave = os.openpty()
    try:
        fcntl.ioctl(slave, 0x5412, b"x")
    finally:
        os.close(master)
        os.close(slave)
    return "typed"


@attempt
def addresses_that_can_be_guessed() -> str:
    return call(135, 92, 0x0040_0000 | 0x0004_0000)


# Other processes, and more than its share


@attempt
def other_processes() -> str:
    mine = {int(name) for name in os.listdir("/proc") if name.isdigit()}
    return must(max(mine) < 2000 and len(mine) < 50, sorted(mine))


@attempt
def descriptors_of_the_launcher() -> str:
    found = {name: target for name, target in OPEN_AT_START.items() if int(name) > 2 and "attempts.py" not in target}
    return must(not found, found)


@attempt
def descriptors_of_its_first_process() -> str:
    found = []
    for name in os.listdir("/proc/1/fd"):
        target = os.readlink(f"/proc/1/fd/{name}")
        if int(name) > 2 and not target.startswith(("anon_inode:", "pipe:", "/memfd:conformance")):
            found.append(target)
    return must(not found, found)


@attempt
def paths_of_the_machine_by_the_first_process() -> str:
    words = Path("/proc/1/cmdline").read_bytes().split(b"\0")
    secret = os.environ["HIDDEN"].encode()
    return must(not any(secret in word or word.startswith(b"/work") for word in words), words[:6])


@attempt
def variables_of_the_launcher() -> str:
    """Its own, and in a container those of the first process, which is this one."""
    known = {b"PATH", b"PWD", b"SHLVL", b"_", b"SAGEWRIGHT_HOST_ID", *map(os.fsencode, os.environ)}
    found = {line.split(b"=")[0] for line in Path("/proc/1/environ").read_bytes().split(b"\0") if line}
    return must(found <= known, found - known)


@attempt
def a_file_of_the_machine() -> str:
    return Path(os.environ["HIDDEN"]).read_text()


@attempt
def a_file_of_the_machine_by_the_first_process() -> str:
    return Path(f"/proc/1/root{os.environ['HIDDEN']}").read_text()


@attempt
def a_file_of_the_machine_by_its_working_directory() -> str:
    for number in os.listdir("/proc"):
        if number.isdigit():
            try:
                return Path(f"/proc/{number}/cwd/../../../../../..{os.environ['HIDDEN']}").read_text()
            except OSError:
                continue
    raise Held("no such file")


@attempt
def passwords() -> str:
    return must(not os.path.exists("/etc/shadow"), "not there")


@attempt
def a_file_of_the_system() -> str:
    Path("/usr/bin/sagewright-attempt").write_text("x")
    return "written"


@attempt
def a_program_of_the_system() -> str:
    os.chmod("/usr/bin/env", 0o755)
    return "changed"


@attempt
def less_likely_to_be_killed() -> str:
    with open("/proc/self/oom_score_adj", "w") as file:
        file.write("-1000")
    return "written"


@attempt
def before_others_on_the_processor() -> str:
    os.setpriority(os.PRIO_PROCESS, 0, -20)
    return str(os.getpriority(os.PRIO_PROCESS, 0))


@attempt
def a_realtime_process() -> str:
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(50))
    return "set"


@attempt
def more_than_a_hard_limit() -> str:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY:
        raise Held("there is none")
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard + 1))
    return str(resource.getrlimit(resource.RLIMIT_NOFILE))


@attempt
def a_signal_to_the_machines_processes() -> str:
    """To a number that is a process of the test's outside."""
    os.kill(int(os.environ["OUTSIDE"]), 0)
    return must(os.path.exists(f"/proc/{os.environ['OUTSIDE']}"), "it is a process of its own")


def run(name: str) -> str:
    """In a process of its own, which may be killed for it."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        try:
            said = f"{WORKED}: {ATTEMPTS[name]()}"
        except (OSError, Held, ValueError) as error:
            said = f"{HELD}: {error}"
        except BaseException as error:
            said = f"broken: {type(error).__name__}: {error}"
        os.write(write, said.encode())
        os._exit(0)
    os.close(write)
    signal.alarm(LIMIT_S)
    with os.fdopen(read, "rb") as file:
        said = file.read().decode()
    signal.alarm(0)
    _, ended = os.waitpid(child, 0)
    return said or f"{HELD}: killed by signal {os.WTERMSIG(ended)}"


if __name__ == "__main__":
    json.dump({name: run(name) for name in ATTEMPTS}, sys.stdout)
