"""One reason: a resource, its status and a sentence."""

from __future__ import annotations

from dataclasses import dataclass

MOST_TEXT = 1024


@dataclass(frozen=True)
class Reason:
    """`kind`: as in paths and ARNs (`training-job`); `text`: "" for a resource whose status says all."""

    kind: str
    name: str
    status: str
    text: str

    def document(self) -> dict[str, str]:
        return {"kind": self.kind, "name": self.name, "status": self.status, "reason": self.text[:MOST_TEXT]}
