"""SageMaker's control plane."""

from __future__ import annotations

import time
from typing import Any

from services import endpoints
from services.check import check
from services.target import Target, fresh, refusal, refused

IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
INVALID = ("ValidationException", 400)
IN_USE = ("ResourceInUse", 400)
GONE = ("ResourceNotFound", 400)
RESOURCES = {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}


def training(target: Target, shell: str = "true", **changes: Any) -> dict[str, Any]:
    """The request of a training job that runs a line of shell."""
    return {
        "TrainingJobName": fresh(),
        "AlgorithmSpecification": {
            "TrainingImage": IMAGE,
            "TrainingInputMode": "File",
            "ContainerEntrypoint": ["/bin/sh", "-c"],
            "ContainerArguments": [shell],
        },
        "RoleArn": target.role,
        "OutputDataConfig": {"S3OutputPath": f"s3://{a_bucket(target)}/out"},
        "ResourceConfig": RESOURCES,
        "StoppingCondition": {"MaxRuntimeInSeconds": 300},
        **changes,
    }


def a_bucket(target: Target) -> str:
    name = "check-outputs"
    target.boto("s3").create_bucket(Bucket=name)  # in us-east-1 one of one's own is made again
    return name


def channel(uri: str, name: str = "train") -> dict[str, Any]:
    source = {"S3DataType": "S3Prefix", "S3Uri": uri, "S3DataDistributionType": "FullyReplicated"}
    return {"ChannelName": name, "DataSource": {"S3DataSource": source}}


def ended(target: Target, name: str) -> dict[str, Any]:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        described: dict[str, Any] = target.boto("sagemaker").describe_training_job(TrainingJobName=name)
        if described["TrainingJobStatus"] in {"Completed", "Failed", "Stopped"}:
            return described
        time.sleep(0.2)
    raise AssertionError(f"{name} did not end")


@check
def a_job_s_life_is_told(target: Target) -> None:
    """API DescribeTrainingJob: SecondaryStatusTransitions, ModelArtifacts, TrainingTimeInSeconds, BillableTimeInSeconds"""
    request = training(target)
    arn = target.boto("sagemaker").create_training_job(**request)["TrainingJobArn"]
    name = request["TrainingJobName"]
    assert arn == target.arn("sagemaker", f"training-job/{name}")
    described = ended(target, name)
    assert described["TrainingJobStatus"] == "Completed"
    states = [transition["Status"] for transition in described["SecondaryStatusTransitions"]]
    assert states == ["Starting", "Downloading", "Training", "Uploading", "Completed"]
    artefacts = described["ModelArtifacts"]["S3ModelArtifacts"]
    assert artefacts == f"{request['OutputDataConfig']['S3OutputPath']}/{name}/output/model.tar.gz"
    assert described["TrainingTimeInSeconds"] >= 1
    assert described["BillableTimeInSeconds"] >= 1
    assert described["CreationTime"] <= described["TrainingStartTime"] <= described["TrainingEndTime"]


@check
def a_job_that_fails_says_why(target: Target) -> None:
    """API DescribeTrainingJob: FailureReason; developer guide: the file /opt/ml/output/failure"""
    request = training(target, "echo 'what went wrong' > /opt/ml/output/failure; exit 3")
    target.boto("sagemaker").create_training_job(**request)
    described = ended(target, request["TrainingJobName"])
    assert described["TrainingJobStatus"] == "Failed"
    assert described["FailureReason"].startswith("AlgorithmError: what went wrong")
    assert described["FailureReason"].endswith("exit code: 3")


@check
def a_job_s_lines_are_in_its_group(target: Target) -> None:
    """Developer guide: Log Amazon SageMaker events: /aws/sagemaker/TrainingJobs, JOB/algo-N-EPOCH"""
    request = training(target, "echo a line")
    target.boto("sagemaker").create_training_job(**request)
    ended(target, request["TrainingJobName"])
    group, prefix = "/aws/sagemaker/TrainingJobs", f"{request['TrainingJobName']}/algo-1-"
    found = target.boto("logs").filter_log_events(logGroupName=group, logStreamNamePrefix=prefix)["events"]
    assert "a line" in [event["message"] for event in found]


