"""A server in the background: `sagewright up --detach` and `sagewright down`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import Annotated

import typer

from sagewright.cli.options import FAILURE, DataOption, fail, settings_of
from sagewright.door.environment import NoServer, find_target
from sagewright.model.settings import Settings

LOG = "up.log"
START_S = 120
PUBLIC = "public-endpoint"
"""Note of the URL for other machines, where there is one."""
_LOOK_S = 0.1
_MOST_LOG = 10 << 20
_SHOWN = 2000
"""Bytes of the log's end that are shown when the server did not start."""


def start_detached(settings: Settings, arguments: list[str]) -> str:
    """Starts `sagewright up` with `arguments` in a new session, with its output in `up.log`. Returns the URL once it answers.

    Ends the command if a server runs already, or if it does not start.
    """
    endpoint = _endpoint(settings)
    if endpoint:
        fail(f"A server already runs on {settings.data}: {endpoint}", FAILURE)
    settings.data.mkdir(parents=True, exist_ok=True)
    path = settings.data / LOG
    if path.exists() and path.stat().st_size > _MOST_LOG:
        path.unlink()
    with path.open("ab") as log:
        path.chmod(0o600)
        begin = log.tell()
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "sagewright.cli.main", "up", *arguments],  # -P: not from this directory
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    deadline = time.monotonic() + START_S
    while not (endpoint := _endpoint(settings)):
        status = process.poll()
        if status is not None or time.monotonic() > deadline:
            why = f"ended with {status}" if status is not None else f"did not answer within {START_S} s"
            with path.open("rb") as written:
                written.seek(max(begin, path.stat().st_size - _SHOWN))
                fail(f"The server {why}: {written.read().decode(errors='replace').strip()}", FAILURE)
        time.sleep(_LOOK_S)
    public = settings.data / PUBLIC
    return public.read_text().strip() if public.exists() else endpoint


def _endpoint(settings: Settings) -> str:
    """Returns the URL of the running server, "" if none answers."""
    try:
        return find_target(settings.data, settings.region, settings.account).endpoint
    except NoServer:
        return ""


def down(
    data: DataOption = None,
    timeout_s: Annotated[
        float, typer.Option("--timeout", min=1, help="Seconds to wait until the server has ended.")
    ] = 60,
) -> None:
    """Stop the server of a data directory. Its jobs and endpoints go on; the next `up` takes them over."""
    from sagewright.cli.lean import request
    from sagewright.model import titles

    settings = settings_of(data=data)
    found = request(settings, "GET", "overview")
    pid = int(found["pid"])
    own = {one.pid for one in titles.running(settings.data) if one.kind == titles.SERVER}
    if pid not in own:
        fail(
            f"The server of {settings.data} is not a process of yours on this machine; stop it where it runs.", FAILURE
        )
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + timeout_s
    while any(one.pid == pid for one in titles.running(settings.data)):
        if time.monotonic() > deadline:
            fail(f"The server (pid {pid}) has not ended within {timeout_s:g} s.", FAILURE)
        time.sleep(_LOOK_S)
    jobs = found["running"] + found["queued"]
    typer.echo(
        "The server has ended." + (f" {jobs} jobs go on or wait; sagewright up takes them over." if jobs else "")
    )
