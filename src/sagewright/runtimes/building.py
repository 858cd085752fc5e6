"""`python -m sagewright.runtimes.building DIRECTORY POLICY IMAGE`: builds the environment of an image, and ends with its parent.

It ends, with everything it has started, when its standard input does. A failure is one line of text on its standard output.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path

from sagewright.runtimes.environments import EnvironmentFailed, Environments
from sagewright.runtimes.images import resolve_image


def main(directory: str, policy: str, uri: str) -> int:
    threading.Thread(target=_end_with_starter, daemon=True).start()
    try:
        Environments(Path(directory), policy).ensure(resolve_image(uri))
    except (EnvironmentFailed, OSError) as error:
        sys.stdout.write(str(error))
        return 1
    return 0


def _end_with_starter() -> None:
    """Ends this process with its parent; installers are in its process group."""
    while os.read(0, 64):
        pass
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
