"""A user's program on SDK v3: a run that logs, loaded again, and the runs of its experiment."""

import boto3
from sagemaker.core.experiments.run import Run, list_runs, load_run
from sagemaker.core.helper.session_helper import Session

session = Session()
with Run(experiment_name="Third", run_name="One", sagemaker_session=session) as run:
    run.log_parameters({"depth": 3, "kind": "tree"})
    for step in range(11):
        run.log_metric("auc", step / 10, step=step)
with load_run(experiment_name="third", run_name="one", sagemaker_session=session) as run:
    run.log_parameter("depth", 4)
    run.log_metric("auc", 2.0, step=11)

told = boto3.client("sagemaker").describe_trial_component(TrialComponentName="third-one")
print("parameters:", sorted((name, *value.values()) for name, value in told["Parameters"].items()))
print("metrics:", [(one["MetricName"], one["Count"], one["Max"], one["Last"]) for one in told["Metrics"]])
print("runs:", [one.run_name for one in list_runs(experiment_name="third", sagemaker_session=session)])
