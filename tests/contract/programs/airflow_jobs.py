"""Tasks of a DAG, executed without a scheduler: a bucket, a training job with its sensor, a processing job, clearing away."""

import sys
import uuid

from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.providers.amazon.aws.hooks.sagemaker import SageMakerHook
from airflow.providers.amazon.aws.operators.s3 import (
    S3CreateBucketOperator,
    S3DeleteBucketOperator,
    S3ListOperator,
)
from airflow.providers.amazon.aws.operators.sagemaker import (
    SageMakerDeleteModelOperator,
    SageMakerModelOperator,
    SageMakerProcessingOperator,
    SageMakerTrainingOperator,
)
from airflow.providers.amazon.aws.sensors.s3 import S3KeySensor
from airflow.providers.amazon.aws.sensors.sagemaker import SageMakerTrainingSensor

PRINT_LOG = "--log" in sys.argv
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
ROLE = "arn:aws:iam::000000000000:role/SageMakerExecutionRole"
name = f"airflow-{uuid.uuid4().hex[:8]}"
machine = {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}
waits = {"wait_for_completion": True, "check_interval": 1, "print_log": PRINT_LOG}

S3CreateBucketOperator(task_id="bucket", bucket_name=name).execute({})
s3 = S3Hook()
s3.load_string("1,2\n", key="in/a.csv", bucket_name=name)
assert s3.check_for_key("in/a.csv", name)
assert S3ListOperator(task_id="list", bucket=name, prefix="in/").execute({}) == ["in/a.csv"]

training = {
    "TrainingJobName": name,
    "AlgorithmSpecification": {
        "TrainingImage": IMAGE,
        "TrainingInputMode": "File",
        "ContainerEntrypoint": ["/bin/sh", "-c"],
        "ContainerArguments": ["echo trained; cp /opt/ml/input/data/train/a.csv /opt/ml/model/"],
    },
    "RoleArn": ROLE,
    "OutputDataConfig": {"S3OutputPath": f"s3://{name}/out"},
    "ResourceConfig": machine,
    "StoppingCondition": {"MaxRuntimeInSeconds": 300},
    "InputDataConfig": [
        {
            "ChannelName": "train",
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{name}/in/"}},
        }
    ],
}
told = SageMakerTrainingOperator(task_id="train", config=dict(training), **waits).execute({})["Training"]
assert told["TrainingJobStatus"] == "Completed"
assert SageMakerTrainingSensor(task_id="trained", job_name=name).poke({})
key = f"s3://{name}/out/*/output/model.tar.gz"
assert S3KeySensor(task_id="model", bucket_key=key, wildcard_match=True).poke({})
again = SageMakerTrainingOperator(task_id="again", config=dict(training), action_if_job_exists="timestamp", **waits)
assert again.execute({})["Training"]["TrainingJobName"].startswith(f"{name}-"), "a name that is taken gets a number"

shell = "cp /opt/ml/processing/input/a.csv /opt/ml/processing/output/b.csv"
processing = {
    "ProcessingJobName": name,
    "AppSpecification": {"ImageUri": IMAGE, "ContainerEntrypoint": ["/bin/sh", "-c", shell]},
    "RoleArn": ROLE,
    "ProcessingResources": {"ClusterConfig": machine},
    "ProcessingInputs": [
        {
            "InputName": "in",
            "S3Input": {
                "S3Uri": f"s3://{name}/in/",
                "LocalPath": "/opt/ml/processing/input",
                "S3DataType": "S3Prefix",
                "S3InputMode": "File",
            },
        }
    ],
    "ProcessingOutputConfig": {
        "Outputs": [
            {
                "OutputName": "out",
                "S3Output": {
                    "S3Uri": f"s3://{name}/processed",
                    "LocalPath": "/opt/ml/processing/output",
                    "S3UploadMode": "EndOfJob",
                },
            }
        ]
    },
}
told = SageMakerProcessingOperator(task_id="process", config=processing, **waits).execute({})["Processing"]
assert told["ProcessingJobStatus"] == "Completed"
assert s3.read_key("processed/b.csv", name) == "1,2\n"

model = {"ModelName": name, "ExecutionRoleArn": ROLE, "PrimaryContainer": {"Image": IMAGE}}
SageMakerModelOperator(task_id="model", config=model).execute({})
SageMakerDeleteModelOperator(task_id="forget", config={"ModelName": name}).execute({})
assert SageMakerHook().count_processing_jobs_by_name(name) == 1
S3DeleteBucketOperator(task_id="clear", bucket_name=name, force_delete=True).execute({})
print("every task succeeded")
