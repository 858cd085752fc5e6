"""A training job with nothing but boto3. Run it: sagewright exec -- python boto3_training.py"""

import time

import boto3
import datasets

sagemaker, logs = boto3.client("sagemaker"), boto3.client("logs")
train, validation = datasets.churn()
datasets.put("churn-data", {"train/train.csv": train, "validation/validation.csv": validation})


def channel(name):
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://churn-data/{name}/"}
    return {"ChannelName": name, "ContentType": "text/csv", "DataSource": {"S3DataSource": source}}


job = f"churn-{time.time_ns()}"
sagemaker.create_training_job(
    TrainingJobName=job,
    AlgorithmSpecification={
        "TrainingImage": "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1",
        "TrainingInputMode": "File",
    },
    RoleArn="arn:aws:iam::000000000000:role/SageMakerExecutionRole",
    InputDataConfig=[channel("train"), channel("validation")],
    OutputDataConfig={"S3OutputPath": "s3://churn-data/output"},
    ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
    StoppingCondition={"MaxRuntimeInSeconds": 600},
    HyperParameters={"objective": "binary:logistic", "num_round": "20"},
)
while (found := sagemaker.describe_training_job(TrainingJobName=job))["TrainingJobStatus"] == "InProgress":
    time.sleep(0.2)

group = "/aws/sagemaker/TrainingJobs"
stream = logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=f"{job}/")["logStreams"][0]["logStreamName"]
for event in logs.get_log_events(logGroupName=group, logStreamName=stream, startFromHead=True)["events"]:
    print(event["message"])
print(found["TrainingJobStatus"], found.get("FailureReason", ""), found["ModelArtifacts"]["S3ModelArtifacts"])
