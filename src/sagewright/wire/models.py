"""The served services, and their models."""

from __future__ import annotations

from sagewright.model.aws.service_models import operation_model, service_model

__all__ = ["SERVICES", "operation_model", "service_model"]

SERVICES: dict[str, str] = {
    "sagemaker": "SageMaker",
    "logs": "Logs_20140328",
    "cloudwatch": "GraniteServiceVersion20100801",
    "ecr": "AmazonEC2ContainerRegistry_V20150921",
    "events": "AWSEvents",
    "sqs": "AmazonSQS",
    "application-autoscaling": "AnyScaleFrontendService",
    "kms": "TrentService",
    "cloudtrail": "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101",
    "service-quotas": "ServiceQuotasV20190624",
    "sns": "",
    "sts": "",
    "iam": "",
    "s3": "",
    "sagemaker-runtime": "",
    "sagemaker-metrics": "",
    "lambda": "",
    "scheduler": "",
    "resource-groups": "",
    "resourcegroupstaggingapi": "ResourceGroupsTaggingAPI_20170126",
}
"""The served services, with the X-Amz-Target prefix of those that have one (a test compares it with the models)."""
