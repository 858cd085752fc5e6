"""Which variant, and which instance of it, a request goes to."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

from sagewright.front.invocations.routes import RouteInstance


class Quota:
    """Shares requests out by weights: at any time each part has had its due, but for one request, and the order has no pattern.

    Each request goes to a random part of those that are not ahead of their due; one that is a whole request behind comes first.
    Source: measured beside random choice and smooth weighted round robin; see docs/explanation/hosting.md.
    """

    def __init__(self) -> None:
        self._weights: dict[str, float] = {}
        self._owed: dict[str, float] = {}

    def choose(self, weights: Mapping[str, float]) -> str:
        """A name. At least one weight is above 0."""
        if weights != self._weights:
            self._weights = dict(weights)
            self._owed = {name: self._owed.get(name, 0.0) for name, weight in weights.items() if weight > 0}
        parts = {name: weight for name, weight in self._weights.items() if weight > 0}
        if len(parts) == 1:
            return next(iter(parts))
        total = sum(parts.values())
        for name, weight in parts.items():
            self._owed[name] += weight / total
        late = max(parts, key=self._owed.__getitem__)
        if self._owed[late] < 1.0 - 1e-9:
            due = [name for name in parts if self._owed[name] > 0]
            late = random.choices(due, [self._owed[name] for name in due])[0]  # noqa: S311 - nothing to keep secret
        self._owed[late] -= 1.0
        return late


def least_busy(instances: Sequence[RouteInstance], busy: Mapping[str, int], *, at_random: bool) -> RouteInstance:
    """The instance with the fewest requests under way (`busy`, by id), of several such a random one."""
    if len(instances) == 1:
        return instances[0]
    if at_random:
        return random.choice(instances)  # noqa: S311 - nothing to keep secret
    fewest = min(busy.get(one.id, 0) for one in instances)
    return random.choice([one for one in instances if busy.get(one.id, 0) == fewest])  # noqa: S311
