"""A job's environment with more beside it: `environment.py IMAGE REQUIREMENTS PLACE` makes one at PLACE, which sees the job's
packages and has those of the file; it prints its Python's path."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from sagewright.runtimes.environments import Environments
from sagewright.runtimes.images import resolve_image

KEPT = (Path(__file__).parent.parent / ".cache" / "environments").resolve()  # its path is written into PLACE
UV = Path(sys.executable).with_name("uv")


def main(image: str, requirements: str, place: Path) -> int:
    base = Environments(KEPT).ensure(resolve_image(image), _say).path
    python = place / "bin" / "python"
    environ = {**os.environ, "UV_COMPILE_BYTECODE": "0"}  # most of it is never imported
    for command in (["venv", "--clear", "--python", base / "bin" / "python", place],
                    ["pip", "install", "--python", python, "-r", requirements]):  # fmt: skip
        subprocess.run([UV, *command[:1], *map(str, command[1:]), "--quiet"], check=True, env=environ)
    (packages,) = place.glob("lib/python3*/site-packages")
    (theirs,) = base.glob("lib/python3*/site-packages")
    (packages / "job.pth").write_text(f"{theirs}\n")
    print(python)
    return 0


def _say(line: str) -> None:
    print(line, file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], Path(sys.argv[3])))
