"""A run of MLflow whose artefacts are in S3: logged, listed, read again, deleted with the run."""

import os
import sys
from pathlib import Path

import mlflow
from mlflow.artifacts import download_artifacts, list_artifacts, load_dict, load_text

bucket, here = sys.argv[1], Path(sys.argv[2])
os.environ["MLFLOW_ALLOW_FILE_STORE"] = "true"
mlflow.set_tracking_uri((here / "runs").as_uri())
experiment = mlflow.create_experiment("e", artifact_location=f"s3://{bucket}/mlflow")
with mlflow.start_run(experiment_id=experiment) as run:
    mlflow.log_param("depth", 3)
    mlflow.log_metric("auc", 0.5)
    mlflow.log_text("hello ü", "notes/t.txt")
    mlflow.log_dict({"a": 1}, "d.json")
    (here / "large").write_bytes(b"x" * 20_000_000)
    mlflow.log_artifact(str(here / "large"))
root = f"runs:/{run.info.run_id}"
assert [file.path for file in list_artifacts(run_id=run.info.run_id)] == ["d.json", "large", "notes"]
assert load_text(f"{root}/notes/t.txt") == "hello ü"
assert load_dict(f"{root}/d.json") == {"a": 1}
got = Path(download_artifacts(f"{root}/large", dst_path=str(here / "got")))
assert got.read_bytes() == (here / "large").read_bytes()
print("artefacts are there")
