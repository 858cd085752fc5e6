"""The example: image classification trained, deployed, transformed, and trained on by a tuner."""

import runpy
from pathlib import Path

import boto3
import numpy as np
import outcome

example = runpy.run_path(str(Path(outcome.__file__).parents[4] / "examples" / "algorithms" / "image_classification.py"))
tuner = example["tuner"]
tuned = boto3.client("sagemaker").describe_hyper_parameter_tuning_job(
    HyperParameterTuningJobName=tuner.latest_tuning_job.name
)
outcome.tell(
    example["estimator"],
    right=example["right"],
    sums=[sum(answer) for answer in example["answers"]],
    apart=float(np.abs(np.array(example["transformed"]) - np.array(example["answers"])).max()),
    tuned=tuned["BestTrainingJob"]["FinalHyperParameterTuningJobObjectiveMetric"]["Value"],
)
