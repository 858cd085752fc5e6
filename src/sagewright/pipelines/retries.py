"""Retry policies of steps. Source: AWS's guide, "Retry policy for pipeline steps"."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sagewright.pipelines.errors import BadDefinition
from sagewright.pipelines.step_types import JOB_INTERNAL_ERROR, step_type

SERVICE_FAULT, THROTTLING = "Step.SERVICE_FAULT", "Step.THROTTLING"
CAPACITY_ERROR = "SageMaker.CAPACITY_ERROR"
RESOURCE_LIMIT = "SageMaker.RESOURCE_LIMIT"
TYPES = frozenset({SERVICE_FAULT, THROTTLING, JOB_INTERNAL_ERROR, CAPACITY_ERROR, RESOURCE_LIMIT})
MOST_ATTEMPTS, MOST_INTERVAL_S, MOST_MINUTES = 20, 43_200, 14_400


@dataclass(frozen=True)
class RetryPolicy:
    exceptions: frozenset[str]
    interval_s: float = 1.0
    backoff: float = 2.0
    attempts: int | None = 5
    expire_s: float | None = None

    def delay_s(self, tried: int, since_s: float) -> float | None:
        """Returns the delay before the next attempt; None if there is none. `tried`: retries so far; `since_s`: time since the
        first began."""
        if self.attempts is not None and tried >= self.attempts:
            return None
        delay = self.interval_s * self.backoff**tried
        return None if self.expire_s is not None and since_s + delay > self.expire_s else delay


BY_DEFAULT = RetryPolicy(frozenset({SERVICE_FAULT, THROTTLING}))
"""The policy of every step that does not specify one for these exceptions."""


def policy_of(policies: tuple[RetryPolicy, ...], exception: str) -> RetryPolicy | None:
    found = next((one for one in policies if exception in one.exceptions), None)
    return found or (BY_DEFAULT if exception in BY_DEFAULT.exceptions else None)


def read_retries(step: Mapping[str, Any]) -> tuple[RetryPolicy, ...]:
    """Parses a step's retry policies. Raises BadDefinition."""
    documents, name, type_ = step.get("RetryPolicies") or [], step["Name"], step["Type"]
    if documents and not step_type(type_).retried:
        raise BadDefinition(f"Step '{name}' is of type {type_}, which accepts no RetryPolicies.")
    return tuple(_read(name, type_, one) for one in documents)


def _read(name: str, type_: str, document: Mapping[str, Any]) -> RetryPolicy:
    exceptions = frozenset(document.get("ExceptionType") or ())
    if unknown := sorted(exceptions - TYPES):
        raise BadDefinition(f"RetryPolicies of step '{name}': unknown exception type '{unknown[0]}'.")
    if refused := sorted(exceptions & step_type(type_).not_retried):
        raise BadDefinition(f"RetryPolicies of step '{name}': {type_} steps are never retried for {refused[0]}.")
    interval, backoff = document.get("IntervalSeconds", 1), document.get("BackoffRate", 2.0)
    attempts, minutes = document.get("MaxAttempts"), document.get("ExpireAfterMin")
    if attempts is not None and minutes is not None:
        raise BadDefinition(f"RetryPolicies of step '{name}': only one of MaxAttempts and ExpireAfterMin can be given.")
    for member, value, most in (
        ("IntervalSeconds", interval, MOST_INTERVAL_S), ("MaxAttempts", attempts, MOST_ATTEMPTS),
        ("ExpireAfterMin", minutes, MOST_MINUTES), ("BackoffRate", backoff, 1000),
    ):  # fmt: skip
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if value is not None and not (number and 0 < value <= most):
            raise BadDefinition(
                f"RetryPolicies of step '{name}': {member} must be above 0 and at most {most}, got {value!r}."
            )
    tries = attempts if attempts is not None else (5 if minutes is None else None)
    return RetryPolicy(exceptions, float(interval), float(backoff), tries, None if minutes is None else minutes * 60.0)
