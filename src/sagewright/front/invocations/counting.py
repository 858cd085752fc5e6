"""Counts of invocations by variant, for CloudWatch.

Source: AWS's developer guide, "Metrics for monitoring Amazon SageMaker AI with Amazon CloudWatch".
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

_STEPS = 24
"""Buckets per factor of ten: percentiles are accurate to 5 %."""


@dataclass
class _Bucket:
    count: int = 0
    total: float = 0.0
    least: float = math.inf
    most: float = 0.0


@dataclass
class VariantCounts:
    """Counts of one variant, or of one inference `component`. Latencies in microseconds."""

    invocations: int = 0
    client_errors: int = 0
    server_errors: int = 0
    model_errors: int = 0
    instances: int = 1
    dropped: int = 0
    without_capacity: int = 0
    component: bool = False
    latencies: dict[str, dict[int, _Bucket]] = field(default_factory=lambda: defaultdict(dict))

    def timed(self, name: str, microseconds: float) -> None:
        number = int(math.log10(microseconds) * _STEPS) if microseconds >= 1 else 0
        bucket = self.latencies[name].get(number)
        if bucket is None:
            bucket = self.latencies[name][number] = _Bucket()
        bucket.count += 1
        bucket.total += microseconds
        bucket.least = min(bucket.least, microseconds)
        bucket.most = max(bucket.most, microseconds)

    def document(self) -> list[dict[str, Any]]:
        """Returns data for CloudWatch: name, unit, samples, total, minimum, maximum."""
        counts = {
            "Invocations": (self.invocations, float(self.invocations)),
            "Invocation4XXErrors": (self.invocations, float(self.client_errors)),
            "Invocation5XXErrors": (self.invocations, float(self.server_errors)),
            "InvocationModelErrors": (self.invocations, float(self.model_errors)),
            "InvocationsPerCopy" if self.component else "InvocationsPerInstance": (
                self.invocations,
                self.invocations / max(1, self.instances),
            ),
        }
        data = [_counted(name, *pair) for name, pair in counts.items() if self.invocations]
        if self.dropped:
            data.append(_counted("ShadowCopiesDropped", self.dropped, float(self.dropped)))
        if self.without_capacity:
            number = self.without_capacity
            data.append(_counted("NoCapacityInvocationFailures", number, float(number)))
        for name, buckets in self.latencies.items():
            data += [
                {
                    "name": name,
                    "unit": "Microseconds",
                    "samples": one.count,
                    "total": one.total,
                    "least": one.least,
                    "most": one.most,
                }
                for one in buckets.values()
            ]
        return data


def _counted(name: str, samples: int, total: float) -> dict[str, Any]:
    """Counts each invocation as a sample of 0 or 1, so that the average is a rate, as on AWS."""
    return {
        "name": name,
        "unit": "Count",
        "samples": samples,
        "total": total,
        "least": 0.0 if total < samples else 1.0,
        "most": min(1.0, total),
    }


class Counting:
    """Counts of all variants since they were last collected."""

    def __init__(self) -> None:
        self._tallies: dict[tuple[str, str, str], VariantCounts] = {}

    def of(self, endpoint: str, variant: str, component: str = "") -> VariantCounts:
        tally = self._tallies.get((endpoint, variant, component))
        if tally is None:
            tally = self._tallies[endpoint, variant, component] = VariantCounts(component=bool(component))
        return tally

    def taken(self) -> list[dict[str, Any]]:
        """Returns the counts and resets them."""
        tallies, self._tallies = self._tallies, {}
        return [
            {"endpoint": endpoint, "variant": variant, "component": component, "data": tally.document()}
            for (endpoint, variant, component), tally in tallies.items()
        ]
