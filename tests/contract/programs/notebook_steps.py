"""A user's pipeline of notebook jobs, on either SDK: a notebook with parameters, a file beside it and an initialization script,
then one that fails. `notebook_steps.py DIRECTORY`."""

import io
import json
import os
import sys
import tarfile
from pathlib import Path

import boto3

try:
    from sagemaker import get_execution_role
    from sagemaker.workflow.notebook_job_step import NotebookJobStep
    from sagemaker.workflow.pipeline import Pipeline
except ImportError:
    from sagemaker.core.helper.session_helper import get_execution_role
    from sagemaker.mlops.workflow.notebook_job_step import NotebookJobStep
    from sagemaker.mlops.workflow.pipeline import Pipeline

IMAGE = "236514542706.dkr.ecr.us-east-1.amazonaws.com/sagemaker-base-python-310:1.0"


def cell(source, *tags):
    return {
        "cell_type": "code",
        "metadata": {"tags": list(tags)},
        "source": source,
        "outputs": [],
        "execution_count": None,
    }


def notebook(path, *cells):
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    Path(path).write_text(json.dumps({"nbformat": 4, "nbformat_minor": 4, "metadata": kernel, "cells": list(cells)}))


os.chdir(sys.argv[1])
Path("beside.txt").write_text("read beside the notebook")
Path("init.sh").write_text("export SET_BY_INIT=yes\n")
notebook(
    "report.ipynb",
    cell("who = 'nobody'", "parameters"),
    cell("import os\nprint('hello', who, open('beside.txt').read(), os.environ['SET_BY_INIT'], os.environ['MINE'])"),
)
notebook("broken.ipynb", cell("raise ValueError('the notebook says no')"))
common = {"image_uri": IMAGE, "kernel_name": "python3", "instance_type": "ml.m5.large", "role": get_execution_role()}
report = NotebookJobStep(
    name="report", input_notebook="report.ipynb", notebook_job_name="weekly-report", parameters={"who": "world"},
    environment_variables={"MINE": "mine"}, initialization_script="init.sh", additional_dependencies=["beside.txt"], **common,
)  # fmt: skip
broken = NotebookJobStep(name="broken", input_notebook="broken.ipynb", **common)
broken.add_depends_on([report])
pipeline = Pipeline(Path.cwd().name.replace("_", "-"), steps=[report, broken])
pipeline.upsert(role_arn=get_execution_role())
execution = pipeline.start()
try:
    execution.wait(delay=2, max_attempts=120)
except Exception as error:
    print(error)

sagemaker, s3 = boto3.client("sagemaker"), boto3.client("s3")
for step in reversed(execution.list_steps()):
    arn = step["Metadata"]["TrainingJob"]["Arn"]
    job = sagemaker.describe_training_job(TrainingJobName=arn.split("/")[1])
    bucket, _, prefix = job["OutputDataConfig"]["S3OutputPath"].removeprefix("s3://").partition("/")
    key = f"{prefix}/{job['TrainingJobName']}/output/output.tar.gz"
    with tarfile.open(fileobj=io.BytesIO(s3.get_object(Bucket=bucket, Key=key)["Body"].read())) as tar:
        names = sorted(member.name for member in tar if member.isfile())
        made = json.load(tar.extractfile(job["Environment"]["SM_OUTPUT_NOTEBOOK_NAME"]))
    described = [
        out["text"] for one in made["cells"] for out in one.get("outputs", []) if out["output_type"] == "stream"
    ]
    print(
        "step:", step["StepName"], step["StepStatus"], len(names), "".join("".join(text) for text in described).strip()
    )
    print("first:", job.get("FailureReason", "none").splitlines()[0])
