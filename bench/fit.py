"""A no-op `fit()` of the SageMaker Python SDK v2, end to end, its logs included."""

from __future__ import annotations

import json
import os
import subprocess

import peers
import start
from rows import Row, median, spread
from server import CACHE, SAGEWRIGHT, Sagewright, running, scratch

SECTION = "b"
FITS = 7
CLIENT = CACHE / "clients" / "sdk-v2" / "bin" / "python"
LIMITS = "the SDK's sleeps between polls, which the door shortens; then its 20 calls and the job"


def measure() -> list[Row]:
    seconds = _fits()
    try:
        peer, theirs = "Ray: submit, wait, logs", median([job["end"] for job in start.ray_jobs()])
    except (peers.NoPeer, RuntimeError, subprocess.TimeoutExpired) as error:
        peer, theirs = f"Ray was not measured: {str(error)[:160]}", None
    what = "no-op fit(), SDK v2, through `sagewright exec`"
    return [Row(SECTION, what, median(seconds), "s", peer, theirs, LIMITS, spread(seconds, "s"))]


def _fits() -> list[float]:
    with scratch() as directory, running(Sagewright(directory / "data")) as server:
        assert isinstance(server, Sagewright)
        program = [str(CLIENT), "-W", "ignore", str(peers.PROGRAMS / "fit_sdk2.py"), str(FITS)]
        command = [str(SAGEWRIGHT), "exec", "--data", str(server.data), "--", *program]
        environ = {**os.environ, "SAGEMAKER_SUPPRESS_V2_WARNING": "1"}
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environ, timeout=600)
        if done.returncode:
            raise RuntimeError(f"fit() failed: {done.stdout[-1000:]}\n{done.stderr[-2000:]}")
        seconds: list[float] = json.loads(done.stdout.strip().splitlines()[-1])
        return seconds
