"""Two hosts train with DDP, are interrupted three times, and go on: sagewright exec -- python ddp_spot.py (SDK v2)

Arguments: the schedule of the interruptions ("" for none) and the number of epochs.
"""

import sys

import datasets
import sagemaker
from sagemaker.pytorch import PyTorch

schedule, epochs = sys.argv[1:3] if len(sys.argv) > 2 else ("after=10,12,12", "12")
datasets.put("fashion", {f"data/{name}": body for name, body in datasets.fashion_mnist().items()})
name = sagemaker.utils.name_from_base("fashion")

PyTorch(
    entry_point="train_ddp.py",
    role=sagemaker.get_execution_role(),
    instance_type="ml.p3.16xlarge",
    instance_count=2,
    framework_version="2.0.0",
    py_version="py310",
    distribution={"torch_distributed": {"enabled": True}},
    hyperparameters={"epochs": int(epochs)},
    use_spot_instances=True,
    max_run=1200,
    max_wait=2400,
    checkpoint_s3_uri=f"s3://fashion/checkpoints/{name}",
    environment={"SAGEWRIGHT_SPOT_INTERRUPTIONS": schedule} if schedule else None,
).fit({"training": "s3://fashion/data/"}, job_name=name)
