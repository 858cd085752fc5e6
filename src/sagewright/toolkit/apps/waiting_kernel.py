"""`python -m sagewright.toolkit.apps.waiting_kernel`: a Python process that becomes a kernel when it is given one.

It has imported what every kernel needs. One line of JSON on its standard input names the arguments, the environment and the folder;
without one, at the end of the input, it ends.
"""

from __future__ import annotations

import contextlib
import json
import os
import runpy
import sys
from importlib import import_module

LAUNCHER = "ipykernel_launcher"
MODULES = (
    "ipykernel.kernelapp",
    "ipykernel.debugger",
    "IPython.core.completerlib",
    "IPython.extensions.storemagic",
    "psutil",
)
"""Modules that a kernel imports before its first cell. Source: sys.modules of ipykernel 7 after its initialization."""


def main() -> None:
    """Imports, waits, and becomes the kernel."""
    del sys.path[0]  # the folder of this process is not that of the notebook
    for name in MODULES:
        with contextlib.suppress(Exception):  # the kernel itself says what is wrong with its packages
            import_module(name)
    line = sys.stdin.readline()
    if not line.endswith("\n"):
        return
    kernel = json.loads(line)
    os.environ.clear()
    os.environ.update(kernel["environment"])
    os.chdir(kernel["folder"])
    sys.argv[1:] = kernel["arguments"]
    sys.path.insert(0, "")  # as `python -m` has it
    runpy.run_module(LAUNCHER, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
