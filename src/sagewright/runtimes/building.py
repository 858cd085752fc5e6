"""`python -m sagewright.runtimes.building DIRECTORY POLICY IMAGE`: builds the environment of an image, and ends with its parent.

It ends, with everything it has started, when its standard input does. On its standard output it writes its progress every two
seconds, in lines that begin with PROGRESS, and at the end the reason of a failure. The last such line says that jobs can start;
bytecode is then made with a low priority.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path

from sagewright.runtimes.environments import EnvironmentFailed, Environments
from sagewright.runtimes.images import resolve_image
from sagewright.runtimes.progress import InstallProgress

PROGRESS = "\x1e"
EVERY_S = 2.0
COMPILING = 10
"""Niceness that is added to the process before it makes bytecode."""


def main(directory: str, policy: str, uri: str) -> int:
    threading.Thread(target=_end_with_starter, daemon=True).start()
    progress, over = InstallProgress(), threading.Event()
    threading.Thread(target=_report, args=(progress, over), daemon=True).start()
    environments = Environments(Path(directory), policy, follow=progress.take, compiles=False)
    try:
        made = environments.ensure(resolve_image(uri))
        _say(progress)
        over.set()
        os.nice(COMPILING)
        environments.compile(made)
    except (EnvironmentFailed, OSError) as error:
        over.set()
        sys.stdout.write(str(error))
        return 1
    return 0


def _report(progress: InstallProgress, over: threading.Event) -> None:
    while not over.wait(EVERY_S):
        _say(progress)


def _say(progress: InstallProgress) -> None:
    sys.stdout.write(f"{PROGRESS}{progress.text()}\n")
    sys.stdout.flush()


def _end_with_starter() -> None:
    """Ends this process with its parent; installers are in its process group."""
    while os.read(0, 64):
        pass
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