@check
def a_stopped_job_is_stopped(target: Target) -> None:
    """API StopTrainingJob; API TrainingJob: SecondaryStatus Stopped"""
    sagemaker, request = target.boto("sagemaker"), training(target, "sleep 100")
    sagemaker.create_training_job(**request)
    sagemaker.stop_training_job(TrainingJobName=request["TrainingJobName"])
    described = ended(target, request["TrainingJobName"])
    assert (described["TrainingJobStatus"], described["SecondaryStatus"]) == ("Stopped", "Stopped")
    found = refusal(sagemaker.stop_training_job, TrainingJobName=request["TrainingJobName"])
    assert (found.code, found.status) == INVALID
    assert "The request was rejected because the training job is in status Stopped" in found.message


@check
def a_name_twice_is_in_use(target: Target) -> None:
    """API CreateTrainingJob: ResourceInUse; Issue aws/amazon-sagemaker-examples#3108"""
    sagemaker, request = target.boto("sagemaker"), training(target)
    sagemaker.create_training_job(**request)
    found = refusal(sagemaker.create_training_job, **request)
    assert (found.code, found.status) == IN_USE
    assert "names must be unique within an AWS account and region" in found.message


@check
def a_job_that_is_not_there_is_invalid(target: Target) -> None:
    """Issue boto/boto3#2808: ValidationException, "Requested resource not found."; API DescribeTrainingJob"""
    found = refusal(target.boto("sagemaker").describe_training_job, TrainingJobName=fresh())
    assert (found.code, found.status, found.message) == (*INVALID, "Requested resource not found.")


@check
def data_that_is_not_there_is_told_at_once(target: Target) -> None:
    """Issue aws/amazon-sagemaker-examples#2489: No S3 objects found"""
    uri = f"s3://{a_bucket(target)}/{fresh()}/"
    found = refusal(target.boto("sagemaker").create_training_job, **training(target, InputDataConfig=[channel(uri)]))
    assert (found.code, found.status) == INVALID
    assert found.message.startswith(f'No S3 objects found under S3 URL "{uri}" given in input data source.')


@check
def a_wait_needs_spot(target: Target) -> None:
    """API StoppingCondition: MaxWaitTimeInSeconds; Issue Kenza-AI/sagify#111"""
    condition = {"MaxRuntimeInSeconds": 60, "MaxWaitTimeInSeconds": 120}
    found = refusal(target.boto("sagemaker").create_training_job, **training(target, StoppingCondition=condition))
    assert (found.code, found.status) == INVALID
    assert (
        "Invalid MaxWaitTimeInSeconds. It is only supported when EnableManagedSpotTraining is set to true"
        in found.message
    )


@check
def a_wait_is_no_shorter_than_the_run(target: Target) -> None:
    """API StoppingCondition: MaxWaitTimeInSeconds: must be equal to or greater than MaxRuntimeInSeconds"""
    condition = {"MaxRuntimeInSeconds": 60, "MaxWaitTimeInSeconds": 59}
    request = training(target, StoppingCondition=condition, EnableManagedSpotTraining=True)
    assert refused(target.boto("sagemaker").create_training_job, **request) == INVALID


@check
def all_that_is_broken_is_told_at_once(target: Target) -> None:
    """Issue aws/sagemaker-python-sdk#384: N validation errors detected"""
    request = training(target, ResourceConfig={**RESOURCES, "InstanceType": "ml.none", "InstanceCount": 0})
    found = refusal(target.boto("sagemaker").create_training_job, **request | {"TrainingJobName": "a b"})
    assert (found.code, found.status) == INVALID
    assert found.message.startswith("2 validation errors detected: ") or found.message.startswith("3 validation errors")
    assert "Value 'a b' at 'trainingJobName' failed to satisfy constraint: Member must satisfy regular" in found.message


