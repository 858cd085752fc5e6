"""A user's program on SDK v2: runs that log, a training job that goes on with one of them, and a table of the experiment."""

import sys
from importlib.metadata import version
from pathlib import Path

import boto3
from sagemaker import Session, get_execution_role
from sagemaker.analytics import ExperimentAnalytics
from sagemaker.experiments import Experiment, Run, list_runs, load_run
from sagemaker.sklearn.estimator import SKLearn

place = Path(sys.argv[1])
session = Session()
(place / "train.py").write_text("""
import os

from sagemaker import Session
from sagemaker.experiments import load_run

with load_run(sagemaker_session=Session()) as run:
    run.log_parameter("inside", "yes")
    for step in range(12):
        run.log_metric("loss", 1 / (step + 1), step=step)
    run.log_roc_curve([0, 0, 1, 1], [0.1, 0.6, 0.4, 0.9], title="roc")
    run.log_confusion_matrix([0, 1], [0, 1], title="confusion")
    open("notes.txt", "w").write("from inside")
    run.log_file("notes.txt", name="notes")
print("score=0.75;")
open(os.path.join(os.environ["SM_MODEL_DIR"], "model"), "w").write("m")
""")
(place / "requirements.txt").write_text(f"sagemaker=={version('sagemaker')}\n")
(place / "report.txt").write_text("all is well")

with Run(experiment_name="Churn", run_name="First", sagemaker_session=session) as run:
    run.log_parameter("depth", 3)
    run.log_parameters({"lr": 0.1, "kind": "tree"})
    for step in range(3):
        run.log_metric("auc", 0.5 + step / 10, step=step)
    run.log_artifact("data", "s3://bucket/data.csv", media_type="text/csv", is_output=False)
    run.log_file(str(place / "report.txt"), name="report")
    estimator = SKLearn(
        entry_point="train.py",
        source_dir=str(place),
        framework_version="1.2-1",
        py_version="py3",
        role=get_execution_role(),
        instance_type="ml.m5.large",
        instance_count=1,
        hyperparameters={"trees": 10},
        metric_definitions=[{"Name": "score", "Regex": "score=(.*?);"}],
    )
    estimator.fit()

with Run(experiment_name="churn", run_name="second", sagemaker_session=session) as run:
    run.log_parameter("depth", 5)
    run.log_metric("auc", 0.9)

with load_run(experiment_name="churn", run_name="first", sagemaker_session=session) as run:
    run.log_parameter("depth", 4)

client = session.sagemaker_client
job = estimator.latest_training_job.name
first = client.describe_trial_component(TrialComponentName="churn-first")
print("parameters:", sorted((name, *value.values()) for name, value in first["Parameters"].items()))
print("metrics:", sorted((one["MetricName"], one["Count"], round(one["Max"], 3)) for one in first["Metrics"]))
print("status:", first["Status"]["PrimaryStatus"], first["StartTime"] <= first["EndTime"])
print("input:", first["InputArtifacts"]["data"])
bucket, _, key = first["OutputArtifacts"]["report"]["Value"].removeprefix("s3://").partition("/")
print("report:", boto3.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read().decode())

bucket, _, key = first["OutputArtifacts"]["notes"]["Value"].removeprefix("s3://").partition("/")
print("notes:", boto3.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read().decode())
charts = client.list_associations(SourceArn=first["TrialComponentArn"])["AssociationSummaries"]
print("charts:", sorted((one["DestinationName"], one["DestinationType"], one["AssociationType"]) for one in charts))

told = client.describe_trial_component(TrialComponentName=f"{job}-aws-training-job")
print("job:", told["Status"]["PrimaryStatus"], told["Parameters"]["trees"], told["Source"]["SourceType"])
print("job's metrics:", [(one["MetricName"], one["Last"], one["Count"], one["Avg"]) for one in told["Metrics"]])
print("artifact:", told["OutputArtifacts"]["SageMaker.ModelArtifact"]["Value"] == estimator.model_data)

runs = list_runs(experiment_name="churn", sagemaker_session=session)
print("runs:", sorted(one.run_name for one in runs))
table = ExperimentAnalytics(
    experiment_name="churn", sort_by="Metrics.auc.Max", sort_order="Descending", sagemaker_session=session
).dataframe()
print("table:", list(table["TrialComponentName"][:2]), list(table["auc - Max"][:2]), len(table))
print("trials:", tuple(table["Trials"].iloc[0]))

experiment = Experiment.load("churn", sagemaker_session=session)
experiment._delete_all(action="--force")
names = [one["TrialName"] for one in client.list_trials()["TrialSummaries"]]
print("left:", [name for name in names if "churn" in name])  # others on this server make trials too
