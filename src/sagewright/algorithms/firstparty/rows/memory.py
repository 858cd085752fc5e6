"""The number of rows that a run can hold: a part of the job's memory, for all of its channels together.

Half of the job's memory, less that of the interpreter and its libraries, is for rows; data derived from them takes at most half as
much again. Rows that do not fit are read again when they are needed.
"""

from __future__ import annotations

from dataclasses import dataclass

from sagewright.algorithms.errors import UserError
from sagewright.algorithms.native import hardware

LIBRARIES = 256 << 20
LEAST = 32 << 20
SHARE = 0.5


def for_rows() -> int:
    """Bytes of rows that this process can hold."""
    return max(LEAST, int(SHARE * (hardware.memory_bytes() - LIBRARIES)))


@dataclass
class Budget:
    """`left`: bytes that rows can still use."""

    left: int

    def take(self, size: int) -> None:
        self.left = max(0, self.left - size)


def require(size: float, what: str, remedy: str) -> None:
    """Raises UserError if `size` bytes are more than three quarters of the job's memory: the job would be killed."""
    most = hardware.memory_bytes()
    if size > 0.75 * most:
        raise UserError(
            f"{what} takes {size / (1 << 30):.1f} GiB, and the job has {most / (1 << 30):.1f} GiB of memory. {remedy}"
        )
