"""The example: BlazingText trained, deployed, transformed and tuned."""

import runpy
from pathlib import Path

import boto3
import outcome

example = runpy.run_path(str(Path(outcome.__file__).parents[4] / "examples" / "algorithms" / "blazingtext.py"))
tuner = example["tuner"]
tuned = boto3.client("sagemaker").describe_hyper_parameter_tuning_job(
    HyperParameterTuningJobName=tuner.latest_tuning_job.name
)
outcome.tell(
    example["estimator"],
    right=example["right"],
    labels=[len(each["label"]) for each in example["answer"]],
    same=example["transformed"] == example["answer"],
    tuned=tuned["BestTrainingJob"]["FinalHyperParameterTuningJobObjectiveMetric"]["Value"],
)
