"""For the server of a test: it is killed (SIGKILL) at a step of its own, once.

DIE_AT names the step: module:function:before or after:which call of it. DIED is the file that says that it has happened.
"""

from __future__ import annotations

import importlib
import itertools
import os
import signal
import sys
from pathlib import Path
from typing import Any


def arm(step: str, note: str) -> None:
    module_name, path, when, which = step.split(":")
    *owners, name = path.split(".")
    owner: Any = importlib.import_module(module_name)
    for one in owners:
        owner = getattr(owner, one)
    own, calls = getattr(owner, name), itertools.count(1)

    def die(*arguments: Any, **named: Any) -> Any:
        mine = next(calls) == int(which)
        if mine and when == "before":
            killed(note)
        result = own(*arguments, **named)
        if mine:
            killed(note)
        return result

    setattr(owner, name, die)


def killed(note: str) -> None:
    os.close(os.open(note, os.O_CREAT | os.O_EXCL))
    os.kill(os.getpid(), signal.SIGKILL)


if "DIE_AT" in os.environ and "up" in sys.orig_argv and not Path(os.environ["DIED"]).exists():
    arm(os.environ["DIE_AT"], os.environ["DIED"])