@check
def channels_have_names_of_their_own(target: Target) -> None:
    """API CreateTrainingJob: InputDataConfig; API Channel: ChannelName"""
    target.boto("s3").put_object(Bucket=a_bucket(target), Key="data/a", Body=b"a")
    uri = f"s3://{a_bucket(target)}/data/"
    request = training(target, InputDataConfig=[channel(uri), channel(uri)])
    assert refused(target.boto("sagemaker").create_training_job, **request) == INVALID


@check
def a_deleted_job_s_name_is_free(target: Target) -> None:
    """API DeleteTrainingJob: ResourceNotFound, ResourceInUse"""
    sagemaker, request = target.boto("sagemaker"), training(target, "sleep 3")
    name = request["TrainingJobName"]
    assert refused(sagemaker.delete_training_job, TrainingJobName=name) == GONE
    sagemaker.create_training_job(**request)
    assert refused(sagemaker.delete_training_job, TrainingJobName=name) == IN_USE
    ended(target, name)
    sagemaker.delete_training_job(TrainingJobName=name)
    assert sagemaker.create_training_job(**request)["TrainingJobArn"]


@check
def jobs_are_listed_newest_first(target: Target) -> None:
    """API ListTrainingJobs: SortBy CreationTime, SortOrder Ascending or Descending, NextToken"""
    sagemaker, made = target.boto("sagemaker"), fresh("list")
    names = [f"{made}-{number}" for number in range(3)]
    for name in names:
        sagemaker.create_training_job(**training(target) | {"TrainingJobName": name})
    first = sagemaker.list_training_jobs(NameContains=made, SortBy="CreationTime", SortOrder="Descending", MaxResults=2)
    assert [job["TrainingJobName"] for job in first["TrainingJobSummaries"]] == names[:0:-1]
    rest = sagemaker.list_training_jobs(
        NameContains=made, SortBy="CreationTime", SortOrder="Descending", NextToken=first["NextToken"]
    )
    assert [job["TrainingJobName"] for job in rest["TrainingJobSummaries"]] == names[:1]
    assert "NextToken" not in rest


@check
def jobs_are_searched_by_hyperparameters(target: Target) -> None:
    """API Search: Filters, TotalHits; API SearchExpression"""
    sagemaker, mark = target.boto("sagemaker"), fresh()
    for depth in ("3", "5"):
        given = {"mark": mark, "depth": depth}
        sagemaker.create_training_job(**training(target, HyperParameters=given))
    filters = [
        {"Name": "HyperParameters.mark", "Operator": "Equals", "Value": mark},
        {"Name": "HyperParameters.depth", "Operator": "GreaterThan", "Value": "4"},
    ]
    described = sagemaker.search(Resource="TrainingJob", SearchExpression={"Filters": filters})
    assert [found["TrainingJob"]["HyperParameters"]["depth"] for found in described["Results"]] == ["5"]
    assert described["TotalHits"] == {"Value": 1, "Relation": "EqualTo"}


@check
def a_property_that_is_none_is_refused(target: Target) -> None:
    """API Filter: Name: a resource property name; GetSearchSuggestions lists them; ValidationException"""
    expression = {"Filters": [{"Name": "NoSuchProperty", "Operator": "Equals", "Value": "1"}]}
    call = target.boto("sagemaker").search
    assert refused(call, Resource="TrainingJob", SearchExpression=expression) == INVALID


@check
def tags_are_added_and_deleted(target: Target) -> None:
    """API AddTags, API ListTags, API DeleteTags"""
    sagemaker, request = target.boto("sagemaker"), training(target, Tags=[{"Key": "a", "Value": "1"}])
    arn = sagemaker.create_training_job(**request)["TrainingJobArn"]
    sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "b", "Value": "2"}])
    sagemaker.delete_tags(ResourceArn=arn, TagKeys=["a"])
    assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "b", "Value": "2"}]


