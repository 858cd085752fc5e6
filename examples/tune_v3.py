"""A tuner over a script with the SageMaker Python SDK v3. Run it: sagewright exec -- python tune_v3.py"""

import datasets
from sagemaker.core.parameter import ContinuousParameter, IntegerParameter
from sagemaker.train import ModelTrainer
from sagemaker.train.configs import Compute, InputData, SourceCode
from sagemaker.train.tuner import HyperparameterTuner

datasets.put("bucket", {"data/digits.csv": datasets.digits()})

trainer = ModelTrainer(
    training_image="683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3",
    source_code=SourceCode(source_dir=".", entry_script="tuned_forest.py"),
    compute=Compute(instance_type="ml.m5.large", instance_count=1),
    base_job_name="forest",
)
tuner = HyperparameterTuner(
    trainer,
    objective_metric_name="accuracy",
    hyperparameter_ranges={"max-depth": IntegerParameter(2, 20), "max-features": ContinuousParameter(0.05, 1.0)},
    metric_definitions=[{"Name": "accuracy", "Regex": "accuracy: ([0-9.]+)"}],
    max_jobs=20,
    max_parallel_jobs=5,
    base_tuning_job_name="digits-forest",
)
tuner.tune(inputs=[InputData(channel_name="training", data_source="s3://bucket/data/")], wait=True)
print("best:", tuner.best_training_job())
print(tuner.describe().best_training_job.tuned_hyper_parameters)
