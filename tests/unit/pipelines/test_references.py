"""References, and the conditions over them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from sagewright.pipelines.conditions import hold
from sagewright.pipelines.errors import BadDefinition, BadReference
from sagewright.pipelines.references import follow, path_of, resolve


@dataclass
class World:
    parameters: dict[str, Any] = field(default_factory=lambda: {"P": 3, "T": True, "L": ["a", "b"]})
    steps: dict[str, Any] = field(
        default_factory=lambda: {
            "s": {
                "Outputs": [{"OutputName": "x", "Uri": "s3://x"}, {"OutputName": "y", "Uri": "s3://y"}],
                "Named": {"a.b": 1, "c": [10, {"d": "deep"}]},
            }
        }
    )

    def parameter(self, name: str) -> Any:
        return self.parameters[name]

    def execution_value(self, name: str) -> Any:
        return f"<{name}>"

    def properties(self, step: str) -> dict[str, Any]:
        return dict(self.steps[step])

    def file(self, step: str, name: str) -> Any:
        return {"metrics": {"mse": [{"value": 4.5}]}} if (step, name) == ("s", "report") else None

    def object(self, uri: str) -> Any:
        return {"at": uri}


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ({"Get": "Parameters.P"}, 3),
        ({"Get": "Execution.PipelineName"}, "<PipelineName>"),
        ({"Get": "Steps.s.Outputs['y'].Uri"}, "s3://y"),
        ({"Get": "Steps.s.Outputs[0].Uri"}, "s3://x"),
        ({"Get": "Steps.s.Named['a.b']"}, 1),
        ({"Get": "Steps.s.Named['c'][1].d"}, "deep"),
        ({"Std:Join": {"On": "/", "Values": ["a", {"Get": "Parameters.P"}, {"Get": "Parameters.T"}]}}, "a/3/true"),
        ({"Std:JsonGet": {"PropertyFile": {"Get": "Steps.s.PropertyFiles.report"}, "Path": "metrics.mse[0].value"}}, 4.5),
        ({"Std:JsonGet": {"S3Uri": {"Std:Join": {"On": "", "Values": ["s3://", "b/k"]}}, "Path": "at"}}, "s3://b/k"),
        ({"A": [{"Get": "Parameters.L"}], "Get": 1}, {"A": [["a", "b"]], "Get": 1}),
    ],
)  # fmt: skip
def test_resolve(value: Any, wanted: Any) -> None:
    assert resolve(value, World()) == wanted


@pytest.mark.parametrize(
    "path", ["Steps.s.Outputs['z'].Uri", "Steps.s.Outputs[7]", "Steps.s.Nothing", "Steps.s.Named['c'][1].d.e"]
)
def test_what_leads_nowhere(path: str) -> None:
    with pytest.raises(BadReference, match="Unable to resolve"):
        resolve({"Get": path}, World())


@pytest.mark.parametrize("text", ["a[", "a['b", "a[-1]", "a..b"])
def test_what_is_no_path(text: str) -> None:
    with pytest.raises(BadDefinition):
        path_of(text)


def test_follow_takes_values_as_they_are() -> None:
    assert follow([1, [2]], (1, 0)) == 2


P = {"Get": "Parameters.P"}


@pytest.mark.parametrize(
    ("condition", "wanted"),
    [
        ({"Type": "Equals", "LeftValue": P, "RightValue": 3}, True),
        ({"Type": "Equals", "LeftValue": P, "RightValue": "3"}, True),
        ({"Type": "Equals", "LeftValue": {"Get": "Parameters.T"}, "RightValue": "true"}, True),
        ({"Type": "GreaterThan", "LeftValue": P, "RightValue": 3}, False),
        ({"Type": "GreaterThanOrEqualTo", "LeftValue": "3.5", "RightValue": P}, True),
        ({"Type": "LessThan", "LeftValue": P, "RightValue": 10}, True),
        ({"Type": "LessThanOrEqualTo", "LeftValue": 4, "RightValue": P}, False),
        ({"Type": "In", "QueryValue": "b", "Values": {"Get": "Parameters.L"}}, True),
        ({"Type": "In", "QueryValue": P, "Values": [1, "3"]}, True),
        ({"Type": "Not", "Expression": {"Type": "Equals", "LeftValue": P, "RightValue": 3}}, False),
        ({"Type": "Not", "Condition": {"Type": "Equals", "LeftValue": P, "RightValue": 4}}, True),
        ({"Type": "Or", "Conditions": [{"Type": "Equals", "LeftValue": P, "RightValue": 1}, {"Type": "Equals", "LeftValue": P, "RightValue": 3}]}, True),  # noqa: E501
    ],
)  # fmt: skip
def test_conditions(condition: dict[str, Any], wanted: bool) -> None:
    assert hold([condition], World()) is wanted


def test_all_conditions_have_to_hold() -> None:
    assert hold([], World())
    assert not hold(
        [{"Type": "Equals", "LeftValue": 1, "RightValue": 1}, {"Type": "LessThan", "LeftValue": 2, "RightValue": 1}],
        World(),
    )


def test_what_can_not_be_compared() -> None:
    with pytest.raises(BadReference, match="compares numbers"):
        hold([{"Type": "LessThan", "LeftValue": {"Get": "Parameters.L"}, "RightValue": 1}], World())
