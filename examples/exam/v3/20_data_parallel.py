"""A data set too large for one host: data parallel.

Run it: sagewright examples run data_parallel --sdk v3
"""

from pathlib import Path

import datasets
import result
from sagemaker.core import image_uris
from sagemaker.core.helper.session_helper import Session
from sagemaker.core.shapes import MetricDefinition
from sagemaker.train import ModelTrainer
from sagemaker.train.configs import Compute, InputData, SourceCode
from sagemaker.train.distributed import Torchrun

INSTANCE = "ml.p3.16xlarge"
session = Session()
bucket = session.default_bucket()
datasets.put(bucket, {"exam/parallel/digits.csv": datasets.digits()})
image = image_uris.retrieve(
    "pytorch", session.boto_region_name, "2.0.1", py_version="py310", instance_type=INSTANCE, image_scope="training"
)
said = {}
for hosts in (1, 2):
    trainer = ModelTrainer(
        training_image=image,
        source_code=SourceCode(source_dir=str(Path(__file__).parents[1] / "scripts"), entry_script="parallel_data.py"),
        compute=Compute(instance_type=INSTANCE, instance_count=hosts),
        distributed=Torchrun(),
        base_job_name="exam-parallel",
    ).with_metric_definitions([MetricDefinition(name=name, regex=f"{name}=(.*?);") for name in ("ranks", "loss")])
    trainer.train([InputData(channel_name="training", data_source=f"s3://{bucket}/exam/parallel")], logs=False)
    job = trainer._latest_training_job
    said[hosts] = {metric.metric_name: metric.value for metric in job.final_metric_data_list}
    print(f"{said[hosts]['ranks']:.0f} ranks: loss {said[hosts]['loss']:.9f}")
assert said[2]["ranks"] == 2
difference = abs(said[2]["loss"] / said[1]["loss"] - 1)
result.check(
    "relative difference of the losses of 2 hosts and of 1",
    difference,
    at_most=1e-6,
    page=f"jobs/{job.training_job_name}",
)
