"""Images that requests of SageMaker name, data sets of queries, and what endpoints use."""

from __future__ import annotations

from typing import Any

from services import endpoints
from services.check import check
from services.sagemaker import INVALID, RESOURCES, a_bucket, training
from services.target import Target, fresh, refusal

PYTHON = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"


def of_nobody(target: Target) -> str:
    """An image of the account's registry, without its repository."""
    return f"{target.account}.dkr.ecr.us-east-1.amazonaws.com/{fresh('none').lower()}:1"


def processing(target: Target, image: str, **changes: Any) -> dict[str, Any]:
    return {
        "ProcessingJobName": fresh(),
        "RoleArn": target.role,
        "AppSpecification": {"ImageUri": image, "ContainerEntrypoint": ["true"]},
        "ProcessingResources": {
            "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}
        },
        **changes,
    }


def trained_on(target: Target, image: str) -> dict[str, Any]:
    specification = {"TrainingImage": image, "TrainingInputMode": "File"}
    return training(target, AlgorithmSpecification=specification, ResourceConfig=RESOURCES)


@check
def a_training_image_that_is_not_there_is_refused(target: Target) -> None:
    """Issue aws/amazon-sagemaker-examples#1476: Cannot find the requested image; API CreateTrainingJob"""
    found = refusal(target.boto("sagemaker").create_training_job, **trained_on(target, of_nobody(target)))
    assert (found.code, found.status) == INVALID
    assert found.message.startswith("Cannot find the requested image")


@check
def text_is_no_training_image(target: Target) -> None:
    """Issue aws/sagemaker-python-sdk#2063: Invalid training image; API AlgorithmSpecification: TrainingImage"""
    found = refusal(target.boto("sagemaker").create_training_job, **trained_on(target, "not an image"))
    assert (found.code, found.status) == INVALID
    assert "Please provide a valid Amazon Elastic Container Registry path" in found.message


@check
def text_is_no_processing_image(target: Target) -> None:
    """Issue aws/sagemaker-python-sdk#2605: Invalid image URI; API AppSpecification: ImageUri"""
    found = refusal(target.boto("sagemaker").create_processing_job, **processing(target, "not an image"))
    assert (found.code, found.status) == INVALID
    assert found.message.startswith("Invalid image URI not an image.")


@check
def a_model_s_image_is_there(target: Target) -> None:
    """Issue aws/sagemaker-python-sdk#4700; API ContainerDefinition: Image: Requested image not found"""
    image = of_nobody(target)
    request = {"ModelName": fresh(), "ExecutionRoleArn": target.role, "PrimaryContainer": {"Image": image}}
    found = refusal(target.boto("sagemaker").create_model, **request)
    assert (found.code, found.status) == INVALID
    assert found.message.startswith(f"Requested image {image} not found.")


@check
def data_sets_of_queries_are_taken(target: Target) -> None:
    """API DatasetDefinition, API AthenaDatasetDefinition, API RedshiftDatasetDefinition; SDK v2's tests of processing steps"""
    out = f"s3://{a_bucket(target)}/queries/"
    asked = {"QueryString": "SELECT 1", "OutputS3Uri": out, "OutputFormat": "PARQUET"}
    athena = {"Catalog": "AwsDataCatalog", "Database": "default", **asked}
    redshift = {"ClusterId": "house", "Database": "dev", "DbUser": "me", "ClusterRoleArn": target.role, **asked}
    definitions = [{"AthenaDatasetDefinition": athena}, {"RedshiftDatasetDefinition": redshift}]
    entries = [
        {"InputName": f"q{number}", "DatasetDefinition": {"LocalPath": f"/opt/ml/processing/q{number}", **one}}
        for number, one in enumerate(definitions)
    ]
    request = processing(target, PYTHON, ProcessingInputs=entries)
    sagemaker, name = target.boto("sagemaker"), request["ProcessingJobName"]
    sagemaker.create_processing_job(**request)
    described = sagemaker.describe_processing_job(ProcessingJobName=name)["ProcessingInputs"]
    assert [one["DatasetDefinition"] for one in described] == [one["DatasetDefinition"] for one in entries]


@check
def what_an_endpoint_uses_can_be_deleted(target: Target) -> None:
    """API DeleteEndpointConfig: deletes only the configuration; API DeleteModel; SDK v2: Predictor.delete_endpoint"""
    sagemaker, name = target.boto("sagemaker"), endpoints.begin(target)
    endpoints.settle(target, name)
    sagemaker.delete_endpoint_config(EndpointConfigName=name)
    sagemaker.delete_model(ModelName=name)
    described = sagemaker.describe_endpoint(EndpointName=name)
    sagemaker.delete_endpoint(EndpointName=name)
    assert (described["EndpointStatus"], described["EndpointConfigName"]) == ("InService", name)
