"""The life of a solution around its pipeline: data in S3, an execution that is waited for, the approved version as an endpoint."""

import contextlib
import csv
import json
import logging
import os
import signal
import sys
import time
from pathlib import Path

import sagemaker
from botocore.exceptions import ClientError
from sagemaker.s3 import S3Downloader
from sagemaker.workflow.execution_variables import ExecutionVariables
from sagemaker.workflow.functions import Join
from sagemaker.workflow.pipeline_context import PipelineSession

INSTANCE = "ml.m5.large"
TAG = "sagewright:solution"
ENDED = ("Succeeded", "Failed", "Stopped")
LOG_LINES = 8
LOG_GROUPS = {f"{kind.lower()}-job": f"/aws/sagemaker/{kind}Jobs" for kind in ("Processing", "Training", "Transform")}
for noisy in ("sagemaker", "botocore"):
    logging.getLogger(noisy).setLevel(logging.ERROR)
logging.getLogger("sagemaker.config").disabled = True


class Solution:
    """A solution by its name: all that it makes is called so, and tagged."""

    def __init__(self, name):
        self.name, self.started = name, time.monotonic()
        self.folder = Path(__file__).parent / name
        sagemaker.Session().default_bucket()  # makes it; a session with a prefix expects it to be there
        self.session = PipelineSession(default_bucket_prefix=f"solutions/{name}")
        self.role = sagemaker.get_execution_role()
        self.client = self.session.sagemaker_client
        self.region = self.session.boto_region_name
        self.bucket = self.session.default_bucket()
        self.uri = f"s3://{self.bucket}/solutions/{name}"
        self.group = self.pipeline = f"solution-{name}"
        self.tags = [{"Key": TAG, "Value": name}]
        for kind, listed, one in (
            ("endpoint", "describe_endpoint", {"EndpointName": name}),
            ("pipeline", "describe_pipeline", {"PipelineName": self.pipeline}),
            ("model_package_group", "describe_model_package_group", {"ModelPackageGroupName": self.group}),
        ):
            self._refuse_others(kind, listed, one)

    def _refuse_others(self, kind, describe, named):
        with contextlib.suppress(ClientError):
            found = getattr(self.client, describe)(**named)
            arn = next(value for key, value in found.items() if key.lower() == kind.replace("_", "") + "arn")
            tags = self.client.list_tags(ResourceArn=arn)["Tags"]
            if {"Key": TAG, "Value": self.name} not in tags:
                words = f"The {kind.replace('_', ' ')} {next(iter(named.values()))} was not made by the solution {self.name}"
                sys.exit(
                    f"{words} (it has no tag {TAG}={self.name}). Delete or rename it, then run the solution again."
                )

    def data(self, make):
        """Put the packaged data (file name -> bytes) into the folder data/, unless there are objects: then those are used."""
        uri, s3 = f"{self.uri}/data", self.session.boto_session.client("s3")
        if S3Downloader.list(uri + "/", sagemaker_session=self.session):
            print(f"data      {uri}/, which is there already")
        else:
            for file, body in make().items():
                s3.put_object(Bucket=self.bucket, Key=f"solutions/{self.name}/data/{file}", Body=body)
            print(f"data      {uri}/, from a package")
        return uri

    def header(self):
        """The names of the columns of the data: the first line of its first CSV."""
        files = sorted(S3Downloader.list(f"{self.uri}/data/", sagemaker_session=self.session))
        first = next((each for each in files if each.endswith(".csv")), None)
        if first is None:
            sys.exit(f"There is no .csv in {self.uri}/data/.")
        return next(csv.reader([self.read(first).decode().partition("\n")[0]]), [""])

    def each(self, kind):
        """The folder of a kind of results of this execution, as a pipeline variable."""
        return Join(on="/", values=[self.uri, kind, ExecutionVariables.PIPELINE_EXECUTION_ID])

    def scores(self, file):
        """What the execution's transform job answered for a file."""
        return self.read(f"{self.uri}/scores/{self.execution}/{file}.out").decode()

    def output(self, step, name, file):
        """A file of an output of a script in this execution."""
        job = self.steps[step]["Metadata"]["ProcessingJob"]["Arn"].rpartition("/")[2]
        outputs = self.client.describe_processing_job(ProcessingJobName=job)["ProcessingOutputConfig"]["Outputs"]
        (uri,) = [each["S3Output"]["S3Uri"] for each in outputs if each["OutputName"] == name]
        return self.read(f"{uri}/{file}")

    def best(self, step):
        """The best training job of a tuning step, its objective and its hyperparameters, in a line."""
        tuning = self.steps[step]["Metadata"]["TuningJob"]["Arn"].rpartition("/")[2]
        found = self.client.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=tuning)
        job, counts = found["BestTrainingJob"], found["TrainingJobStatusCounters"]
        metric = job["FinalHyperParameterTuningJobObjectiveMetric"]
        tuned = ", ".join(f"{name}={float(value):.3g}" for name, value in sorted(job["TunedHyperParameters"].items()))
        return f"{metric['MetricName']} {metric['Value']:.4g} of {counts['Completed']} jobs: {tuned}"

    def read(self, uri):
        return S3Downloader.read_bytes(uri, sagemaker_session=self.session)

    def execute(self, pipeline):
        """Update the pipeline, start an execution, print its steps as they end. A failed one exits with 1 and the reason."""
        with contextlib.suppress(self.client.exceptions.ClientError):  # there is one
            self.client.create_model_package_group(ModelPackageGroupName=self.group, Tags=self.tags)
        pipeline.upsert(role_arn=self.role, tags=self.tags)
        signal.signal(signal.SIGINT, signal.default_int_handler)  # also where the caller ignores it
        execution, seen = pipeline.start(), set()
        try:
            self.execution = execution.arn.rpartition("/")[2]
            print(f"pipeline  {self.studio(f'pipelines/{self.pipeline}/{self.execution}')}", flush=True)
            while True:
                ended = execution.describe()["PipelineExecutionStatus"] in ENDED
                steps = {step["StepName"]: step for step in reversed(execution.list_steps())}
                for name, step in steps.items():
                    if step["StepStatus"] in ENDED and name not in seen:
                        seen.add(name)
                        seconds = (step["EndTime"] - step["StartTime"]).total_seconds() if "EndTime" in step else 0
                        print(f"  {name:22} {step['StepStatus']:10} {seconds:6.1f} s", flush=True)
                if ended:
                    break
                time.sleep(0.5)
        except (KeyboardInterrupt, BrokenPipeError):  # nobody waits for it any more
            execution.stop()
            sys.exit("Interrupted; the execution is stopped.")
        self._exit_if_failed(execution.describe(), steps)
        self.steps = steps

    def _exit_if_failed(self, described, steps):
        if described["PipelineExecutionStatus"] == "Succeeded":
            return
        for name, step in steps.items():
            if step["StepStatus"] != "Succeeded":
                print(
                    f"The step {name} {step['StepStatus'].lower()}: {step.get('FailureReason', 'no reason was given')}"
                )
                for line in self._last_lines(step.get("Metadata", {})):
                    print(f"    {line[:300]}")
        if not any(step["StepStatus"] == "Failed" for step in steps.values()):
            print(f"The execution {described['PipelineExecutionStatus'].lower()}: {described.get('FailureReason', '')}")
        sys.exit(1)

    def _last_lines(self, metadata):
        """The last lines that the step's job has logged."""
        logs = self.session.boto_session.client("logs")
        arns = [each.get("Arn") or each.get("CheckJobArn", "") for each in metadata.values() if isinstance(each, dict)]
        for arn in arns:
            kind, _, job = arn.rpartition(":")[2].partition("/")
            if kind in LOG_GROUPS:
                group = LOG_GROUPS[kind]
                with contextlib.suppress(ClientError):
                    for stream in logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=job)["logStreams"]:
                        place = {"logGroupName": group, "logStreamName": stream["logStreamName"]}
                        for event in logs.get_log_events(**place, limit=LOG_LINES)["events"]:
                            yield event["message"].rstrip()

    def deploy(self):
        """Create the endpoint from the newest approved version, or update it; delete what served before."""
        version = self.client.list_model_packages(
            ModelPackageGroupName=self.group,
            ModelApprovalStatus="Approved",
            SortBy="CreationTime",
            SortOrder="Descending",
        )["ModelPackageSummaryList"][0]
        served, each = f"{self.name}-{version['ModelPackageVersion']}-{self.execution}", {"Tags": self.tags}
        self.client.create_model(
            ModelName=served,
            Containers=[{"ModelPackageName": version["ModelPackageArn"]}],
            ExecutionRoleArn=self.session.expand_role(self.role),
            **each,
        )
        variant = {
            "VariantName": "AllTraffic",
            "ModelName": served,
            "InstanceType": INSTANCE,
            "InitialInstanceCount": 1,
        }
        self.client.create_endpoint_config(EndpointConfigName=served, ProductionVariants=[variant], **each)
        try:
            before = self._settled()
        except ClientError:
            before = None
            self.client.create_endpoint(EndpointName=self.name, EndpointConfigName=served, **each)
        else:
            if before["EndpointStatus"] == "Failed":
                self.client.delete_endpoint(EndpointName=self.name)
                self.client.get_waiter("endpoint_deleted").wait(EndpointName=self.name, WaiterConfig={"Delay": 1})
                self.client.create_endpoint(EndpointName=self.name, EndpointConfigName=served, **each)
            else:
                self.client.update_endpoint(EndpointName=self.name, EndpointConfigName=served)
        self._wait(served)
        if before is not None:
            self._delete_served(before["EndpointConfigName"])
        print(
            f"endpoint  {self.studio(f'endpoints/{self.name}')}, version {version['ModelPackageVersion']}", flush=True
        )

    def _settled(self):
        """The endpoint, once it is neither created nor updated."""
        while True:
            described = self.client.describe_endpoint(EndpointName=self.name)
            if described["EndpointStatus"] not in ("Creating", "Updating", "RollingBack"):
                return described
            time.sleep(0.3)

    def _wait(self, served):
        described = self._settled()
        if described["EndpointStatus"] != "InService" or described["EndpointConfigName"] != served:
            print(
                f"The endpoint {self.name} is {described['EndpointStatus']}: {described.get('FailureReason', 'rolled back')}"
            )
            sys.exit(1)

    def _delete_served(self, configuration):
        with contextlib.suppress(ClientError):
            found = self.client.describe_endpoint_config(EndpointConfigName=configuration)
            self.client.delete_endpoint_config(EndpointConfigName=configuration)
            for variant in found["ProductionVariants"]:
                self.client.delete_model(ModelName=variant["ModelName"])

    def ask(self, content_type, body, accept="application/json"):
        """Send one request to the endpoint; return the answer's text."""
        runtime = self.session.sagemaker_runtime_client
        answer = runtime.invoke_endpoint(EndpointName=self.name, ContentType=content_type, Accept=accept, Body=body)
        return answer["Body"].read().decode()

    def numbers(self):
        """What Evaluate has measured in this execution."""
        return json.loads(self.read(f"{self.uri}/evaluation/{self.execution}/evaluation.json"))

    def finish(self, bound, limit):
        """Copy the report to its place, and print the last line: measure, bound, seconds and three links."""
        number = self.numbers()
        report = self.publish(f"{self.uri}/evaluation/{self.execution}/report.html", "report.html")
        value, seconds = number["value"], time.monotonic() - self.started
        assert value >= limit if bound == "at least" else value <= limit, f"{value} is not {bound} {limit}"
        links = (f"pipelines/{self.pipeline}/{self.execution}", f"endpoints/{self.name}", report)
        print(
            f"{number['measure']} {value:.4g}, {bound} {limit:.4g}, {seconds:.1f} s", *map(self.studio, links), sep=", "
        )

    def publish(self, uri, file):
        """Copy a page of this execution to the folder report/, where the next execution replaces it; return its link."""
        key, s3 = f"solutions/{self.name}/report/{file}", self.session.boto_session.client("s3")
        s3.put_object(Bucket=self.bucket, Key=key, Body=self.read(uri), ContentType="text/html; charset=utf-8")
        return f"open?bucket={self.bucket}&key={key}"

    def studio(self, page):
        return f"{os.environ['AWS_ENDPOINT_URL']}/studio/{page}"
