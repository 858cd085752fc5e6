"""The example: Object2Vec trained by the SDK's class, deployed, transformed and tuned."""

import math
import runpy
from pathlib import Path

import boto3
import outcome

example = runpy.run_path(str(Path(outcome.__file__).parents[4] / "examples" / "algorithms" / "object2vec.py"))
tuned = boto3.client("sagemaker").describe_hyper_parameter_tuning_job(
    HyperParameterTuningJobName=example["tuner"].latest_tuning_job.name
)
scores = [[each["scores"][1] for each in example[name]] for name in ("answer", "transformed")]
outcome.tell(
    example["object2vec"],
    right=example["right"],
    lengths=example["lengths"],
    same=len(scores[0]) == len(scores[1]) and all(map(lambda a, b: math.isclose(a, b, abs_tol=1e-5), *scores)),
    tuned=tuned["BestTrainingJob"]["FinalHyperParameterTuningJobObjectiveMetric"]["Value"],
)