@check
def a_processing_job_that_is_not_there_is_invalid(target: Target) -> None:
    """SDK v2, ACK: ValidationException, "Could not find requested job"; API DescribeProcessingJob"""
    found = refusal(target.boto("sagemaker").describe_processing_job, ProcessingJobName=fresh())
    assert (found.code, found.status) == INVALID
    assert found.message.startswith("Could not find requested job")


@check
def a_transform_job_that_is_not_there_is_invalid(target: Target) -> None:
    """ACK: ValidationException, "Could not find requested job with name"; API DescribeTransformJob"""
    found = refusal(target.boto("sagemaker").describe_transform_job, TransformJobName=fresh())
    assert (found.code, found.status) == INVALID
    assert found.message.startswith("Could not find requested job with name")


@check
def a_transform_needs_its_model(target: Target) -> None:
    """API CreateTransformJob: ModelName; Could not find model"""
    target.boto("s3").put_object(Bucket=a_bucket(target), Key="data/a", Body=b"a")
    bucket, source = a_bucket(target), {"S3DataType": "S3Prefix", "S3Uri": f"s3://{a_bucket(target)}/data/"}
    wanted = {
        "TransformJobName": fresh(), "ModelName": fresh(), "TransformInput": {"DataSource": {"S3DataSource": source}},
        "TransformOutput": {"S3OutputPath": f"s3://{bucket}/out"},
        "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
    }  # fmt: skip
    found = refusal(target.boto("sagemaker").create_transform_job, **wanted)
    assert (found.code, found.status) == INVALID
    assert "Could not find model" in found.message


def a_model(target: Target) -> str:
    name = fresh()
    target.boto("sagemaker").create_model(
        ModelName=name, ExecutionRoleArn=target.role, PrimaryContainer={"Image": IMAGE}
    )
    return name


@check
def a_model_twice_already_exists(target: Target) -> None:
    """SDK v2, which goes on then; Issue aws/amazon-sagemaker-examples#2491: Cannot create already existing model"""
    name = a_model(target)
    wanted = {"ModelName": name, "ExecutionRoleArn": target.role, "PrimaryContainer": {"Image": IMAGE}}
    found = refusal(target.boto("sagemaker").create_model, **wanted)
    arn = target.arn("sagemaker", f"model/{name}")
    assert (found.code, found.status) == INVALID
    assert found.message.startswith(f'Cannot create already existing model "{arn}".')


@check
def a_model_that_is_not_there_could_not_be_found(target: Target) -> None:
    """SDK v2, ACK: ValidationException, "Could not find model"; API DescribeModel"""
    name = fresh()
    found = refusal(target.boto("sagemaker").describe_model, ModelName=name)
    arn = target.arn("sagemaker", f"model/{name}")
    assert (found.code, found.status) == INVALID
    assert found.message.startswith(f'Could not find model "{arn}".')


@check
def an_endpoint_configuration_neither(target: Target) -> None:
    """SDK v2, ACK: ValidationException, "Could not find endpoint configuration"; Issue aws/amazon-sagemaker-examples#2339"""
    name = fresh()
    found = refusal(target.boto("sagemaker").describe_endpoint_config, EndpointConfigName=name)
    arn = target.arn("sagemaker", f"endpoint-config/{name}")
    assert (found.code, found.status) == INVALID
    assert found.message.startswith(f'Could not find endpoint configuration "{arn}".')


@check
def an_endpoint_neither(target: Target) -> None:
    """SDK v2, ACK: ValidationException, "Could not find endpoint"; API DescribeEndpoint"""
    name = fresh()
    found = refusal(target.boto("sagemaker").describe_endpoint, EndpointName=name)
    arn = target.arn("sagemaker", f"endpoint/{name}")
    assert (found.code, found.status) == INVALID
    assert found.message.startswith(f'Could not find endpoint "{arn}".')


