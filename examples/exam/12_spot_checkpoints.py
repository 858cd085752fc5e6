"""Save up to 90 % of training cost: managed spot training with checkpoints.

Run it: sagewright examples run spot_checkpoints
"""

import uuid
from pathlib import Path

import datasets
import result
import sagemaker
from sagemaker.pytorch import PyTorch

session = sagemaker.Session()
bucket = session.default_bucket()
datasets.put(bucket, {"exam/spot/data/digits.csv": datasets.digits()})
estimator = PyTorch(
    entry_point="digits_spot.py",
    source_dir=str(Path(__file__).parent / "scripts"),
    role=sagemaker.get_execution_role(),
    instance_type="ml.m5.large",
    instance_count=1,
    framework_version="2.0.0",
    py_version="py310",
    hyperparameters={"epochs": 40},
    metric_definitions=[{"Name": "accuracy", "Regex": "accuracy=(.*?);"}],
    use_spot_instances=True,
    max_run=600,
    max_wait=1200,  # more than max_run: the time of waiting for a new instance
    checkpoint_s3_uri=f"s3://{bucket}/exam/spot/checkpoints/{uuid.uuid4().hex}",
    environment={"SAGEWRIGHT_SPOT_INTERRUPTIONS": "after=4,4"},  # Sagewright's own: AWS interrupts when it likes
)
estimator.fit({"training": f"s3://{bucket}/exam/spot/data"})

job = estimator.latest_training_job.describe()
interrupted = [each["Status"] for each in job["SecondaryStatusTransitions"]].count("Interrupted")
accuracy = job["FinalMetricDataList"][0]["Value"]
print(f"interrupted {interrupted} times, accuracy {accuracy:.3f}")
assert interrupted == 2
assert accuracy > 0.9
share = job["BillableTimeInSeconds"] / job["TrainingTimeInSeconds"]
page = f"jobs/{estimator.latest_training_job.name}"
result.check("billable share of the time, interrupted twice", share, at_most=0.5, page=page)
