"""Requests against the model: all broken constraints in one message, in AWS's words."""

from __future__ import annotations

from typing import Any

import pytest

from sagewright.model.aws.shapes import Shape
from sagewright.model.errors import SerializationException, ValidationException
from sagewright.wire.models import operation_model
from sagewright.wire.protocols.members import in_range, read_scalar, to_timestamp
from sagewright.wire.validation import validate


def request(**changes: Any) -> dict[str, Any]:
    return {
        "TrainingJobName": "job-1",
        "RoleArn": "arn:aws:iam::000000000000:role/SageMakerExecutionRole",
        "OutputDataConfig": {"S3OutputPath": "s3://b/out"},
        "AlgorithmSpecification": {"TrainingImage": "x/y:1", "TrainingInputMode": "File"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        **changes,
    }


def failure(**changes: Any) -> str:
    operation = operation_model("sagemaker", "CreateTrainingJob")
    assert operation
    with pytest.raises(ValidationException) as caught:
        validate(operation, request(**changes))
    return caught.value.message


def test_a_valid_request_passes() -> None:
    operation = operation_model("sagemaker", "CreateTrainingJob")
    assert operation
    validate(operation, request(NotInTheModel={"kept": True}))


def test_pattern_and_length_of_a_name_in_one_message() -> None:
    message = failure(TrainingJobName="_" * 70)
    assert message.startswith("2 validation errors detected: ")
    assert "Value '" + "_" * 70 + "' at 'trainingJobName' failed to satisfy constraint: " in message
    assert "Member must have length less than or equal to 63" in message
    assert "Member must satisfy regular expression pattern: [a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}" in message


def test_enum_range_and_nested_path() -> None:
    message = failure(
        AlgorithmSpecification={"TrainingInputMode": "Tape"},
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": -1, "VolumeSizeInGB": 0},
    )
    assert "'Tape' at 'algorithmSpecification.trainingInputMode'" in message
    assert "Member must satisfy enum value set: [Pipe, File, FastFile]" in message
    assert "Value '-1' at 'resourceConfig.instanceCount'" in message
    assert "Member must have value greater than or equal to 0" in message


def test_list_positions_count_from_one() -> None:
    message = failure(
        InputDataConfig=[
            {"ChannelName": "a b", "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://b/k"}}}
        ]
    )
    assert "at 'inputDataConfig.1.member.channelName'" in message


def test_required_members() -> None:
    message = failure(OutputDataConfig={})
    assert (
        "Value null at 'outputDataConfig.s3OutputPath' failed to satisfy constraint: Member must not be null" in message
    )


def test_map_values() -> None:
    message = failure(HyperParameters={"k": "v" * 2501})
    assert "Map value must satisfy constraint: [Member must have length less than or equal to 2500]" in message


@pytest.mark.parametrize(
    "changes",
    [
        {"TrainingJobName": 7},
        {"ResourceConfig": {"InstanceCount": "1"}},
        {"InputDataConfig": {}},
        {"EnableNetworkIsolation": "yes"},
        {"HyperParameters": []},
        {"HyperParameters": {"epochs": 3}},
        {"ResourceConfig": {"InstanceCount": True}},
    ],
)
def test_wrong_types_are_serialization_errors(changes: dict[str, Any]) -> None:
    operation = operation_model("sagemaker", "CreateTrainingJob")
    assert operation
    with pytest.raises(SerializationException, match="can not be converted"):
        validate(operation, request(**changes))


@pytest.mark.parametrize(
    "text", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", 2**63, 1e300, True, [], "٣", ""]
)
def test_a_moment_that_is_none(text: Any) -> None:
    with pytest.raises(SerializationException):
        to_timestamp(text)


@pytest.mark.parametrize(
    "text", ["²", "٣", "1_000", " 5 ", "0x10", "", "9" * 5000, str(2**31), str(-(2**31) - 1), "1.5", "NaN"]
)
def test_digits_that_are_none(text: str) -> None:
    with pytest.raises(SerializationException):
        read_scalar(Shape("n", {"type": "integer"}), text)


@pytest.mark.parametrize("text", ["nan", "inf", "-Infinity", "1e999", "1_0", "٣", "", ".", "0x1p3"])
def test_numbers_that_are_none(text: str) -> None:
    with pytest.raises(SerializationException):
        read_scalar(Shape("n", {"type": "double"}), text)


def test_numbers() -> None:
    shapes = [Shape("n", {"type": kind}) for kind in ("integer", "long", "double")]
    assert [read_scalar(shape, "-42") for shape in shapes] == [-42, -42, -42.0]
    assert read_scalar(shapes[1], str(2**63 - 1)) == 2**63 - 1
    assert read_scalar(shapes[2], "-1.5e-3") == -0.0015


@pytest.mark.parametrize(
    ("size", "constraint"), [(0, "greater than or equal to 1"), (4097, "less than or equal to 4096")]
)
def test_the_length_of_bytes_is_held_and_bytes_are_not_shown(size: int, constraint: str) -> None:
    operation = operation_model("kms", "Encrypt")
    assert operation
    with pytest.raises(ValidationException) as caught:
        validate(operation, {"KeyId": "k", "Plaintext": b"s" * size})
    wanted = f"Value at 'plaintext' failed to satisfy constraint: Member must have length {constraint}"
    assert caught.value.message == f"1 validation error detected: {wanted}"


def test_logs_shows_no_value_that_breaks_a_pattern() -> None:
    """As AWS answers; a value that is too long is shown."""
    operation = operation_model("logs", "GetLogEvents")
    assert operation
    with pytest.raises(ValidationException) as caught:
        validate(operation, {"logGroupIdentifier": "a b", "logStreamName": "s"})
    assert "Value at 'logGroupIdentifier' failed to satisfy constraint: Member must satisfy" in caught.value.message
    with pytest.raises(ValidationException, match=r"Value 'a+' at 'logGroupName'"):
        validate(operation, {"logGroupName": "a" * 513, "logStreamName": "s"})


@pytest.mark.parametrize("value", [2**1024, -(2**1400), float("inf"), float("-inf"), float("nan")])
def test_no_number_beyond_those_of_the_type_is_in_range(value: float) -> None:
    assert not any(in_range(kind, value) for kind in ("integer", "long", "float", "double"))
    assert in_range("double", 2**1023)