@check
def an_endpoint_that_is_created_is_not_updated(target: Target) -> None:
    """Issue hashicorp/terraform-provider-aws#39099; Cannot update in-progress endpoint"""
    sagemaker, name = target.boto("sagemaker"), endpoints.begin(target)
    status = sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"]
    found = refusal(sagemaker.update_endpoint, EndpointName=name, EndpointConfigName=name)
    endpoints.end(target, name)
    assert (status, found.code, found.status) == ("Creating", *INVALID)
    assert "Cannot update in-progress endpoint" in found.message


@check
def an_endpoint_answers_when_it_is_in_service(target: Target) -> None:
    """API DescribeEndpoint: EndpointStatus, ProductionVariants; API DeleteEndpoint"""
    sagemaker, name = target.boto("sagemaker"), endpoints.begin(target)
    assert endpoints.settle(target, name) == "InService"
    (variant,) = sagemaker.describe_endpoint(EndpointName=name)["ProductionVariants"]
    assert (variant["VariantName"], variant["CurrentInstanceCount"], variant["CurrentWeight"]) == ("all", 1, 1.0)
    runtime = target.boto("sagemaker-runtime")
    described = runtime.invoke_endpoint(EndpointName=name, Body=b"hello", ContentType="text/plain", Accept="text/plain")
    endpoints.end(target, name)
    assert (described["Body"].read(), described["InvokedProductionVariant"]) == (f"{name} hello".encode(), "all")


def a_group(target: Target) -> str:
    name = fresh()
    target.boto("sagemaker").create_model_package_group(ModelPackageGroupName=name)
    return name


@check
def a_group_of_versions_twice_already_exists(target: Target) -> None:
    """SDK v2, Airflow: ValidationException with "already exists"; API CreateModelPackageGroup"""
    found = refusal(target.boto("sagemaker").create_model_package_group, ModelPackageGroupName=a_group(target))
    assert (found.code, found.status) == INVALID
    assert "already exists" in found.message


@check
def a_group_that_is_not_there_does_not_exist(target: Target) -> None:
    """Issue getmoto/moto#7246, which quotes AWS: ModelPackageGroup ARN does not exist."""
    name = fresh()
    found = refusal(target.boto("sagemaker").describe_model_package_group, ModelPackageGroupName=name)
    arn = target.arn("sagemaker", f"model-package-group/{name}")
    assert (found.code, found.status, found.message) == (*INVALID, f"ModelPackageGroup {arn} does not exist.")


SPECIFICATION = {
    "Containers": [{"Image": IMAGE}],
    "SupportedContentTypes": ["text/csv"],
    "SupportedResponseMIMETypes": ["text/csv"],
}


@check
def versions_count_from_one(target: Target) -> None:
    """API CreateModelPackage: ModelPackageGroupName; API DescribeModelPackage: ModelPackageVersion, ModelApprovalStatus"""
    sagemaker, group = target.boto("sagemaker"), a_group(target)
    arns = [
        sagemaker.create_model_package(ModelPackageGroupName=group, InferenceSpecification=SPECIFICATION)[
            "ModelPackageArn"
        ]
        for _ in range(2)
    ]
    assert arns == [target.arn("sagemaker", f"model-package/{group}/{number}") for number in (1, 2)]
    described = sagemaker.describe_model_package(ModelPackageName=arns[1])
    assert (described["ModelPackageVersion"], described["ModelApprovalStatus"]) == (2, "PendingManualApproval")
    sagemaker.update_model_package(ModelPackageArn=arns[1], ModelApprovalStatus="Approved")
    assert sagemaker.describe_model_package(ModelPackageName=arns[1])["ModelApprovalStatus"] == "Approved"


@check
def a_version_without_a_group_or_a_name_misses_its_arn(target: Target) -> None:
    """Issue getmoto/moto#7165, which quotes AWS: Missing ARN"""
    found = refusal(target.boto("sagemaker").create_model_package, InferenceSpecification=SPECIFICATION)
    assert (found.code, found.status) == INVALID
    assert "Missing ARN" in found.message


