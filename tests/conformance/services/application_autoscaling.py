"""Application Auto Scaling of endpoints' variants."""

from __future__ import annotations

from typing import Any

from services import endpoints
from services.check import check
from services.target import Target, refusal, refused

DIMENSION = "sagemaker:variant:DesiredInstanceCount"


def a_variant(target: Target) -> dict[str, str]:
    """The variant of a new endpoint in service, as Application Auto Scaling names it."""
    name = endpoints.begin(target)
    assert endpoints.settle(target, name) == "InService"
    return {
        "ServiceNamespace": "sagemaker",
        "ResourceId": f"endpoint/{name}/variant/all",
        "ScalableDimension": DIMENSION,
    }


def end(target: Target, where: dict[str, str]) -> None:
    endpoints.end(target, where["ResourceId"].split("/")[1])


TRACKING: dict[str, Any] = {
    "TargetValue": 70.0,
    "PredefinedMetricSpecification": {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"},
}


@check
def a_target_needs_its_bounds(target: Target) -> None:
    """API RegisterScalableTarget: MinCapacity, MaxCapacity: required for a new one; ValidationException"""
    where = {"ServiceNamespace": "sagemaker", "ResourceId": "endpoint/none/variant/all", "ScalableDimension": DIMENSION}
    call = target.boto("application-autoscaling").register_scalable_target
    assert refused(call, **where, MinCapacity=1) == ("ValidationException", 400)


@check
def bounds_are_in_order(target: Target) -> None:
    """API RegisterScalableTarget: MinCapacity must not be larger than MaxCapacity; ValidationException"""
    where, call = a_variant(target), target.boto("application-autoscaling").register_scalable_target
    assert refused(call, **where, MinCapacity=2, MaxCapacity=1) == ("ValidationException", 400)
    end(target, where)


@check
def a_target_is_told_as_it_was_registered(target: Target) -> None:
    """API DescribeScalableTargets: MinCapacity, MaxCapacity, SuspendedState"""
    scaling, where = target.boto("application-autoscaling"), a_variant(target)
    scaling.register_scalable_target(**where, MinCapacity=1, MaxCapacity=2)
    asked = {"ServiceNamespace": "sagemaker", "ResourceIds": [where["ResourceId"]]}
    (described,) = scaling.describe_scalable_targets(**asked)["ScalableTargets"]
    assert (described["MinCapacity"], described["MaxCapacity"], described["ScalableDimension"]) == (1, 2, DIMENSION)
    assert described["SuspendedState"] == {
        "DynamicScalingInSuspended": False,
        "DynamicScalingOutSuspended": False,
        "ScheduledScalingSuspended": False,
    }
    scaling.deregister_scalable_target(**where)
    assert scaling.describe_scalable_targets(**asked)["ScalableTargets"] == []
    end(target, where)


@check
def an_asynchronous_endpoint_may_scale_to_none(target: Target) -> None:
    """Developer guide: Autoscale an asynchronous endpoint: MinCapacity 0, and back by HasBacklogWithoutCapacity"""
    output = {"OutputConfig": {"S3OutputPath": "s3://check-endpoints/out"}}
    name = endpoints.begin(target, AsyncInferenceConfig=output)
    assert endpoints.settle(target, name) == "InService"
    resource = {"ServiceNamespace": "sagemaker", "ResourceId": f"endpoint/{name}/variant/all"}
    where, scaling = resource | {"ScalableDimension": DIMENSION}, target.boto("application-autoscaling")
    scaling.register_scalable_target(**where, MinCapacity=0, MaxCapacity=1)
    (described,) = scaling.describe_scalable_targets(ServiceNamespace="sagemaker", ResourceIds=[where["ResourceId"]])[
        "ScalableTargets"
    ]
    assert described["MinCapacity"] == 0
    end(target, where)


@check
def a_target_that_is_none_is_not_found(target: Target) -> None:
    """API DeregisterScalableTarget: ObjectNotFoundException; API PutScalingPolicy: ObjectNotFoundException"""
    scaling = target.boto("application-autoscaling")
    where = {"ServiceNamespace": "sagemaker", "ResourceId": "endpoint/none/variant/all", "ScalableDimension": DIMENSION}
    assert refused(scaling.deregister_scalable_target, **where) == ("ObjectNotFoundException", 400)
    policy = {
        "PolicyName": "p",
        "PolicyType": "TargetTrackingScaling",
        "TargetTrackingScalingPolicyConfiguration": TRACKING,
    }
    assert refused(scaling.put_scaling_policy, **where, **policy) == ("ObjectNotFoundException", 400)


@check
def a_policy_has_an_arn_and_is_deleted(target: Target) -> None:
    """API PutScalingPolicy: PolicyARN; API DeleteScalingPolicy"""
    scaling, where = target.boto("application-autoscaling"), a_variant(target)
    scaling.register_scalable_target(**where, MinCapacity=1, MaxCapacity=2)
    policy = {
        "PolicyName": "p",
        "PolicyType": "TargetTrackingScaling",
        "TargetTrackingScalingPolicyConfiguration": TRACKING,
    }
    arn = scaling.put_scaling_policy(**where, **policy)["PolicyARN"]
    assert arn.startswith(target.arn("autoscaling", "scalingPolicy:"))
    asked = {"ServiceNamespace": "sagemaker", "ResourceId": where["ResourceId"]}
    (described,) = scaling.describe_scaling_policies(**asked)["ScalingPolicies"]
    assert described["TargetTrackingScalingPolicyConfiguration"]["TargetValue"] == 70.0
    scaling.delete_scaling_policy(**where, PolicyName="p")
    assert scaling.describe_scaling_policies(**asked)["ScalingPolicies"] == []
    end(target, where)


@check
def a_namespace_is_one_of_a_list(target: Target) -> None:
    """API DescribeScalableTargets: ServiceNamespace: valid values; ValidationException"""
    found = refusal(target.boto("application-autoscaling").describe_scalable_targets, ServiceNamespace="nothing")
    assert (found.code, found.status) == ("ValidationException", 400)
    assert "serviceNamespace" in found.message
