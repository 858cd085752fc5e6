"""Pipeline definitions: what is read, and what is refused with which words."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sagewright.pipelines.definition import read_definition
from sagewright.pipelines.durations import BadDuration, seconds
from sagewright.pipelines.errors import BadDefinition


def step(name: str, type_: str = "Processing", **members: Any) -> dict[str, Any]:
    return {"Name": name, "Type": type_, "Arguments": members.pop("arguments", {}), **members}


def document(*steps: Any, **members: Any) -> dict[str, Any]:
    return {"Version": "2020-12-01", "Steps": list(steps), **members}


def get(path: str) -> dict[str, str]:
    return {"Get": path}


def test_steps_of_branches_wait_for_their_condition() -> None:
    inner = step("inner", "Condition", arguments={"Conditions": [], "IfSteps": [step("deep")], "ElseSteps": []})
    outer = step("outer", "Condition", arguments={"Conditions": [], "IfSteps": [step("yes")], "ElseSteps": [inner]})
    found = read_definition(json.dumps(document(outer)))
    assert [one.name for one in found.steps] == ["outer", "yes", "inner", "deep"]
    assert found.step("deep").branch == (("outer", False), ("inner", True))
    assert found.step("deep").needs == ("inner",)
    assert found.step("yes").branch == (("outer", True),)


def test_needs_are_what_is_referred_to_and_what_is_waited_for() -> None:
    joined = {
        "Std:Join": {
            "On": "/",
            "Values": [
                get("Steps.a.X"),
                {"Std:JsonGet": {"PropertyFile": get("Steps.b.PropertyFiles.f"), "Path": "p"}},
            ],
        }
    }
    last = step("d", arguments={"Environment": {"A": joined}}, DependsOn=["c"])
    found = read_definition(json.dumps(document(step("a"), step("b"), step("c"), last)))
    assert set(found.step("d").needs) == {"a", "b", "c"}


def test_parameters_have_types_defaults_and_enums() -> None:
    parameters = [
        {"Name": "S", "Type": "String", "EnumValues": ["a", "b"]},
        {"Name": "I", "Type": "Integer", "DefaultValue": 3},
        {"Name": "F", "Type": "Float", "DefaultValue": 1},
        {"Name": "B", "Type": "Boolean", "DefaultValue": False},
    ]
    found = read_definition(json.dumps(document(Parameters=parameters)))
    assert found.values({"S": "b", "B": "True"}) == {"S": "b", "I": 3, "F": 1, "B": True}
    for given, words in (
        ({}, "is required"),
        ({"S": "c"}, "must be one of"),
        ({"S": "a", "I": "x"}, "must be of type Integer"),
        ({"S": "a", "B": "1"}, "must be of type Boolean"),
        ({"S": "a", "Z": "1"}, "Unknown parameter"),
    ):
        with pytest.raises(BadDefinition, match=words):
            found.values(given)


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        ("{", "Malformed JSON"),
        ("[]", "Expecting start of Json Object"),
        (json.dumps({"Version": "2021", "Steps": []}), "Version must be"),
        (json.dumps({"Version": "2020-12-01", "Steps": {}}), "Expecting start of Json Array"),
        (json.dumps(document(step("a"), step("a"))), "names must be unique"),
        (json.dumps(document(step("a b"))), "must match"),
        (json.dumps(document(step("a", "Dance"))), "Unknown step type"),
        (json.dumps(document(step("a", "Lambda"))), "must have a FunctionArn"),
        (json.dumps(document(step("a", "Callback", SqsQueueUrl=3))), "must have a SqsQueueUrl"),
        (json.dumps(document(step("a", "Lambda", FunctionArn="f", OutputParameters=[{}]))), "must have an OutputName"),
        (json.dumps(document(step("a", "Lambda", FunctionArn="f", OutputParameters=[{"OutputName": "o", "OutputType": "List"}]))), "OutputType"),  # noqa: E501
        (json.dumps(document(step("a", Color="red"))), "Unknown member 'Color'"),
        (json.dumps(document(step("a", DependsOn=["b"]))), "refers to the step 'b'"),
        (json.dumps(document(step("a", arguments={"X": get("Steps.b.Y")}))), "refers to the step 'b'"),
        (json.dumps(document(step("a", arguments={"X": get("Parameters.P")}))), "refers to the parameter 'P'"),
        (json.dumps(document(step("a", arguments={"X": get("Steps.a.Y")}))), "refers to itself"),
        (json.dumps(document(step("a", arguments={"X": get("Nowhere.Y")}))), "must lead to"),
        (json.dumps(document(step("a", DependsOn=["b"]), step("b", DependsOn=["c"]), step("c", DependsOn=["a"]))), "cycle: a -> b -> c -> a"),  # noqa: E501
        (json.dumps(document(step("f", "Fail"), step("a", DependsOn=["f"]))), "a can not depends on f"),
        (json.dumps(document(step("a", CacheConfig={"Enabled": True, "ExpireAfter": "soon"}))), "must be a duration"),
        (json.dumps(document(step("a", RetryPolicies=[{"ExceptionType": ["Step.OOPS"]}]))), "unknown exception type"),
        (json.dumps(document(step("a", RetryPolicies=[{"MaxAttempts": 1, "ExpireAfterMin": 1}]))), "only one of"),
        (json.dumps(document(step("a", "Tuning", RetryPolicies=[{"ExceptionType": ["SageMaker.JOB_INTERNAL_ERROR"]}]))), "never retried"),  # noqa: E501
        (json.dumps(document(step("c", "Condition", arguments={"Conditions": [{"Type": "Near"}]}))), "must have one of the types"),
        (json.dumps(document(step("c", "Condition", arguments={"Conditions": [{"Type": "Not"}]}))), "exactly one Expression"),
        (json.dumps(document(step("c", "Condition", arguments={"Conditions": {"Type": "Equals"}}))), "must be a list"),
        (json.dumps(document(step("a", arguments={"X": {"Std:Join": "x"}}))), "must have a list of Values"),
        (json.dumps(document(step("a", arguments={"X": {"Std:JsonGet": {"Path": "x"}}}))), "must have a PropertyFile"),
        (json.dumps(document(step("a", arguments={"X": "DEEP"}))).replace('"DEEP"', "[" * 900 + "]" * 900), "nested too deep"),
        (json.dumps(document(PipelineExperimentConfig=["x"])), "Expecting start of Json Object"),
        (json.dumps(document(PipelineExperimentConfig={"TrialName": get("Parameters.P")})), "refers to the parameter 'P'"),
        (json.dumps(document(step("a"), PipelineExperimentConfig={"TrialName": get("Steps.a.X")})), "can't refer to steps"),
        (json.dumps(document(Parameters=[{"Name": "P", "Type": "Integer", "DefaultValue": True}])), "of type Integer"),
    ],
)  # fmt: skip
def test_what_is_refused(broken: str, words: str) -> None:
    with pytest.raises(BadDefinition, match=words):
        read_definition(broken)


def test_a_long_chain_is_no_deep_recursion() -> None:
    chain = [step("s0"), *(step(f"s{n}", DependsOn=[f"s{n - 1}"]) for n in range(1, 3000))]
    assert len(read_definition(json.dumps(document(*reversed(chain)))).steps) == 3000


def test_deeply_nested_conditions_are_refused() -> None:
    inner: dict[str, Any] = step("s")
    for n in range(60):
        inner = step(f"c{n}", "Condition", arguments={"Conditions": [], "IfSteps": [inner], "ElseSteps": []})
    with pytest.raises(BadDefinition, match="nested more than"):
        read_definition(json.dumps(document(inner)))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("PT1H", 3600), ("30d", 30 * 86400), ("T16m", 960), ("30dT5h", 30 * 86400 + 18000), ("P1M", 30 * 86400), ("P2W", 14 * 86400)],
)  # fmt: skip
def test_durations(text: str, wanted: float) -> None:
    assert seconds(text) == wanted


@pytest.mark.parametrize("text", ["", "P", "1", "PT1S", "P2Y", "hour", None, "PT1H "])
def test_what_is_no_duration(text: object) -> None:
    with pytest.raises(BadDuration):
        seconds(text)
