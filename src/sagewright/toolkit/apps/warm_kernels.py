"""A kernel that is started before it is needed: while a browser loads JupyterLab, a process imports what every kernel imports.

Only the first kernel, that of JupyterLab's own environment, waits. A process that waited is used where a new one would be the same:
with the environment of this process, and with the packages that were installed when it started. Source: jupyter_client 8
(`provisioning/local_provisioner.py`, `launcher.py`).
"""

from __future__ import annotations

import json
import os
import site
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sagewright.toolkit.apps import waiting_kernel

_ARGUMENTS = ("-m", waiting_kernel.LAUNCHER)
_OF_KERNELS = frozenset({"PATH", "VIRTUAL_ENV", "JPY_PARENT_PID", "JPY_SESSION_NAME"})
"""Variables that a kernel may get after its imports."""
_KNOWN = frozenset({"env", "cwd"})
Launch = Callable[..., Any]


@dataclass
class _Waiting:
    process: subprocess.Popen[bytes]
    options: list[str]
    environment: dict[str, str]
    packages: dict[str, int]


class WarmKernels:
    """`launch`: jupyter_client's function that starts a kernel's process."""

    def __init__(self, launch: Launch) -> None:
        self._launch = launch
        self._waiting: _Waiting | None = None

    def prepare(self, options: list[str]) -> None:
        """Starts a process that waits, if none does. `options`: those of the interpreter."""
        if self._waiting is not None and self._waiting.process.poll() is None:
            return
        environment = dict(os.environ)
        process = subprocess.Popen(
            [sys.executable, *options, "-m", waiting_kernel.__name__],
            stdin=subprocess.PIPE, env=environment, start_new_session=True,
        )  # fmt: skip
        self._waiting = _Waiting(process, options, environment, _packages())

    def launch(self, command: list[str], **given: Any) -> Any:
        """Returns the process of a kernel: the one that waits if it fits, else a new one."""
        waiting = self._fitting(command, given)
        if waiting is None:
            return self._launch(command, **given)
        self._waiting = None
        environment = {**given["env"], "JPY_PARENT_PID": str(os.getpid())}
        arguments = command[command.index(waiting_kernel.LAUNCHER) + 1 :]
        kernel = {"arguments": arguments, "environment": environment, "folder": str(given.get("cwd") or Path.cwd())}
        assert waiting.process.stdin is not None
        try:
            with waiting.process.stdin as pipe:
                pipe.write(f"{json.dumps(kernel)}\n".encode())
        except OSError:  # it ended in this moment
            return self._launch(command, **given)
        return waiting.process

    def close(self) -> None:
        """Ends the process that waits."""
        if self._waiting is not None:
            self._waiting.process.kill()
            self._waiting.process.communicate()
            self._waiting = None

    def _fitting(self, command: list[str], given: dict[str, Any]) -> _Waiting | None:
        """Returns the process that waits for such a kernel; ends one that is out of date."""
        waiting = self._waiting
        if waiting is None or {name for name in given if given[name] is not None} - _KNOWN or "env" not in given:
            return None
        if command[: len(waiting.options) + 3] != [sys.executable, *waiting.options, *_ARGUMENTS]:
            return None
        same = _fixed(waiting.environment) == _fixed(given["env"]) and waiting.packages == _packages()
        if same and waiting.process.poll() is None:
            return waiting
        self.close()
        return None


def _fixed(environment: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name not in _OF_KERNELS}


def _packages() -> dict[str, int]:
    """Returns when each folder of packages was last changed: an installed package shows there."""
    found = {}
    for folder in {*filter(None, sys.path), site.getusersitepackages()}:
        if os.path.isdir(folder):  # noqa: PTH112 - a text of sys.path
            found[folder] = os.stat(folder).st_mtime_ns  # noqa: PTH116
    return found
