"""`python -m sagewright.agent.forkserver FD [PLACE NUMBER]`: the fork server (`zygote`), imported with the code that an earlier one
has kept."""

from __future__ import annotations

import gc
import socket
import sys
from pathlib import Path

from sagewright.model.kept.generated_code import KeptCode


def main(fd: int, place: Path, most: int) -> None:
    """See Zygote."""
    gc.disable()  # it is frozen before the first fork
    generated = KeptCode("forkserver").begin()
    from sagewright.agent.zygote import Zygote
    from sagewright.model import titles

    generated.end()
    gc.enable()
    titles.show(titles.FORK_SERVER)
    Zygote(socket.socket(fileno=fd), place, most).serve()


if __name__ == "__main__":
    _place, _most = (Path(sys.argv[2]), int(sys.argv[3])) if len(sys.argv) > 2 else (Path(), 0)
    main(int(sys.argv[1]), _place, _most)
