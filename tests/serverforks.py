"""Starts servers as forks of a process that has imported all of one: a start's CPU time is mostly imports.

A line of standard input is `{"number": 1, "argv": [...], "cwd": ..., "environ": {...}, "log": file}`. Lines of standard output are
`{"number": 1, "pid": ...}` for what was started, and `{"number": 1, "status": exit code, or minus a signal}` for what ended.
"""

import gc
import importlib
import json
import os
import select
import signal
import sys
from pathlib import Path
from typing import Any

import agentforks

MODULES = (
    "sagewright.cli.main",
    "sagewright.cli.server.up",
    "sagewright.server.server",
    "sagewright.services.registry",
    "uvicorn.lifespan.off",
    "uvicorn.loops.uvloop",
)
"""Modules that a server imports at its start, and with the first jobs and requests."""


def start(asked: dict[str, Any]) -> None:
    """In a fork: what `sagewright up` does, as its own process would see it."""
    os.environ.clear()
    os.environ.update(asked["environ"])
    os.chdir(asked["cwd"])
    log = os.open(asked["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.closerange(3, 256)
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    sys.argv = asked["argv"]
    sys.path[0] = str(Path(sys.argv[0]).parent)
    gc.unfreeze()
    from sagewright.cli.main import main
    from sagewright.compute import forkserver

    forkserver.subprocess = agentforks  # type: ignore[assignment]
    try:
        main()
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:
        sys.excepthook(*sys.exc_info())
        status = 1
    else:
        status = 0
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def tell(**document: int) -> None:
    sys.stdout.write(json.dumps(document) + "\n")
    sys.stdout.flush()


def reap(running: dict[int, int]) -> None:
    """Tell which of the servers, pid to number, have ended."""
    while running:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        if pid in running:
            tell(number=running.pop(pid), status=os.waitstatus_to_exitcode(status))


def load() -> None:
    """Modules that every server has in memory soon after its start."""
    for module in MODULES:
        importlib.import_module(module)
    from sagewright.algorithms.schema import catalogue
    from sagewright.model.aws.service_models import service_model
    from sagewright.services import registry

    registry.load()
    catalogue.declarations()
    for service in ("sagemaker", "s3", "logs", "sts"):
        service_model(service)


def main() -> None:
    agentforks.Popen.name = agentforks.listen()
    load()
    gc.collect()
    gc.freeze()
    woken, wake = os.pipe2(os.O_NONBLOCK)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake)
    running: dict[int, int] = {}
    waiting = b""
    while True:
        ready, _, _ = select.select([0, woken], [], [])
        if woken in ready:
            os.read(woken, 4096)
            reap(running)
        if 0 in ready:
            data = os.read(0, 1 << 20)
            if not data:
                return  # the servers go on, as any that a test left
            *lines, waiting = (waiting + data).split(b"\n")
            for line in lines:
                asked = json.loads(line)
                pid = os.fork()
                if pid == 0:
                    start(asked)
                running[pid] = asked["number"]
                tell(number=asked["number"], pid=pid)


main()
