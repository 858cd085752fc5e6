"""Decides cases by Principal Mapper's simulation of policies, in the environment of clients/policies.txt.

Reads a case as JSON from each line, and writes `allowed`, `explicitDeny`, `implicitDeny` or `error`.
"""

from __future__ import annotations

import collections
import collections.abc
import json
import sys
from typing import Any

for _name in ("Mapping", "MutableMapping"):  # it was written for a Python that had them here
    setattr(collections, _name, getattr(collections.abc, _name))

from principalmapper.querying.local_policy_simulation import policy_has_matching_statement  # noqa: E402
from principalmapper.util.case_insensitive_dict import CaseInsensitiveDict  # noqa: E402


def decide(case: dict[str, Any]) -> str:
    context = CaseInsensitiveDict({key: one if len(one) > 1 else one[0] for key, one in case["context"].items()})

    def matches(effect: str) -> bool:
        found: bool = policy_has_matching_statement(case["policy"], effect, case["action"], case["resource"], context)
        return found

    try:
        if matches("Deny"):
            return "explicitDeny"
        return "allowed" if matches("Allow") else "implicitDeny"
    except (ValueError, TypeError):
        return "error"


for line in sys.stdin:
    sys.stdout.write(decide(json.loads(line)) + "\n")
