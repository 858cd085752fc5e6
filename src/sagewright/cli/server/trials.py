"""Trial runs of `sagewright doctor`: a program in the sandbox that jobs would get."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from sagewright.model.settings import Settings
from sagewright.sandbox.base import Launch, Sandbox, Unavailable
from sagewright.sandbox.choose import choose_sandbox

TRIAL_S = 60
_PROGRAM = "import os, pathlib, sys; pathlib.Path(os.environ['TRIAL'], 'trial').write_text(str(sys.version_info[0]))"


def run_trial(settings: Settings, place: Path) -> tuple[bool, str]:
    """Runs a Python program in the sandbox of jobs, which writes a file to its model folder. Returns success and a sentence.

    `place`: an existing directory on the file system of the data directory.
    """
    with tempfile.TemporaryDirectory(prefix="sagewright-trial-", dir=place, ignore_cleanup_errors=True) as scratch:
        directory = Path(scratch)
        try:
            sandbox, _ = choose_sandbox(settings.sandbox, directory)
        except Unavailable as error:
            return False, f"no sandbox: {error}"
        began = time.monotonic()
        try:
            reason = _fault(sandbox, directory)
        finally:
            sandbox.close(directory)
        took = time.monotonic() - began
        return not reason, reason or f"a program ran in {sandbox.name} and wrote its model, in {took:.1f} s"


def _fault(sandbox: Sandbox, directory: Path) -> str:
    """Returns why the program did not do its work, "" if it did."""
    model = directory / "ml" / "model"
    model.mkdir(parents=True)
    for name in ("tmp", "library"):
        (directory / name).mkdir()
    launch = Launch(
        argv=["python", "-I", "-c", _PROGRAM],
        directory=directory,
        environ={"LANG": "C.UTF-8", "TRIAL": "/opt/ml/model" if sandbox.name == "bwrap" else str(model)},
        host="trial",
        addresses={},
        library=directory / "library",
        environment=Path(sys.prefix),
        readable=[Path(sys.base_prefix)],
    )
    command = sandbox.command(launch)
    try:
        done = subprocess.run(
            [*command.wrapper, *command.argv],
            env=command.environ,
            cwd=command.cwd,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=TRIAL_S,
            pass_fds=command.descriptors,
        )
    except subprocess.TimeoutExpired:
        return f"the program did not end within {TRIAL_S} s"
    except OSError as error:
        return f"the program did not start: {error}"
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines()
        return f"the program ended with {done.returncode}: {lines[-1] if lines else 'no message'}"
    return "" if (model / "trial").exists() else "the program's file did not reach its model folder"
