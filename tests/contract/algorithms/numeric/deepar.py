"""The example: DeepAR trained, deployed, transformed and tuned."""

import runpy
from pathlib import Path

import boto3
import outcome

example = runpy.run_path(str(Path(outcome.__file__).parents[4] / "examples" / "algorithms" / "deepar.py"))
tuned = boto3.client("sagemaker").describe_hyper_parameter_tuning_job(
    HyperParameterTuningJobName=example["tuner"].latest_tuning_job.name
)
answer, transformed = example["answer"], example["transformed"]
outcome.tell(
    example["estimator"],
    error=example["error"],
    naive=example["naive"],
    same=[each.keys() for each in answer[:20]] == [each.keys() for each in transformed],
    tuned=tuned["BestTrainingJob"]["FinalHyperParameterTuningJobObjectiveMetric"]["Value"],
)
