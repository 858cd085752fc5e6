"""A user's program on SDK v3: a tuner over a script."""

import sys
from pathlib import Path

from sagemaker.core import image_uris
from sagemaker.core.helper.session_helper import Session, get_execution_role
from sagemaker.core.parameter import ContinuousParameter, IntegerParameter
from sagemaker.train import ModelTrainer
from sagemaker.train.configs import Compute, SourceCode
from sagemaker.train.tuner import HyperparameterTuner

place = Path(sys.argv[1])
(place / "train.py").write_text("""
import argparse
parser = argparse.ArgumentParser()
parser.add_argument("--rate", type=float)
parser.add_argument("--depth", type=int)
parser.add_argument("--epochs", type=int)
args = parser.parse_args()
for epoch in range(args.epochs):
    print(f"loss: {(args.rate - 0.3) ** 2 + 0.01 * args.depth + 1 / (epoch + 1):.6f}")
""")
session = Session()
image = image_uris.retrieve("sklearn", session.boto_region_name, "1.2-1")
trainer = ModelTrainer(
    training_image=image,
    source_code=SourceCode(source_dir=str(place), entry_script="train.py"),
    compute=Compute(instance_type="ml.m5.large", instance_count=1),
    hyperparameters={"epochs": 3},
    role=get_execution_role(),
    base_job_name="v3-child",
)
tuner = HyperparameterTuner(
    trainer,
    objective_metric_name="loss",
    hyperparameter_ranges={"rate": ContinuousParameter(0.0, 1.0), "depth": IntegerParameter(1, 5)},
    metric_definitions=[{"Name": "loss", "Regex": "loss: ([0-9.]+)"}],
    objective_type="Minimize",
    max_jobs=4,
    max_parallel_jobs=2,
    base_tuning_job_name="v3-tuner",
)
tuner.tune(wait=True)
told = tuner.describe()
print(f"tuned: {told.hyper_parameter_tuning_job_status} {told.training_job_status_counters.completed}")
print("best:", tuner.best_training_job() == told.best_training_job.training_job_name)
