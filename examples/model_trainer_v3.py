"""Script mode with the SageMaker Python SDK v3. Run it: sagewright exec -- python model_trainer_v3.py"""

import datasets
from sagemaker.core.utils.utils import configure_logging
from sagemaker.train import ModelTrainer
from sagemaker.train.configs import Compute, InputData, SourceCode

configure_logging("INFO")  # SDK v3 shows a job's log lines through Python's logging
datasets.put("bucket", {"data/digits.csv": datasets.digits()})

trainer = ModelTrainer(
    training_image="763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-training:2.0.0-cpu-py310",
    source_code=SourceCode(source_dir=".", entry_script="train.py"),
    compute=Compute(instance_type="ml.m5.large", instance_count=1),
    hyperparameters={"epochs": 10, "lr": 0.001},
    base_job_name="digits",
)
trainer.train(input_data_config=[InputData(channel_name="training", data_source="s3://bucket/data/")])
