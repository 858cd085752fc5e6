"""How many examples Hypothesis tries: few in `make test`, which draws others each time, and many in `make soak`."""

from __future__ import annotations

import os

MORE = "SAGEWRIGHT_TEST_EXAMPLES"
"""So many times as many."""


def examples(few: int) -> int:
    return few * int(os.environ.get(MORE, "1"))
