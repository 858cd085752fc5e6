"""A user's program on the package sagemaker-experiments: an experiment, a trial, a tracker that logs, and a search."""

import sys
import time
from pathlib import Path

import boto3
from smexperiments.experiment import Experiment
from smexperiments.search_expression import Filter, Operator, SearchExpression
from smexperiments.tracker import Tracker
from smexperiments.trial import Trial
from smexperiments.trial_component import TrialComponent

bucket, place = sys.argv[1], Path(sys.argv[2])
client = boto3.client("sagemaker")
(place / "rows.csv").write_text("a,b\n1,2\n")
experiment = Experiment.create(experiment_name="Old-Style", description="before Run")
with Tracker.create(display_name="prepared", artifact_bucket=bucket, artifact_prefix="tracked") as tracker:
    tracker.log_parameters({"depth": 3, "kind": "tree"})
    tracker.log_input(name="source", media_type="s3/uri", value="s3://somewhere/else")
    tracker.log_artifact(str(place / "rows.csv"), name="prediction")
    tracker.log_input_artifact(str(place / "rows.csv"), name="rows")
    tracker.log_table(title="table", values={"x": [1, 2], "y": [3, 4]})
trial = Trial.create(trial_name="old-trial", experiment_name=experiment.experiment_name)
trial.add_trial_component(tracker.trial_component)
component = TrialComponent.load(tracker.trial_component.trial_component_name)
print("parameters:", component.parameters)
print("status:", component.status.primary_status, component.display_name)
print("artifacts:", sorted(component.input_artifacts), sorted(component.output_artifacts))
links = client.list_associations(DestinationArn=component.trial_component_arn)["AssociationSummaries"]
links += client.list_associations(SourceArn=component.trial_component_arn)["AssociationSummaries"]
print("lineage:", sorted(one["AssociationType"] for one in links))
print(
    "components:", [one.trial_component_name == component.trial_component_name for one in trial.list_trial_components()]
)
print("trials:", [one.trial_name for one in experiment.list_trials()])
expression = SearchExpression(filters=[Filter(name="DisplayName", operator=Operator.EQUALS, value="prepared")])
until = time.monotonic() + 10
while not (found := list(TrialComponent.search(search_expression=expression))) and time.monotonic() < until:
    time.sleep(0.1)
print("found:", [one.display_name for one in found])
experiment.delete_all(action="--force")
print("left:", [one.experiment_name for one in Experiment.list()].count("Old-Style"))
