"""The environment of a job with more in it: `environment.py IMAGE REQUIREMENTS` prints its Python's path, once it is made."""

from __future__ import annotations

import sys
from pathlib import Path

from sagewright.runtimes.environments import Environments
from sagewright.runtimes.images import resolve_image

KEPT = Path(__file__).parent.parent / ".cache" / "environments"


def main(image: str, requirements: str) -> int:
    environments = Environments(KEPT)
    base = environments.ensure(resolve_image(image), _say)
    made = environments.with_requirements(base, Path(requirements).read_text(), _say)
    print(made.path / "bin" / "python")
    return 0


def _say(line: str) -> None:
    print(line, file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
