"""Attempts at other processes and files, and at more than the job's share."""

from __future__ import annotations

import os
import resource
from pathlib import Path

from trying import OPEN_AT_START, Held, attempt, must

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
    place = os.path.dirname(os.environ["HIDDEN"]).encode()
    return must(not any(place in word for word in words), words[:6])


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
