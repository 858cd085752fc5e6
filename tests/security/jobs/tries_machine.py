"""Attempts at the machine: its users, its settings, what it knows."""

from __future__ import annotations

import ctypes
import os
import socket
import stat
import subprocess
import time
from pathlib import Path

from trying import LIMIT_S, attempt, call, must, status

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
