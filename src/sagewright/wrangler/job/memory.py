"""The memory of a job: how much memory steps may use before they use the disk, and how much a whole table may use.

polars reads its settings when it is imported, so this module is imported and applied before.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from sagewright.algorithms.native.hardware import memory_bytes
from sagewright.wrangler.operators.budget import MemoryBudget

_MIB = 1024 * 1024
MOST_SPILL = 1024 * _MIB
FEWEST_SPILL = 128 * _MIB


def budget(whole_bytes: int) -> MemoryBudget:
    """Returns the limits of a job with that much memory."""
    return MemoryBudget(max(min(whole_bytes // 4, MOST_SPILL), FEWEST_SPILL), whole_bytes * 3 // 4)


def of_job() -> MemoryBudget:
    return budget(memory_bytes())


@contextmanager
def spilling(root: Path, environment: MutableMapping[str, str] = os.environ) -> Iterator[None]:
    """Makes polars spill data beyond the limit to files below `root`, and removes them afterwards. polars must not be imported
    yet."""
    root.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".spill-", dir=root) as folder:
        environment["POLARS_OOC_MEMORY_BUDGET_MB"] = str(of_job().spill_bytes // _MIB)
        environment["POLARS_OOC_SPILL_DIR"] = folder
        yield
