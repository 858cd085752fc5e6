"""Attempts at the kernel: mounts, namespaces, parts that have had holes."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import mmap
import os
import platform
import signal
import socket
from pathlib import Path

from trying import ARM, Held, attempt, call, libc, must

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
