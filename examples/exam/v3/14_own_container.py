"""A framework that has no image: own container, pushed to ECR.

Run it: sagewright examples run own_container --sdk v3
"""

import base64
import contextlib
import shutil
import subprocess
import sys
import tempfile

import boto3
import datasets
import result
from sagemaker.core.helper.session_helper import Session
from sagemaker.core.shapes import MetricDefinition
from sagemaker.train import ModelTrainer
from sagemaker.train.configs import Compute, InputData

if not shutil.which("podman"):
    print("podman is not installed: on Debian, apt-get install podman")
    sys.exit(77)  # skipped
session, ecr = Session(), boto3.client("ecr")
bucket = session.default_bucket()
datasets.put(bucket, {"exam/own/train.csv": datasets.churn()[0]})

with contextlib.suppress(ecr.exceptions.RepositoryAlreadyExistsException):
    ecr.create_repository(repositoryName="exam-awk")
access = ecr.get_authorization_token()["authorizationData"][0]
registry = access["proxyEndpoint"].removeprefix("http://")
with tempfile.TemporaryDirectory() as folder:
    datasets.write_awk_image(folder)  # a Containerfile, busybox, and the program `train`, which is awk's
    run = lambda *words: subprocess.run(["podman", *words], check=True, stdout=subprocess.DEVNULL)  # noqa: E731
    user, _, password = base64.b64decode(access["authorizationToken"]).decode().partition(":")
    run("login", "--tls-verify=false", "--username", user, "--password", password, registry)
    run("build", "--quiet", "--tag", f"{registry}/exam-awk:1", folder)
    run("push", "--quiet", "--tls-verify=false", f"{registry}/exam-awk:1")

account = session.account_id()
image = f"{account}.dkr.ecr.{session.boto_region_name}.amazonaws.com/exam-awk:1"
trainer = ModelTrainer(
    training_image=image, compute=Compute(instance_type="ml.m5.large", instance_count=1), base_job_name="exam-awk"
).with_metric_definitions([MetricDefinition(name="accuracy", regex="accuracy=(.*?);")])
trainer.train([InputData(channel_name="train", data_source=f"s3://{bucket}/exam/own")])
job = trainer._latest_training_job
accuracy = job.final_metric_data_list[0].value
result.check(
    "accuracy of a rule that awk learnt in our image", accuracy, at_least=0.86, page=f"jobs/{job.training_job_name}"
)
