"""Which jobs have the same shape."""

from __future__ import annotations

from typing import Any

import pytest

from sagewright.kinds.training import TrainingKind

REQUEST: dict[str, Any] = {
    "AlgorithmSpecification": {"TrainingImage": "one"},
    "RoleArn": "arn:aws:iam::000000000000:role/r",
    "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
    "VpcConfig": {"SecurityGroupIds": ["sg-1", "sg-2"], "Subnets": ["subnet-1"]},
}


def shape(request: dict[str, Any]) -> str | None:
    return TrainingKind().demand(request).shape


@pytest.mark.parametrize(
    "changes",
    [
        {"RoleArn": "arn:aws:iam::000000000000:role/other"},
        *(
            {"ResourceConfig": REQUEST["ResourceConfig"] | one}
            for one in (
                {"InstanceType": "ml.m5.xlarge"},
                {"InstanceCount": 2},
                {"VolumeSizeInGB": 2},
                {"VolumeKmsKeyId": "key"},
            )
        ),
        {"VpcConfig": {"SecurityGroupIds": ["sg-1"], "Subnets": ["subnet-1"]}},
        {"VpcConfig": {"SecurityGroupIds": ["sg-1", "sg-2"], "Subnets": ["subnet-2"]}},
        {"EnableNetworkIsolation": True},
        {"EnableInterContainerTrafficEncryption": True},
    ],
)
def test_what_must_be_equal(changes: dict[str, Any]) -> None:
    assert shape(REQUEST | changes) != shape(REQUEST)


@pytest.mark.parametrize(
    "changes",
    [
        {"AlgorithmSpecification": {"TrainingImage": "other"}},
        {"ResourceConfig": REQUEST["ResourceConfig"] | {"KeepAlivePeriodInSeconds": 60}},
        {"VpcConfig": {"SecurityGroupIds": ["sg-2", "sg-1"], "Subnets": ["subnet-1"]}},
        {"EnableNetworkIsolation": False},
    ],
)
def test_what_may_differ(changes: dict[str, Any]) -> None:
    assert shape(REQUEST | changes) == shape(REQUEST)
