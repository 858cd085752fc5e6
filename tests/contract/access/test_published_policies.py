"""The policies that AWS's guides print for SageMaker, S3 and logs, with names of ours: what each allows, and what it does not.

Source: SageMaker's developer guide, "Identity-based policy examples" and "Actions, permissions, and resources reference"; S3's user
guide, "Identity-based policy examples"; CloudWatch Logs' user guide, "Using identity-based policies"; IAM's user guide, "Example
policies". A request on something that does not exist counts as allowed if that is what it is refused for.
"""

# ruff: noqa: E501 - a table of requests
from __future__ import annotations

from typing import Any

import pytest
from tests.teams import ACCOUNT, DEFAULT_ROLE, Team, allow, deny, is_denied

REGION = "us-east-1"
Asked = tuple[str, str, dict[str, Any]]


def sm(kind: str, name: str = "*") -> str:
    return f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:{kind}/{name}"


def logs(group: str) -> str:
    return f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{group}"


def ask(service: str, operation: str, **request: Any) -> Asked:
    return service, operation, request


def job(name: str = "a", instance: str = "ml.m5.large", **more: Any) -> Asked:
    given = {
        "TrainingJobName": name,
        "AlgorithmSpecification": {"TrainingImage": "no-such-image:1", "TrainingInputMode": "File"},
        "RoleArn": DEFAULT_ROLE,
        "OutputDataConfig": {"S3OutputPath": "s3://none/out"},
        "ResourceConfig": {"InstanceType": instance, "InstanceCount": 1, "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
    }
    return "sagemaker", "create_training_job", given | more


def endpoint_config(name: str = "c", **more: Any) -> Asked:
    variant = {"VariantName": "a", "ModelName": "m", "InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}
    return "sagemaker", "create_endpoint_config", {"EndpointConfigName": name, "ProductionVariants": [variant], **more}


def model(name: str = "m", **more: Any) -> Asked:
    given = {"ModelName": name, "ExecutionRoleArn": DEFAULT_ROLE, "PrimaryContainer": {"Image": "no-such-image:1"}}
    return "sagemaker", "create_model", given | more


def notebook(**more: Any) -> Asked:
    given = {"NotebookInstanceName": "n", "InstanceType": "ml.t3.medium", "RoleArn": DEFAULT_ROLE}
    return "sagemaker", "create_notebook_instance", given | more


PASS = allow("iam:PassRole", DEFAULT_ROLE)
TAG = [{"Key": "project", "Value": "blue"}]
DESCRIBE = ask("sagemaker", "describe_training_job", TrainingJobName="a")
INVOKE = ask("sagemaker-runtime", "invoke_endpoint", EndpointName="churn", Body=b"1")
GET, PUT = (
    ask("s3", "get_object", Bucket="lake", Key="home/x"),
    ask("s3", "put_object", Bucket="lake", Key="home/x", Body=b""),
)
LIST = ask("s3", "list_objects_v2", Bucket="lake")
LINES = ask("logs", "get_log_events", logGroupName="/aws/sagemaker/TrainingJobs", logStreamName="a")
VPC = {"Subnets": ["subnet-12345678"], "SecurityGroupIds": ["sg-12345678"]}
PACKAGE = sm("model-package", "churn/1")


def only(**condition: Any) -> dict[str, Any]:
    return {"Condition": condition}


CASES: dict[str, tuple[list[dict[str, Any]], list[Asked], list[Asked]]] = {
    "everything": ([allow("*")], [DESCRIBE, LIST, LINES, ask("iam", "list_users")], []),
    "power user": (
        [{"Effect": "Allow", "NotAction": ["iam:*", "organizations:*"], "Resource": "*"}],
        [DESCRIBE, LIST, LINES],
        [ask("iam", "list_users"), ask("iam", "create_user", UserName="x")],
    ),
    "sagemaker alone": ([allow("sagemaker:*")], [DESCRIBE, ask("sagemaker", "list_models")], [LIST, LINES]),
    "reading sagemaker": (
        [allow(["sagemaker:Describe*", "sagemaker:List*", "sagemaker:Get*"])],
        [DESCRIBE, ask("sagemaker", "list_endpoints")],
        [ask("sagemaker", "delete_model", ModelName="m"), job(), INVOKE],
    ),
    "one training job": (
        [allow("sagemaker:DescribeTrainingJob", sm("training-job", "a"))],
        [DESCRIBE],
        [ask("sagemaker", "describe_training_job", TrainingJobName="b"), ask("sagemaker", "stop_training_job", TrainingJobName="a")],
    ),
    "jobs by prefix": (
        [allow("sagemaker:*", sm("training-job", "team-*")), PASS],
        [job("team-1"), ask("sagemaker", "stop_training_job", TrainingJobName="team-1")],
        [job("other"), DESCRIBE],
    ),
    "one character": (
        [allow("sagemaker:DescribeTrainingJob", sm("training-job", "a?"))],
        [ask("sagemaker", "describe_training_job", TrainingJobName="a1")],
        [ask("sagemaker", "describe_training_job", TrainingJobName="a12"), DESCRIBE],
    ),
    "creating without passing": ([allow("sagemaker:CreateTrainingJob")], [], [job()]),
    "creating and passing": ([allow("sagemaker:CreateTrainingJob"), PASS], [job()], [model()]),
    "passing to sagemaker alone": (
        [
            allow(["sagemaker:CreateTrainingJob", "lambda:CreateFunction"]),
            allow("iam:PassRole", **only(StringEquals={"iam:PassedToService": "sagemaker.amazonaws.com"})),
        ],
        [job()],
        [ask("lambda", "create_function", FunctionName="f", Role=DEFAULT_ROLE, Code={"ZipFile": b"x"})],
    ),
    "passing another role": (
        [allow("sagemaker:CreateTrainingJob"), allow("iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/Other")],
        [],
        [job()],
    ),
    "small instances": (
        [
            allow("sagemaker:CreateTrainingJob", **only(**{"ForAllValues:StringEquals": {"sagemaker:InstanceTypes": ["ml.m5.large"]}})),
            PASS,
        ],
        [job()],
        [job(instance="ml.m5.xlarge")],
    ),
    "no large instances": (
        [
            allow("sagemaker:*"),
            PASS,
            deny("sagemaker:*", **only(**{"ForAnyValue:StringLike": {"sagemaker:InstanceTypes": ["ml.p4*", "ml.*.24xlarge"]}})),
        ],
        [job(), DESCRIBE],
        [job(instance="ml.p4d.24xlarge"), job(instance="ml.m5.24xlarge")],
    ),
    "small instances of endpoints": (
        [allow("sagemaker:CreateEndpointConfig", **only(**{"ForAllValues:StringLike": {"sagemaker:InstanceTypes": "ml.t2.*"}}))],
        [],
        [endpoint_config()],
    ),
    "short jobs": (
        [allow("sagemaker:CreateTrainingJob", **only(NumericLessThanEquals={"sagemaker:MaxRuntimeInSeconds": "3600"})), PASS],
        [job()],
        [job(StoppingCondition={"MaxRuntimeInSeconds": 7200})],
    ),
    "in a VPC": (
        [
            allow("sagemaker:CreateTrainingJob", **only(**{
                "ForAllValues:StringEquals": {"sagemaker:VpcSubnets": ["subnet-12345678"]},
                "Null": {"sagemaker:VpcSubnets": "false"},
            })),
            PASS,
        ],
        [job(VpcConfig=VPC)],
        [job(), job(VpcConfig=VPC | {"Subnets": ["subnet-87654321"]})],
    ),
    "with security groups": (
        [allow("sagemaker:CreateModel", **only(**{"ForAnyValue:StringEquals": {"sagemaker:VpcSecurityGroupIds": "sg-12345678"}})), PASS],
        [model(VpcConfig=VPC)],
        [model()],
    ),
    "isolated networks": (
        [allow("sagemaker:*"), PASS, deny("sagemaker:CreateTrainingJob", **only(Bool={"sagemaker:NetworkIsolation": "false"}))],
        [job(EnableNetworkIsolation=True)],
        [job(EnableNetworkIsolation=False)],
    ),
    "encrypted traffic": (
        [allow("sagemaker:CreateTrainingJob", **only(Bool={"sagemaker:InterContainerTrafficEncryption": "true"})), PASS],
        [job(EnableInterContainerTrafficEncryption=True)],
        [job(), job(EnableInterContainerTrafficEncryption=False)],
    ),
    "encrypted volumes": (
        [
            allow("sagemaker:CreateTrainingJob"),
            PASS,
            deny("sagemaker:CreateTrainingJob", **only(Null={"sagemaker:VolumeKmsKey": "true"})),
        ],
        [job(ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1, "VolumeKmsKeyId": "alias/k"})],
        [job()],
    ),
    "encrypted outputs": (
        [allow("sagemaker:CreateTrainingJob", **only(StringEquals={"sagemaker:OutputKmsKey": "alias/k"})), PASS],
        [job(OutputDataConfig={"S3OutputPath": "s3://none/out", "KmsKeyId": "alias/k"})],
        [job(), job(OutputDataConfig={"S3OutputPath": "s3://none/out", "KmsKeyId": "alias/other"})],
    ),
    "warm pools of ten minutes": (
        [allow("sagemaker:CreateTrainingJob", **only(NumericLessThanEqualsIfExists={"sagemaker:KeepAlivePeriod": "600"})), PASS],
        [job()],
        [
            job(ResourceConfig={
                "InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1, "KeepAlivePeriodInSeconds": 3600,
            }),
        ],
    ),
    "a tag at creation": (
        [allow(["sagemaker:CreateTrainingJob", "sagemaker:AddTags"], **only(StringEquals={"aws:RequestTag/project": ["blue", "red"]})), PASS],
        [job(Tags=TAG)],
        [job(), job(Tags=[{"Key": "project", "Value": "green"}])],
    ),
    "known tags alone": (
        [
            allow(["sagemaker:CreateTrainingJob", "sagemaker:AddTags"], **only(**{"ForAllValues:StringEquals": {"aws:TagKeys": ["project"]}})),
            PASS,
        ],
        [job(Tags=TAG), job()],
        [job(Tags=[*TAG, {"Key": "owner", "Value": "x"}])],
    ),
    "tags only at creation": (
        [allow("sagemaker:CreateModelPackageGroup")],
        [ask("sagemaker", "create_model_package_group", ModelPackageGroupName="g1")],
        [ask("sagemaker", "create_model_package_group", ModelPackageGroupName="g2", Tags=TAG)],
    ),
    "no tags taken off": (
        [allow("sagemaker:*"), deny("sagemaker:DeleteTags", **only(**{"ForAnyValue:StringEquals": {"aws:TagKeys": "project"}}))],
        [ask("sagemaker", "delete_tags", ResourceArn=sm("model", "m"), TagKeys=["other"])],
        [ask("sagemaker", "delete_tags", ResourceArn=sm("model", "m"), TagKeys=["project"])],
    ),
    "invoking one endpoint": (
        [allow("sagemaker:InvokeEndpoint", sm("endpoint", "churn"))],
        [INVOKE],
        [ask("sagemaker-runtime", "invoke_endpoint", EndpointName="fraud", Body=b"1"),
         ask("sagemaker-runtime", "invoke_endpoint_async", EndpointName="churn", InputLocation="s3://b/k")],
    ),
    "one model of an endpoint": (
        [allow("sagemaker:InvokeEndpoint", sm("endpoint", "churn"), **only(StringLike={"sagemaker:TargetModel": "company_a/*"}))],
        [ask("sagemaker-runtime", "invoke_endpoint", EndpointName="churn", Body=b"1", TargetModel="company_a/m.tar.gz")],
        [ask("sagemaker-runtime", "invoke_endpoint", EndpointName="churn", Body=b"1", TargetModel="company_b/m.tar.gz"), INVOKE],
    ),
    "an endpoint with its configuration": (
        [allow("sagemaker:CreateEndpoint", [sm("endpoint", "churn"), sm("endpoint-config", "churn-1")])],
        [ask("sagemaker", "create_endpoint", EndpointName="churn", EndpointConfigName="churn-1")],
        [ask("sagemaker", "create_endpoint", EndpointName="churn", EndpointConfigName="churn-2")],
    ),
    "updates within limits": (
        [allow("sagemaker:UpdateEndpointWeightsAndCapacities", sm("endpoint", "churn"))],
        [ask("sagemaker", "update_endpoint_weights_and_capacities", EndpointName="churn",
             DesiredWeightsAndCapacities=[{"VariantName": "a", "DesiredWeight": 1}])],
        [ask("sagemaker", "update_endpoint", EndpointName="churn", EndpointConfigName="c")],
    ),
    "approving nothing": (
        [allow("sagemaker:UpdateModelPackage", **only(StringNotEquals={"sagemaker:ModelApprovalStatus": "Approved"}))],
        [ask("sagemaker", "update_model_package", ModelPackageArn=PACKAGE, ModelApprovalStatus="Rejected")],
        [ask("sagemaker", "update_model_package", ModelPackageArn=PACKAGE, ModelApprovalStatus="Approved")],
    ),
    "one group of packages": (
        [allow("sagemaker:*", [sm("model-package-group", "churn"), sm("model-package", "churn/*")])],
        [ask("sagemaker", "describe_model_package", ModelPackageName=PACKAGE),
         ask("sagemaker", "describe_model_package_group", ModelPackageGroupName="churn")],
        [ask("sagemaker", "describe_model_package", ModelPackageName=sm("model-package", "fraud/1")),
         ask("sagemaker", "describe_model_package_group", ModelPackageGroupName="fraud")],
    ),
    "starting a pipeline": (
        [allow("sagemaker:StartPipelineExecution", sm("pipeline", "nightly"))],
        [ask("sagemaker", "start_pipeline_execution", PipelineName="nightly", ClientRequestToken="t" * 32)],
        [ask("sagemaker", "start_pipeline_execution", PipelineName="weekly", ClientRequestToken="t" * 32),
         ask("sagemaker", "delete_pipeline", PipelineName="nightly", ClientRequestToken="t" * 32)],
    ),
    "executions of a pipeline": (
        [allow(["sagemaker:DescribePipelineExecution", "sagemaker:StopPipelineExecution"], sm("pipeline", "nightly/execution/*"))],
        [ask("sagemaker", "describe_pipeline_execution", PipelineExecutionArn=sm("pipeline", "nightly/execution/abcdefghijkl"))],
        [ask("sagemaker", "describe_pipeline_execution", PipelineExecutionArn=sm("pipeline", "weekly/execution/abcdefghijkl"))],
    ),
    "notebooks without root": (
        [allow("sagemaker:CreateNotebookInstance", **only(StringEquals={"sagemaker:RootAccess": "Disabled"})), PASS],
        [notebook(RootAccess="Disabled")],
        [notebook(), notebook(RootAccess="Enabled")],
    ),
    "notebooks without the internet": (
        [allow("sagemaker:*"), PASS,
         deny("sagemaker:CreateNotebookInstance", **only(StringEqualsIfExists={"sagemaker:DirectInternetAccess": "Enabled"}))],
        [notebook(DirectInternetAccess="Disabled", SubnetId="subnet-12345678", SecurityGroupIds=["sg-12345678"])],
        [notebook(DirectInternetAccess="Enabled"), notebook()],
    ),
    "opening one's own notebook": (
        [allow("sagemaker:CreatePresignedNotebookInstanceUrl", sm("notebook-instance", "${aws:username}-*"))],
        [],
        [ask("sagemaker", "create_presigned_notebook_instance_url", NotebookInstanceName="somebody-1")],
    ),
    "one's own profile": (
        [allow("sagemaker:CreatePresignedDomainUrl", sm("user-profile", "*/${aws:username}"))],
        [],
        [ask("sagemaker", "create_presigned_domain_url", DomainId="d-000000000000", UserProfileName="default")],
    ),
    "one space": (
        [allow("sagemaker:DescribeSpace", sm("space", "*/mine"))],
        [ask("sagemaker", "describe_space", DomainId="d-000000000000", SpaceName="mine")],
        [ask("sagemaker", "describe_space", DomainId="d-000000000000", SpaceName="other")],
    ),
    "apps of one type": (
        [allow("sagemaker:CreateApp", sm("app", "*/*/JupyterServer/*"))],
        [ask("sagemaker", "create_app", DomainId="d-000000000000", UserProfileName="none", AppType="JupyterServer", AppName="default")],
        [ask("sagemaker", "create_app", DomainId="d-000000000000", UserProfileName="none", AppType="KernelGateway", AppName="default")],
    ),
    "tuning": (
        [allow(["sagemaker:CreateHyperParameterTuningJob", "sagemaker:DescribeHyperParameterTuningJob"])],
        [ask("sagemaker", "describe_hyper_parameter_tuning_job", HyperParameterTuningJobName="t")],
        [DESCRIBE],
    ),
    "search alone": ([allow("sagemaker:Search")], [ask("sagemaker", "search", Resource="TrainingJob")], [DESCRIBE]),
    "a region": (
        [allow("sagemaker:*", **only(StringEquals={"aws:RequestedRegion": REGION}))], [DESCRIBE], [LIST],
    ),
    "not in a region": (
        [allow("*"), deny("*", **only(StringNotEquals={"aws:RequestedRegion": "eu-west-1"}))], [], [DESCRIBE, LIST],
    ),
    "from an address": (
        [allow("sagemaker:*", **only(IpAddress={"aws:SourceIp": ["127.0.0.0/8", "::1/128"]}))], [DESCRIBE], [],
    ),
    "not from elsewhere": (
        [allow("*"), deny("*", **only(NotIpAddress={"aws:SourceIp": ["203.0.113.0/24"]}))], [], [DESCRIBE, LIST],
    ),
    "between two dates": (
        [allow("sagemaker:*", **only(DateGreaterThan={"aws:CurrentTime": "2020-01-01T00:00:00Z"},
                                    DateLessThan={"aws:CurrentTime": "2120-01-01T00:00:00Z"}))],
        [DESCRIBE],
        [],
    ),
    "until a date": ([allow("*", **only(DateLessThan={"aws:CurrentTime": "2020-01-01T00:00:00Z"}))], [], [DESCRIBE]),
    "with a second factor": (
        [allow("*"), deny("iam:*", **only(BoolIfExists={"aws:MultiFactorAuthPresent": "false"}))],
        [DESCRIBE],
        [ask("iam", "list_users")],
    ),
    "over TLS": ([allow("*"), deny("*", **only(Bool={"aws:SecureTransport": "false"}))], [DESCRIBE, LIST], []),
    "one bucket": (
        [allow("s3:ListBucket", "arn:aws:s3:::lake"), allow(["s3:GetObject", "s3:PutObject"], "arn:aws:s3:::lake/*")],
        [GET, PUT, LIST],
        [ask("s3", "delete_object", Bucket="lake", Key="home/x"), ask("s3", "list_objects_v2", Bucket="other"), ask("s3", "list_buckets")],
    ),
    "a bucket's resource is not its objects'": ([allow("s3:*", "arn:aws:s3:::lake")], [LIST], [GET, PUT]),
    "objects without their bucket": ([allow("s3:*", "arn:aws:s3:::lake/*")], [GET, PUT], [LIST]),
    "a folder": (
        [allow("s3:*", "arn:aws:s3:::lake/home/*"), allow("s3:ListBucket", "arn:aws:s3:::lake", **only(StringLike={"s3:prefix": "home/*"}))],
        [GET, ask("s3", "list_objects_v2", Bucket="lake", Prefix="home/a")],
        [LIST, ask("s3", "get_object", Bucket="lake", Key="secret/x"), ask("s3", "list_objects_v2", Bucket="lake", Prefix="secret/")],
    ),
    "the root of a bucket": (
        [allow("s3:ListBucket", "arn:aws:s3:::lake", **only(StringEquals={"s3:prefix": ["", "home/"], "s3:delimiter": "/"}))],
        [ask("s3", "list_objects_v2", Bucket="lake", Prefix="home/", Delimiter="/")],
        [ask("s3", "list_objects_v2", Bucket="lake", Prefix="home/"), ask("s3", "list_objects_v2", Bucket="lake", Prefix="x/", Delimiter="/")],
    ),
    "reading s3": (
        [allow(["s3:Get*", "s3:List*"])],
        [GET, LIST, ask("s3", "list_buckets"), ask("s3", "head_object", Bucket="lake", Key="home/x")],
        [PUT, ask("s3", "delete_bucket", Bucket="lake"), ask("s3", "create_bucket", Bucket="lake-two")],
    ),
    "encrypted objects": (
        [allow("s3:PutObject", "arn:aws:s3:::lake/*", **only(StringEquals={"s3:x-amz-server-side-encryption": "aws:kms"}))],
        [ask("s3", "put_object", Bucket="lake", Key="k", Body=b"", ServerSideEncryption="aws:kms")],
        [PUT],
    ),
    "never deleted": (
        [allow("s3:*"), deny(["s3:DeleteObject", "s3:DeleteBucket"])],
        [GET, PUT, LIST],
        [ask("s3", "delete_object", Bucket="lake", Key="k"), ask("s3", "delete_bucket", Bucket="lake")],
    ),
    "all buckets but one": (
        [allow("s3:*"), {"Effect": "Deny", "Action": "s3:*", "NotResource": ["arn:aws:s3:::lake", "arn:aws:s3:::lake/*"]}],
        [GET, LIST],
        [ask("s3", "get_object", Bucket="other", Key="k"), ask("s3", "list_buckets")],
    ),
    "an object's tag": (
        [allow("s3:GetObject", **only(StringEquals={"s3:ExistingObjectTag/open": "yes"}))],
        [ask("s3", "get_object", Bucket="lake", Key="open")],
        [ask("s3", "get_object", Bucket="lake", Key="closed")],
    ),
    "copies need both ends": (
        [allow("s3:PutObject", "arn:aws:s3:::lake/*")],
        [],
        [ask("s3", "copy_object", Bucket="lake", Key="k", CopySource={"Bucket": "lake", "Key": "open"})],
    ),
    "reading logs": (
        [allow(["logs:Describe*", "logs:Get*", "logs:FilterLogEvents"])],
        [LINES, ask("logs", "filter_log_events", logGroupName="/aws/sagemaker/TrainingJobs"), ask("logs", "describe_log_groups")],
        [ask("logs", "create_log_group", logGroupName="x"), ask("logs", "delete_log_group", logGroupName="x")],
    ),
    "logs of sagemaker": (
        [allow("logs:*", logs("/aws/sagemaker/*"))],
        [LINES, ask("logs", "describe_log_streams", logGroupName="/aws/sagemaker/Endpoints/e")],
        [ask("logs", "describe_log_streams", logGroupName="/aws/lambda/f"), ask("logs", "describe_log_groups")],
    ),
    "logs of a group, as guides write it": (
        [allow("logs:*", logs("/aws/sagemaker/TrainingJobs:*"))],
        [LINES, ask("logs", "describe_log_streams", logGroupName="/aws/sagemaker/TrainingJobs")],
        [ask("logs", "describe_log_streams", logGroupName="/aws/sagemaker/ProcessingJobs")],
    ),
    "writing one stream": (
        [allow("logs:PutLogEvents", logs("app:log-stream:web-*"))],
        [ask("logs", "put_log_events", logGroupName="app", logStreamName="web-1", logEvents=[{"timestamp": 1, "message": "x"}])],
        [ask("logs", "put_log_events", logGroupName="app", logStreamName="db-1", logEvents=[{"timestamp": 1, "message": "x"}])],
    ),
    "metrics of one namespace": (
        [allow("cloudwatch:PutMetricData")],
        [ask("cloudwatch", "put_metric_data", Namespace="Own", MetricData=[{"MetricName": "m", "Value": 1}])],
        [ask("cloudwatch", "list_metrics")],
    ),
    "images of one repository": (
        [allow("ecr:GetAuthorizationToken"), allow("ecr:BatchGetImage", f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/own")],
        [ask("ecr", "get_authorization_token"), ask("ecr", "batch_get_image", repositoryName="own", imageIds=[{"imageTag": "1"}])],
        [ask("ecr", "batch_get_image", repositoryName="other", imageIds=[{"imageTag": "1"}]), ask("ecr", "delete_repository", repositoryName="own")],
    ),
    "a queue and a topic": (
        [allow("sqs:SendMessage", f"arn:aws:sqs:{REGION}:{ACCOUNT}:jobs"), allow("sns:Publish", f"arn:aws:sns:{REGION}:{ACCOUNT}:news")],
        [ask("sns", "publish", TopicArn=f"arn:aws:sns:{REGION}:{ACCOUNT}:news", Message="x"),
         ask("sqs", "send_message", QueueUrl=f"http://h/{ACCOUNT}/jobs", MessageBody="x")],
        [ask("sns", "publish", TopicArn=f"arn:aws:sns:{REGION}:{ACCOUNT}:other", Message="x"),
         ask("sqs", "receive_message", QueueUrl=f"http://h/{ACCOUNT}/jobs")],
    ),
    "one's own keys": (
        [allow(["iam:*AccessKey*", "iam:GetUser"], f"arn:aws:iam::{ACCOUNT}:user/${{aws:username}}")],
        [],
        [ask("iam", "create_access_key", UserName="admin"), ask("iam", "list_users")],
    ),
    "a denial wins": ([allow("*"), deny("sagemaker:DescribeTrainingJob")], [LIST], [DESCRIBE]),
    "names count without their case": ([allow("SageMaker:describetrainingJOB")], [DESCRIBE], [job()]),
    "an empty list of rights": ([deny("s3:*")], [], [DESCRIBE, LIST]),
}  # fmt: skip


@pytest.fixture(scope="module")
def lake(team: Team) -> None:
    s3 = team.server.boto("s3")
    s3.create_bucket(Bucket="lake")
    s3.create_bucket(Bucket="other")
    s3.put_object(Bucket="lake", Key="open", Body=b"1", Tagging="open=yes")
    s3.put_object(Bucket="lake", Key="closed", Body=b"1")


@pytest.mark.sampled(40)
@pytest.mark.parametrize("name", CASES)
def test_a_published_policy(team: Team, lake: None, name: str) -> None:
    statements, allowed, refused = CASES[name]
    person = team.person(*statements)
    clients: dict[str, Any] = {}

    def denied(asked: Asked) -> bool:
        service, operation, request = asked
        client = clients.setdefault(service, person.boto(service))
        return is_denied(getattr(client, operation), **request)

    assert [one[1:] for one in allowed if denied(one)] == []
    assert [one[1:] for one in refused if not denied(one)] == []


def test_there_are_many() -> None:
    assert len(CASES) >= 60
