"""`python -m sagewright.algorithms REPOSITORY[:VERSION] train|serve`."""

from __future__ import annotations

import sys

from sagewright.algorithms.run import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
