"""A user's program on MLflow with AWS's plug-in: runs, metrics, artifacts and models by a tracking server's ARN."""

import sys

import mlflow
from mlflow import MlflowClient

arn, bucket = sys.argv[1:]
mlflow.set_tracking_uri(arn)
experiment = mlflow.set_experiment("abalone")
with mlflow.start_run(run_name="first") as run:
    mlflow.log_params({"depth": 3, "kind": "tree"})
    for step in range(5):
        mlflow.log_metric("auc", 0.5 + step / 10, step=step)
    mlflow.log_text("hello ü", "notes/t.txt")
    mlflow.set_tag("who", "me & you")
client = MlflowClient()
found = client.search_runs([experiment.experiment_id], "metrics.auc > 0.8 and params.kind = 'tree'")
print("found:", [one.info.run_id for one in found] == [run.info.run_id])
print("history:", [one.value for one in client.get_metric_history(run.info.run_id, "auc")] == [0.5, 0.6, 0.7, 0.8, 0.9])
print("tag:", client.get_run(run.info.run_id).data.tags["who"])
print("artifacts:", [one.path for one in client.list_artifacts(run.info.run_id, "notes")])
print("in the bucket:", run.info.artifact_uri.startswith(f"s3://{bucket}/artifacts/"))
client.create_registered_model("abalone-model")
version = client.create_model_version("abalone-model", f"{run.info.artifact_uri}/model", run.info.run_id)
client.set_registered_model_alias("abalone-model", "champion", version.version)
print("champion:", client.get_model_version_by_alias("abalone-model", "champion").run_id == run.info.run_id)
try:
    client.get_run("0" * 32)
except mlflow.MlflowException as error:
    print("missing:", error.error_code)
