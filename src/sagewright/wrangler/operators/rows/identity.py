"""A data set in the middle of a flow: a name for a result, which it passes on."""

from __future__ import annotations

from sagewright.wrangler.operators.step import OperatorStep, StepResult, one, operator


@operator("identity", rowwise=True)
def identity(step: OperatorStep) -> StepResult:
    return one(step.frame)
