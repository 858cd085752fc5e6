"""A user's program on SDK v2: what an estimator trained transforms, in script mode and as a built-in algorithm."""

import sys
from pathlib import Path

import boto3
import numpy as np
from sagemaker import Session, get_execution_role, image_uris
from sagemaker.estimator import Estimator
from sagemaker.exceptions import UnexpectedStatusException
from sagemaker.inputs import TrainingInput
from sagemaker.pipeline import PipelineModel
from sagemaker.sklearn.estimator import SKLearn
from sagemaker.sklearn.model import SKLearnModel

place = Path(sys.argv[1])
session = Session()
bucket, role = session.default_bucket(), get_execution_role()
s3 = boto3.client("s3")


def put(key: str, body: str) -> str:
    s3.put_object(Bucket=bucket, Key=f"transform-v2/{key}", Body=body)
    return f"s3://{bucket}/transform-v2/{key}"


def read(uri: str) -> str:
    return s3.get_object(Bucket=bucket, Key=uri.partition(f"{bucket}/")[2])["Body"].read().decode()


(place / "train.py").write_text("""
import joblib, os
from sklearn.linear_model import LinearRegression

def model_fn(model_dir):
    return joblib.load(os.path.join(model_dir, "model.joblib"))

if __name__ == "__main__":
    rows = [[0.0], [1.0], [2.0]]
    model = LinearRegression().fit(rows, [1.0, 3.0, 5.0])
    joblib.dump(model, os.path.join(os.environ["SM_MODEL_DIR"], "model.joblib"))
""")
where = {"role": role, "instance_type": "ml.m5.large", "instance_count": 1}
estimator = SKLearn(entry_point="train.py", source_dir=str(place), framework_version="1.2-1", py_version="py3", **where)
estimator.fit()
transformer = estimator.transformer(
    instance_count=1, instance_type="ml.m5.large", strategy="MultiRecord", assemble_with="Line", accept="text/csv"
)
transformer.transform(
    put("script/x.csv", "3,id-a\n4,id-b\n"),
    content_type="text/csv",
    split_type="Line",
    input_filter="$[0]",
    join_source="Input",
    output_filter="$[1,-1]",
    wait=True,
    logs=True,
)
said = [line.split(",") for line in read(f"{transformer.output_path}/x.csv.out").split()]
print("script:", [(name, round(float(value), 6)) for name, value in said])

doubles = place / "doubles"
doubles.mkdir()
(doubles / "double.py").write_text("""
import numpy as np

def model_fn(model_dir):
    return 2.0

def predict_fn(data, model):
    return np.asarray(data, float) * model
""")
second = SKLearnModel(
    model_data=estimator.model_data,
    entry_point="double.py",
    source_dir=str(doubles),
    framework_version="1.2-1",
    role=role,
    sagemaker_session=session,
)
pipeline = PipelineModel([estimator.create_model(), second], role, sagemaker_session=session)
transformer = pipeline.transformer(1, "ml.m5.large", strategy="MultiRecord", accept="text/csv")
transformer.transform(
    put("pipeline/x.csv", "3\n4\n"), content_type="text/csv", split_type="Line", wait=True, logs=False
)
print("pipeline:", [round(float(line), 6) for line in read(f"{transformer.output_path}/x.csv.out").split()])

rows = np.random.default_rng(0).normal(size=(200, 2))
lines = "".join(f"{row[0]:.4f},{row[0]:.4f},{row[1]:.4f}\n" for row in rows)
xgboost = Estimator(
    image_uris.retrieve("xgboost", session.boto_region_name, version="1.7-1"),
    hyperparameters={"num_round": "20", "objective": "reg:squarederror"},
    **where,
)
xgboost.fit({"train": TrainingInput(put("train/x.csv", lines), content_type="text/csv")})
transformer = xgboost.transformer(
    instance_count=2, instance_type="ml.m5.large", max_concurrent_transforms=2, max_payload=1
)
asked = "".join(f"{row[0]:.4f},{row[1]:.4f}\n" for row in rows)
for number in range(2):
    put(f"asked/{number}.csv", asked)
transformer.transform(f"s3://{bucket}/transform-v2/asked", content_type="text/csv", split_type="Line")
found = [np.array([float(line) for line in read(f"{transformer.output_path}/{n}.csv.out").split()]) for n in range(2)]
print("xgboost:", len(found[0]), bool((found[0] == found[1]).all()), bool(np.abs(found[0] - rows[:, 0]).mean() < 0.2))

try:
    transformer.transform(put("bad.csv", "1,x\n"), content_type="text/csv", split_type="Line")
except UnexpectedStatusException as error:
    print("failed:", error.actual_status, "See job logs for more information" in str(error))
