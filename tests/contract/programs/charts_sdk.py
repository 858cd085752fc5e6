"""A user's program on SDK v2 or v3: a run that logs charts, tables, files and artifacts, and what became of them."""

import importlib
import json
import sys
from pathlib import Path

import boto3

ROOT = sys.argv[1]  # sagemaker or sagemaker.core
runs = importlib.import_module(f"{ROOT}.experiments.run")
lineage = importlib.import_module(f"{ROOT}.lineage.association")
if ROOT == "sagemaker":
    from sagemaker import Session
else:
    from sagemaker.core.helper.session_helper import Session

session, place = Session(), Path(sys.argv[2])
client, s3 = session.sagemaker_client, boto3.client("s3")
experiment = f"charts-{ROOT.replace('.', '-')}"
truth, guessed, score = [0, 0, 1, 1], [0, 1, 1, 1], [0.1, 0.6, 0.4, 0.9]
(place / "in.csv").write_text("a,b")
(place / "out.txt").write_text("first")

with runs.Run(experiment_name=experiment, run_name="One", sagemaker_session=session) as run:
    run.log_precision_recall(truth, score, title="precision", positive_label=1)
    run.log_roc_curve(truth, score, title="roc")
    run.log_confusion_matrix(truth, guessed, title="confusion", is_output=False)
    run.log_file(str(place / "in.csv"), name="rows", is_output=False)
    run.log_file(str(place / "out.txt"), name="notes")
    run.log_artifact("elsewhere", "s3://bucket/model", media_type="application/x-model")

(place / "out.txt").write_text("second")
with runs.load_run(experiment_name=experiment, run_name="one", sagemaker_session=session) as run:
    run.log_file(str(place / "out.txt"), name="notes")  # another version of the same file
with runs.Run(experiment_name=experiment, run_name="two", sagemaker_session=session) as run:
    run.log_file(str(place / "out.txt"), name="notes")
    run.log_roc_curve(truth, score, title="roc")  # titles are those of other runs too

part = client.describe_trial_component(TrialComponentName=f"{experiment}-one")
print("inputs:", sorted(part["InputArtifacts"]))
print("outputs:", sorted(part["OutputArtifacts"]))


def linked(**end):
    found = lineage.Association.list(sagemaker_session=session, **end)
    return [(one.association_type, one.source_arn, one.destination_arn) for one in found]


def read(arn):
    described = client.describe_artifact(ArtifactArn=arn)
    bucket, _, key = described["Source"]["SourceUri"].removeprefix("s3://").partition("/")
    assert described["Source"]["SourceTypes"][0]["SourceIdType"] == "S3ETag"
    return described, s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode()


charts = []
for kind, source, destination in linked(source_arn=part["TrialComponentArn"]) + linked(
    destination_arn=part["TrialComponentArn"]
):
    described, text = read(source if kind == "ContributedTo" else destination)
    charts.append((kind, described["ArtifactType"], described["ArtifactName"], json.loads(text)["type"]))
print("charts:", sorted(charts))
other = client.describe_trial_component(TrialComponentName=f"{experiment}-two")
print("of the other:", sorted(kind for kind, _, _ in linked(source_arn=other["TrialComponentArn"])))
listed = runs.list_runs(experiment_name=experiment, sagemaker_session=session)
print("runs:", sorted(one.run_name for one in listed))