def tuning(target: Target, **changes: Any) -> dict[str, Any]:
    """The request of a tuning job of one trial, which tells its objective at once."""
    described = training(target, "echo 'loss=0.5;'")
    specification = described["AlgorithmSpecification"] | {
        "MetricDefinitions": [{"Name": "loss", "Regex": "loss=(.*?);"}]
    }
    specification = {name: specification[name] for name in ("TrainingImage", "TrainingInputMode", "MetricDefinitions")}
    depth = {"Name": "depth", "MinValue": "1", "MaxValue": "4"}
    return {
        "HyperParameterTuningJobName": fresh("tune"),
        "HyperParameterTuningJobConfig": {
            "Strategy": "Random",
            "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "loss"},
            "ResourceLimits": {"MaxNumberOfTrainingJobs": 1, "MaxParallelTrainingJobs": 1},
            "ParameterRanges": {"IntegerParameterRanges": [depth]},
        },
        "TrainingJobDefinition": {
            "AlgorithmSpecification": specification,
            "StaticHyperParameters": {"kept": "1"},
            **{
                name: described[name] for name in ("RoleArn", "OutputDataConfig", "ResourceConfig", "StoppingCondition")
            },
        },
        **changes,
    }


def end_tuning(target: Target, name: str) -> None:
    sagemaker, deadline = target.boto("sagemaker"), time.monotonic() + 120
    sagemaker.stop_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
    while True:
        described = sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
        if described["HyperParameterTuningJobStatus"] not in {"InProgress", "Stopping"}:
            return
        assert time.monotonic() < deadline, f"{name} did not end"
        time.sleep(0.2)


@check
def a_tuning_job_that_is_not_there_is_not_found(target: Target) -> None:
    """ACK: ResourceNotFound, "Amazon SageMaker can't find a tuning job"; API DescribeHyperParameterTuningJob"""
    call = target.boto("sagemaker").describe_hyper_parameter_tuning_job
    found = refusal(call, HyperParameterTuningJobName=fresh("tune"))
    assert (found.code, found.status) == GONE
    assert found.message.startswith("Amazon SageMaker can't find a tuning job")


@check
def a_tuning_job_s_name_twice_is_in_use(target: Target) -> None:
    """API CreateHyperParameterTuningJob: ResourceInUse"""
    sagemaker, request = target.boto("sagemaker"), tuning(target)
    sagemaker.create_hyper_parameter_tuning_job(**request)
    found = refused(sagemaker.create_hyper_parameter_tuning_job, **request)
    end_tuning(target, request["HyperParameterTuningJobName"])
    assert found == IN_USE


@check
def a_tuning_job_tells_what_attaching_to_it_needs(target: Target) -> None:
    """SDK v2: best_estimator and attach read _tuning_objective_metric; API DescribeHyperParameterTuningJob: counters"""
    sagemaker, request = target.boto("sagemaker"), tuning(target)
    name = request["HyperParameterTuningJobName"]
    arn = sagemaker.create_hyper_parameter_tuning_job(**request)["HyperParameterTuningJobArn"]
    described = sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
    end_tuning(target, name)
    assert arn == target.arn("sagemaker", f"hyper-parameter-tuning-job/{name}")
    kept = described["TrainingJobDefinition"]["StaticHyperParameters"]
    assert kept == {"kept": "1", "_tuning_objective_metric": "loss"}
    counted = {"Completed", "InProgress", "RetryableError", "NonRetryableError", "Stopped"}
    assert set(described["TrainingJobStatusCounters"]) >= counted
    assert set(described["ObjectiveStatusCounters"]) == {"Succeeded", "Pending", "Failed"}


@check
def an_objective_needs_its_metric(target: Target) -> None:
    """Issue aws/sagemaker-python-sdk#3932: A metric is required for this hyperparameter tuning job objective"""
    request = tuning(target)
    del request["TrainingJobDefinition"]["AlgorithmSpecification"]["MetricDefinitions"]
    found = refusal(target.boto("sagemaker").create_hyper_parameter_tuning_job, **request)
    assert (found.code, found.status) == INVALID
    assert "A metric is required for this hyperparameter tuning job objective" in found.message
