"""A model too large for one device: model parallel.

Run it: sagewright examples run model_parallel --sdk v3
"""

from pathlib import Path

import datasets
import result
from sagemaker.core import image_uris
from sagemaker.core.helper.session_helper import Session
from sagemaker.core.shapes import MetricDefinition
from sagemaker.train import ModelTrainer
from sagemaker.train.configs import Compute, InputData, SourceCode
from sagemaker.train.distributed import SMP, Torchrun

INSTANCE = "ml.p3.16xlarge"
session = Session()
bucket = session.default_bucket()
datasets.put(bucket, {"exam/parallel/digits.csv": datasets.digits()})
image = image_uris.retrieve(
    "pytorch", session.boto_region_name, "2.0.1", py_version="py310", instance_type=INSTANCE, image_scope="training"
)
said = {}
for ranks in (1, 2):
    trainer = ModelTrainer(
        training_image=image,
        source_code=SourceCode(source_dir=str(Path(__file__).parents[1] / "scripts"), entry_script="parallel_model.py"),
        compute=Compute(instance_type=INSTANCE, instance_count=ranks),
        distributed=Torchrun(smp=SMP(tensor_parallel_degree=ranks)),
        base_job_name="exam-parallel",
    ).with_metric_definitions(
        [MetricDefinition(name=name, regex=f"{name}=(.*?);") for name in ("ranks", "held", "loss")]
    )
    trainer.train([InputData(channel_name="training", data_source=f"s3://{bucket}/exam/parallel")], logs=False)
    job = trainer._latest_training_job
    said[ranks] = {metric.metric_name: metric.value for metric in job.final_metric_data_list}
    print(
        f"{said[ranks]['ranks']:.0f} ranks: each holds {said[ranks]['held']:.0f} numbers, loss {said[ranks]['loss']:.9f}"
    )
assert said[2]["ranks"] == 2
assert said[2]["held"] < 0.6 * said[1]["held"]
difference = abs(said[2]["loss"] / said[1]["loss"] - 1)
result.check(
    "relative difference of the losses of 2 ranks and of 1",
    difference,
    at_most=1e-5,
    page=f"jobs/{job.training_job_name}",
)
