"""Save up to 90 % of training cost: managed spot training with checkpoints.

Run it: sagewright examples run spot_checkpoints --sdk v3
"""

import uuid
from pathlib import Path

import datasets
import result
from sagemaker.core import image_uris
from sagemaker.core.helper.session_helper import Session
from sagemaker.core.shapes import CheckpointConfig, MetricDefinition, StoppingCondition
from sagemaker.train import ModelTrainer
from sagemaker.train.configs import Compute, InputData, SourceCode

INSTANCE = "ml.m5.large"
session = Session()
bucket = session.default_bucket()
datasets.put(bucket, {"exam/spot/data/digits.csv": datasets.digits()})
image = image_uris.retrieve(
    "pytorch", session.boto_region_name, "2.0.1", py_version="py310", instance_type=INSTANCE, image_scope="training"
)
trainer = ModelTrainer(
    training_image=image,
    source_code=SourceCode(source_dir=str(Path(__file__).parents[1] / "scripts"), entry_script="digits_spot.py"),
    compute=Compute(instance_type=INSTANCE, instance_count=1, enable_managed_spot_training=True),
    hyperparameters={"epochs": 40},
    stopping_condition=StoppingCondition(max_runtime_in_seconds=600, max_wait_time_in_seconds=1200),
    checkpoint_config=CheckpointConfig(s3_uri=f"s3://{bucket}/exam/spot/checkpoints/{uuid.uuid4().hex}"),
    environment={"SAGEWRIGHT_SPOT_INTERRUPTIONS": "after=4,4"},  # Sagewright's own: AWS interrupts when it likes
    base_job_name="exam-spot",
).with_metric_definitions([MetricDefinition(name="accuracy", regex="accuracy=(.*?);")])
trainer.train([InputData(channel_name="training", data_source=f"s3://{bucket}/exam/spot/data")])

job = trainer._latest_training_job
interrupted = [each.status for each in job.secondary_status_transitions].count("Interrupted")
accuracy = job.final_metric_data_list[0].value
print(f"interrupted {interrupted} times, accuracy {accuracy:.3f}")
assert interrupted == 2
assert accuracy > 0.9
share = job.billable_time_in_seconds / job.training_time_in_seconds
result.check("billable share of the time, interrupted twice", share, at_most=0.5, page=f"jobs/{job.training_job_name}")
