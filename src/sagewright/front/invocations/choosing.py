"""Choice of the variant and the instance for a request."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

from sagewright.front.invocations.routes import RouteInstance


class Quota:
    """Distributes requests by weight: at any time each variant has had its share to within one request, and the order has no
    pattern.

    Each request goes to a random variant among those not ahead of their share; one that is a whole request behind comes first.
    Source: measured against random choice and smooth weighted round robin; see docs/explanation/hosting.md.
    """

    def __init__(self) -> None:
        self._weights: dict[str, float] = {}
        self._owed: dict[str, float] = {}

    def choose(self, weights: Mapping[str, float]) -> str:
        """Returns a name. At least one weight must be above 0."""
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
    """Returns a random instance of those with the fewest requests in progress (`busy`, by id), or of all with `at_random`."""
    if len(instances) == 1:
        return instances[0]
    if at_random:
        return random.choice(instances)  # noqa: S311 - nothing to keep secret
    fewest = min(busy.get(one.id, 0) for one in instances)
    return random.choice([one for one in instances if busy.get(one.id, 0) == fewest])  # noqa: S311
