"""How many threads matrix products use."""

from __future__ import annotations

from contextlib import AbstractContextManager

from threadpoolctl import threadpool_limits


def one() -> AbstractContextManager[object]:
    """Products of mini-batches are too small to share: threads that wait for each other cost twenty times as much on busy cores."""
    limits: AbstractContextManager[object] = threadpool_limits(1, user_api="blas")
    return limits
