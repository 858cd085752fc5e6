"""sagemaker.IPInsights on CSV: users who each come from a network of their own."""

import io
import zipfile

import boto3
import numpy as np
import outcome
import sagemaker
from sagemaker.amazon.amazon_estimator import RecordSet

COUNTS = {"train": 4000, "validation": 500}
random = np.random.default_rng(0)
session = sagemaker.Session()
bucket = session.default_bucket()


def events(count: int) -> bytes:
    user = random.integers(0, 30, count)
    last = random.integers(0, 256, (count, 2))
    return "".join(f"user-{u},{20 + 7 * u}.{u}.{a}.{b}\n" for u, (a, b) in zip(user, last, strict=True)).encode()


for channel, count in COUNTS.items():
    boto3.client("s3").put_object(Bucket=bucket, Key=f"events/{channel}/part.csv", Body=events(count))
insights = sagemaker.IPInsights(
    sagemaker.get_execution_role(),
    1,
    "ml.m5.large",
    num_entity_vectors=1000,
    vector_dim=16,
    epochs=10,
    learning_rate=0.02,
)
parts = [
    RecordSet(f"s3://{bucket}/events/{channel}", count, 2, s3_data_type="S3Prefix", channel=channel)
    for channel, count in COUNTS.items()
]
insights.fit(parts, mini_batch_size=500)
with zipfile.ZipFile(io.BytesIO(outcome.archive(insights)["model_algo-1"])) as archive:
    arrays = outcome.arrays(archive.read("params"))
outcome.tell(insights, shape=list(arrays["arg:entity_weight"].shape))
