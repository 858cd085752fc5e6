"""Prints a process's view of its environment with the standard library: lines of a name and JSON. Runs on any Python 3."""

import json
import os
import re
import resource
import signal
import socket
import stat
import sys

_FIELDS = ("Umask", "Uid", "Gid", "Groups", "SigQ", "SigPnd", "ShdPnd", "SigBlk", "SigIgn", "SigCgt", "CapInh", "CapPrm", "CapEff",
           "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp", "Seccomp_filters", "Cpus_allowed", "THP_enabled")  # fmt: skip


def read(path):
    try:
        with open(path, errors="replace") as file:
            return file.read()
    except OSError as error:
        return "error %s" % error.errno


def status(pid):
    lines = (line.partition(":") for line in read("/proc/%s/status" % pid).splitlines())
    return {name: " ".join(value.split()) for name, _, value in lines if name in _FIELDS and name != "SigQ"}


def descriptors():
    found = {}
    for number in sorted(int(name) for name in os.listdir("/proc/self/fd")):
        try:
            flags = read("/proc/self/fdinfo/%d" % number).split("flags:", 1)[1].split()[0]
            found[number] = [re.sub(r"\d+", "N", os.readlink("/proc/self/fd/%d" % number)), flags]
        except (OSError, IndexError):
            pass  # the one that listed them
    return found


def mounts():
    """By place, without what names the job or the machine's devices."""
    found = []
    for line in read("/proc/self/mountinfo").splitlines():
        before, after = line.split(" - ")
        words, kind = before.split(), after.split()
        options = re.sub(r"/run/source/\d+|[0-9a-f]{32}|(?<=[ug]id=)\d+", "N", kind[2])
        found.append([words[4], words[5], kind[0], options])
    return found


def tree(top):
    found, others = {}, {words[0] for words in mounts()}
    for folder, folders, files in os.walk(top):
        folders[:] = sorted(name for name in folders if os.path.join(folder, name) not in others)
        for name in sorted(folders + files):
            path = os.path.join(folder, name)
            seen = os.lstat(path)
            size = seen.st_size if stat.S_ISREG(seen.st_mode) and "resource" not in name else None
            found[path] = [oct(seen.st_mode), seen.st_uid, seen.st_gid, size]
    return found


def world():
    memory = os.environ.get("SAGEWRIGHT_SHARED_MEMORY")
    return {
        "environ": [re.sub(r"(/proc/1/fd/)\d+", r"\1N", one) for one in read("/proc/self/environ").split("\0")],
        "variables": list(os.environ),
        "cmdline": read("/proc/self/cmdline").split("\0"),
        "argv": sys.argv,
        "path": sys.path,
        "flags": repr(sys.flags),
        "modules": sorted(sys.modules),
        "main": sorted(name for name in vars(sys.modules["__main__"]) if name.startswith("__")),
        "ids": [os.getresuid(), os.getresgid(), os.getgroups(), os.getpid(), os.getppid(), os.getsid(0), os.getpgid(0)],
        "processes": sorted(int(name) for name in os.listdir("/proc") if name.isdigit()),
        "parent": [os.getppid() > 1 and read("/proc/%d/cmdline" % os.getppid()), status(os.getppid())],
        "status": status("self"),
        "comm": read("/proc/self/comm"),
        "limits": read("/proc/self/limits"),
        "rlimits": [resource.getrlimit(which) for which in range(16)],
        "oom": read("/proc/self/oom_score_adj"),
        "personality": read("/proc/self/personality"),
        "nice": [os.getpriority(os.PRIO_PROCESS, 0), os.sched_getscheduler(0), sorted(os.sched_getaffinity(0))],
        "cgroup": read("/proc/self/cgroup"),
        "maps": [read("/proc/self/setgroups"), len(read("/proc/self/uid_map").splitlines())],
        "signals": {str(number): str(signal.getsignal(number)) for number in range(1, 32)},
        "descriptors": descriptors(),
        "cwd": os.getcwd(),
        "umask": os.umask(0),
        "mounts": mounts(),
        "names": [socket.gethostname(), os.uname().machine, read("/etc/hostname"), read("/etc/passwd")],
        "hosts": re.sub(r"127\.\d+\.\d+\.\d+\talgo", "N\talgo", read("/etc/hosts")),
        "network": sorted(name for _, name in socket.if_nameindex()),
        "files": [tree("/opt/ml"), tree("/tmp"), tree("/root"), tree("/run"), tree("/var"), tree("/dev/shm")],
        "memory": memory and [os.stat(memory).st_size, os.stat(memory).st_nlink, open_flags(memory)],
        "stdin": sys.stdin.read(),
    }


def open_flags(memory):
    import fcntl

    descriptor = os.open(memory, os.O_RDWR)
    return fcntl.fcntl(descriptor, 1034)  # F_GET_SEALS


if __name__ == "__main__":
    for _name, _value in world().items():
        print("WORLD", _name, json.dumps(_value), flush=True)
