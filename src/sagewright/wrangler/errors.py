"""Faults of flows, with the place at which a user finds them."""

from __future__ import annotations

from dataclasses import dataclass


class FlowError(ValueError):
    """A flow that can't be read or changed; the message names the node and the member."""


@dataclass(eq=False)
class StepError(Exception):
    """A step that failed. `row`: counted from 0 in the step's input, None where no single row is to blame; `source`: the file and
    line from which that row came, "" if unknown."""

    node_id: str
    operator: str
    reason: str
    column: str = ""
    row: int | None = None
    value: str = ""
    source: str = ""

    def __str__(self) -> str:
        place = "".join(
            (
                f", column {self.column}" if self.column else "",
                f", row {self.row + 1:,}" if self.row is not None else "",
            )
        )
        came = f" ({self.source})" if self.source else ""
        return f"Step {self.operator} (node {self.node_id}){place}: {self.reason}{came}"
