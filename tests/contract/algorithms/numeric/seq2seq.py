"""The example: Seq2Seq trained, asked in three forms, transformed and tuned."""

import runpy
from pathlib import Path

import boto3
import outcome

example = runpy.run_path(str(Path(outcome.__file__).parents[4] / "examples" / "algorithms" / "seq2seq.py"))
tuned = boto3.client("sagemaker").describe_hyper_parameter_tuning_job(
    HyperParameterTuningJobName=example["tuner"].latest_tuning_job.name
)
answer = example["answer"]
outcome.tell(
    example["estimator"],
    right=example["right"],
    same=[each["target"] for each in answer]
    == example["spoken"]
    == [each["target"] for each in example["transformed"]],
    rows=all(
        [len(row) for row in each["matrix"]] == [len(str(number))] * len(each["target"].split())
        for each, number in zip(answer, example["later"], strict=True)
    ),
    tuned=tuned["BestTrainingJob"]["FinalHyperParameterTuningJobObjectiveMetric"]["Value"],
)
