"""Lambda steps: invoke a function with the step's arguments; its result gives the step's outputs.

Source: the contract's pipelines.md, and AWS's developer guide, "Lambda step".
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any

from sagewright.engine.calls import OperationRequest, Owner
from sagewright.engine.pipelines.step_records import MOST_ROW, StepRecord
from sagewright.engine.pipelines.steps.base import StepContext, StepObservation
from sagewright.model.clock import now_ms
from sagewright.pipelines.plan import StepStatus
from sagewright.pipelines.references import text_of

MOST_MS = 600_000
"""Source: AWS's guide: "A Lambda function used in a pipeline must have a timeout of at most 10 minutes"."""
ACCEPTED = 202


class FunctionSteps:
    """Lambda steps. The invocation is named after the step's attempt: an interrupted step finds it and does not invoke again."""

    def begin(self, context: StepContext, record: StepRecord) -> StepObservation:
        described = self._ask(context, record, json.dumps(record.arguments or {}).encode())
        metadata = {"Lambda": {"Arn": context.step.function_arn}}
        return self._seen(context, record, described, metadata)

    def observe(self, context: StepContext, record: StepRecord) -> StepObservation:
        return self._seen(context, record, self._ask(context, record, b""), record.metadata)

    def stop(self, context: StepContext, record: StepRecord) -> None:
        """No-op: the step ends when the function returns."""

    def _ask(self, context: StepContext, record: StepRecord, payload: bytes) -> dict[str, Any]:
        """Requests the invocation. `payload`: empty once the invocation exists; it can be too large to build again at each
        observation."""
        owner = Owner(context.execution.kind, context.execution.id, context.arn, record.job)
        request = {"FunctionName": context.step.function_arn, "Payload": payload}
        return context.call(
            OperationRequest(context.role, "lambda", "Invoke", request, owner, context.execution.region)
        )

    def _seen(
        self, context: StepContext, record: StepRecord, description: dict[str, Any], metadata: Mapping[str, Any]
    ) -> StepObservation:
        arn = context.step.function_arn
        if description["StatusCode"] == ACCEPTED:
            if now_ms() - record.started_ms > MOST_MS:
                return StepObservation(
                    StepStatus.FAILED, reason="ClientError: The function did not end within 10 minutes."
                )
            return StepObservation(StepStatus.EXECUTING, metadata)
        if len(description["Payload"]) > MOST_ROW:
            size = len(description["Payload"])
            reason = f"ClientError: The function {arn} returned {size} bytes, and a step accepts at most {MOST_ROW}."
            return StepObservation(StepStatus.FAILED, metadata, reason=reason[:1024])
        given = json.loads(description["Payload"])
        if description.get("FunctionError"):
            return StepObservation(StepStatus.FAILED, metadata, reason=f"ClientError: {_error(arn, given)}"[:1024])
        if record.status == StepStatus.STOPPING:
            return StepObservation(StepStatus.STOPPED, metadata)
        try:
            outputs = _outputs(context.step.outputs, given)
        except ValueError as error:
            return StepObservation(
                StepStatus.FAILED, metadata, reason=f"ClientError: The function {arn} returned {error}"[:1024]
            )
        shown = [{"Name": name, "Value": text_of(value)} for name, value in outputs.items()]
        described = {"Lambda": {**metadata.get("Lambda", {}), "OutputParameters": shown}}
        return StepObservation(StepStatus.SUCCEEDED, described, {"OutputParameters": outputs})


def _error(arn: str, given: Any) -> str:
    error = given if isinstance(given, dict) else {}
    return _text(f"The function {arn} failed: {error.get('errorType', 'Error')}: {error.get('errorMessage', given)}")


def _outputs(declared: list[Any], given: Any) -> dict[str, Any]:
    """Returns the declared outputs that are present, each converted to its type; nested values become text. Raises ValueError."""
    found: dict[str, Any] = {}
    for one in declared:
        name, type_ = str(one["OutputName"]), str(one.get("OutputType", "String"))
        if isinstance(given, dict) and name in given:
            try:
                found[name] = _TYPES[type_](given[name])
            except (KeyError, OverflowError, TypeError, ValueError):
                raise ValueError(
                    f"{_text(given[name])[:100]!r} as '{name}', which is to be of the type {type_}"
                ) from None
    return found


def _text(value: Any) -> str:
    """Returns text that every store accepts: a function can return anything."""
    return text_of(value).encode(errors="replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")


def _float(value: Any) -> float:
    """Returns a float. Raises ValueError for NaN and infinities, which no store accepts."""
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(value)
    return number


def _integer(value: Any) -> int:
    """Returns an integer. Raises ValueError, also for more digits than clients can read."""
    number = int(value)
    if abs(number) >= 1 << 63:
        raise ValueError("too large")
    return number


def _boolean(value: Any) -> bool:
    if str(value).lower() not in {"true", "false"}:
        raise ValueError(value)
    return str(value).lower() == "true"


_TYPES: dict[str, Callable[[Any], Any]] = {"String": _text, "Integer": _integer, "Float": _float, "Boolean": _boolean}

FUNCTION = FunctionSteps()
