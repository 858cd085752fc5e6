"""Hyperparameter tuning jobs driven by boto3: trials, descriptions, ends, and refusals."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from tests.tuning import BUCKET, Tuners, between, config, definition, request, values

if TYPE_CHECKING:
    from conftest import RunningServer

KINDS = {"CategoricalParameterRanges": [values("kind", '"good"', '"bad"', '"silent"')]}


@pytest.fixture(scope="module")
def tuners(server: RunningServer) -> Tuners:
    return Tuners(server)


def test_what_is_told_of_a_tuning_job_and_its_training_jobs(tuners: Tuners) -> None:
    tags = [{"Key": "team", "Value": "red"}]
    described = tuners.run("told", jobs=4, defined={"Environment": {"A": "b"}}, Tags=tags)
    assert described["HyperParameterTuningJobStatus"] == "Completed"
    assert described["TrainingJobStatusCounters"] == {
        "Completed": 4, "InProgress": 0, "RetryableError": 0, "NonRetryableError": 0, "Stopped": 0,
    }  # fmt: skip
    assert described["ObjectiveStatusCounters"] == {"Succeeded": 4, "Pending": 0, "Failed": 0}
    assert described["HyperParameterTuningJobConfig"]["TrainingJobEarlyStoppingType"] == "Off"
    assert described["TrainingJobDefinition"]["StaticHyperParameters"]["_tuning_objective_metric"] == "loss"
    assert described["ConsumedResources"]["RuntimeInSeconds"] >= 0
    assert described["HyperParameterTuningEndTime"] >= described["CreationTime"]
    children = tuners.children("told")
    assert [one["TrainingJobName"].rpartition("-")[0] for one in children] == [f"told-00{n}" for n in (1, 2, 3, 4)]
    losses = {one["TrainingJobName"]: one["FinalHyperParameterTuningJobObjectiveMetric"]["Value"] for one in children}
    for one in children:
        assert one["TuningJobName"] == "told"
        assert one["ObjectiveStatus"] == "Succeeded"
        assert losses[one["TrainingJobName"]] == pytest.approx((float(one["TunedHyperParameters"]["x"]) - 0.7) ** 2 + 1)
    best = described["BestTrainingJob"]
    assert best["TrainingJobName"] == min(losses, key=lambda name: losses[name])
    assert best in children
    job = tuners.sagemaker.describe_training_job(TrainingJobName=best["TrainingJobName"])
    assert job["TuningJobArn"] == described["HyperParameterTuningJobArn"]
    assert job["HyperParameters"]["_tuning_objective_metric"] == "loss"
    assert job["HyperParameters"]["x"] == best["TunedHyperParameters"]["x"]
    assert job["Environment"] == {"A": "b"}
    assert {one["MetricName"] for one in job["FinalMetricDataList"]} == {"loss", "ObjectiveMetric"}
    assert tuners.sagemaker.list_tags(ResourceArn=job["TrainingJobArn"])["Tags"] == tags
    found = tuners.sagemaker.search(
        Resource="TrainingJob",
        SearchExpression={"Filters": [{"Name": "TuningJobArn", "Operator": "Equals", "Value": job["TuningJobArn"]}]},
    )
    assert len(found["Results"]) == 4


def test_lists(tuners: Tuners) -> None:
    described = tuners.run("listed", jobs=5, parallel=3, configured={"ParameterRanges": KINDS})
    children = tuners.children("listed", MaxResults=2)
    assert len(children) == 5
    by_value = tuners.children("listed", SortBy="FinalObjectiveMetricValue", SortOrder="Descending", MaxResults=1)
    losses = [one["FinalHyperParameterTuningJobObjectiveMetric"]["Value"] for one in by_value]
    assert losses == sorted(losses, reverse=True)
    assert len(losses) == described["ObjectiveStatusCounters"]["Succeeded"]
    failed = tuners.children("listed", StatusEquals="Failed")
    assert len(failed) == described["TrainingJobStatusCounters"]["NonRetryableError"]
    assert all("FailureReason" in one for one in failed)
    (summary,) = tuners.sagemaker.list_hyper_parameter_tuning_jobs(NameContains="listed")[
        "HyperParameterTuningJobSummaries"
    ]
    assert summary["TrainingJobStatusCounters"] == described["TrainingJobStatusCounters"]
    assert summary["Strategy"] == "Random"
    filters = [{"Name": "HyperParameterTuningJobName", "Operator": "Equals", "Value": "listed"}]
    (found,) = tuners.sagemaker.search(Resource="HyperParameterTuningJob", SearchExpression={"Filters": filters})[
        "Results"
    ]
    assert found["HyperParameterTuningJob"]["HyperParameterTuningJobStatus"] == "Completed"


def test_a_grid_tries_every_point_once_and_failures_end_nothing(tuners: Tuners) -> None:
    ranges = {"CategoricalParameterRanges": [values("x", "0.5", "0.7", "0.9"), *KINDS["CategoricalParameterRanges"]]}
    described = tuners.run("grid", strategy="Grid", jobs=None, parallel=4, configured={"ParameterRanges": ranges})
    assert described["HyperParameterTuningJobStatus"] == "Completed"
    assert described["ObjectiveStatusCounters"] == {"Succeeded": 3, "Pending": 0, "Failed": 6}
    assert described["TrainingJobStatusCounters"]["NonRetryableError"] == 3
    tried = [tuple(sorted(one["TunedHyperParameters"].items())) for one in tuners.children("grid")]
    assert len(set(tried)) == 9
    assert described["BestTrainingJob"]["TunedHyperParameters"] == {"x": "0.7", "kind": '"good"'}


@pytest.mark.parametrize("strategy", ["Random", "Bayesian"])
def test_no_point_is_repeated_while_others_remain(tuners: Tuners, strategy: str) -> None:
    """Six draws from six points would all differ in one job of 65."""
    ranges = {
        "CategoricalParameterRanges": [values("x", "0.5", "0.7", "0.9")],
        "IntegerParameterRanges": [between("y", "1", "2")],
    }
    name = f"once-{strategy.lower()}"
    tuners.run(name, strategy=strategy, jobs=6, parallel=2, configured={"ParameterRanges": ranges})
    tried = {tuple(sorted(one["TunedHyperParameters"].items())) for one in tuners.children(name)}
    assert len(tried) == 6


def test_a_seed_says_what_is_tried(tuners: Tuners) -> None:
    tried = []
    for name, parallel in (("seeded-a", 1), ("seeded-b", 4)):
        tuners.run(name, jobs=4, parallel=parallel)
        tried.append([one["TunedHyperParameters"] for one in tuners.children(name)])
    assert tried[0] == tried[1]


def test_bayesian_search_gets_near_the_best(tuners: Tuners) -> None:
    described = tuners.run("bayes", strategy="Bayesian", jobs=16, parallel=4)
    best = described["BestTrainingJob"]["FinalHyperParameterTuningJobObjectiveMetric"]["Value"]
    assert best - 1 < 0.001  # 16 points at random are as near as that in every third run


def test_none_that_succeeds_fails_the_tuning_job(tuners: Tuners) -> None:
    described = tuners.run("hopeless", jobs=20, parallel=2, static={"kind": '"bad"'})
    assert described["HyperParameterTuningJobStatus"] == "Failed"
    count = described["TrainingJobStatusCounters"]["NonRetryableError"]
    assert described["FailureReason"].startswith(f"No training job succeeded after {count} attempts.")
    assert 5 <= count <= len(tuners.children("hopeless")) <= 7
    assert "BestTrainingJob" not in described


def test_a_metric_that_nobody_emits_is_named_as_the_reason(tuners: Tuners) -> None:
    """Its training jobs have completed: they are no failed attempts."""
    described = tuners.run("silent", jobs=2, parallel=2, static={"kind": '"silent"'})
    assert described["HyperParameterTuningJobStatus"] == "Failed"
    assert described["TrainingJobStatusCounters"]["Completed"] == 2
    assert described["FailureReason"].startswith("No objective metrics found after running 2 training jobs.")
    assert re.search(
        r"The metric \S+ was never found \(regex '.+'\) in the logs of 2 jobs. Compare: sagewright jobs logs silent-",
        described["FailureReason"],
    )


def test_a_tuning_job_that_is_stopped_is_stopping_first(tuners: Tuners) -> None:
    """Also where none of its training jobs has begun."""
    name = tuners.create("stopped-early", jobs=2, parallel=1)
    tuners.sagemaker.stop_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
    assert tuners.describe(name)["HyperParameterTuningJobStatus"] == "Stopping"
    assert tuners.wait(name)["HyperParameterTuningJobStatus"] == "Stopped"


@pytest.mark.parametrize(
    ("criteria", "least", "most"),
    [
        ({"TargetObjectiveMetricValue": 2.0}, 1, 4),
        ({"BestObjectiveNotImproving": {"MaxNumberOfTrainingJobsNotImproving": 3}}, 4, 24),
        ({"ConvergenceDetected": {"CompleteOnConvergence": "Enabled"}}, 10, 24),
    ],
)
def test_completion_criteria(tuners: Tuners, criteria: dict[str, Any], least: int, most: int) -> None:
    name = f"until-{next(iter(criteria)).lower()}"[:32]
    described = tuners.run(name, jobs=30, parallel=2, configured={"TuningJobCompletionCriteria": criteria})
    assert described["HyperParameterTuningJobStatus"] == "Completed"
    assert least <= len(tuners.children(name)) <= most
    assert described["TrainingJobStatusCounters"]["InProgress"] == 0
    if "ConvergenceDetected" in criteria:
        assert "ConvergenceDetectedTime" in described["TuningJobCompletionDetails"]


def test_a_tuning_job_is_stopped_with_its_training_jobs(tuners: Tuners) -> None:
    tuners.create("stopped", jobs=10, static={"epochs": "1000", "pause": "0.05"})
    until = time.monotonic() + 30
    while sum(one["TrainingJobStatus"] == "InProgress" for one in tuners.children("stopped")) < 2:
        assert time.monotonic() < until
    tuners.sagemaker.stop_hyper_parameter_tuning_job(HyperParameterTuningJobName="stopped")
    assert tuners.describe("stopped")["HyperParameterTuningJobStatus"] in {"Stopping", "Stopped"}
    with pytest.raises(ClientError) as refused:
        tuners.sagemaker.delete_hyper_parameter_tuning_job(HyperParameterTuningJobName="stopped")
    assert refused.value.response["Error"]["Code"] == "ResourceInUse"
    described = tuners.wait("stopped")
    assert described["HyperParameterTuningJobStatus"] == "Stopped"
    assert described["TrainingJobStatusCounters"]["Stopped"] == 2
    with pytest.raises(ClientError) as refused:
        tuners.sagemaker.stop_hyper_parameter_tuning_job(HyperParameterTuningJobName="stopped")
    assert refused.value.response["Error"]["Code"] == "ValidationException"
    (child, _) = tuners.children("stopped")
    tuners.sagemaker.delete_hyper_parameter_tuning_job(HyperParameterTuningJobName="stopped")
    tuners.sagemaker.describe_training_job(TrainingJobName=child["TrainingJobName"])
    with pytest.raises(tuners.sagemaker.exceptions.ResourceNotFound, match="can't find a tuning job"):
        tuners.describe("stopped")


def test_early_stopping_ends_what_is_worse_than_the_median(tuners: Tuners) -> None:
    ranges = {"CategoricalParameterRanges": [values("x", "0.7", "0.71", "0.72", "0.73", "90")]}
    described = tuners.run(
        "early",
        strategy="Grid",
        jobs=None,
        parallel=1,
        static={"epochs": "40", "pause": "0.04"},
        configured={"ParameterRanges": ranges, "TrainingJobEarlyStoppingType": "Auto"},
    )
    children = {one["TunedHyperParameters"]["x"]: one for one in tuners.children("early")}
    assert children["0.7"]["TrainingJobStatus"] == "Completed"  # nothing began before it
    stopped = children["90"]
    assert stopped["TrainingJobStatus"] == "Stopped"
    assert stopped["ObjectiveStatus"] == "Succeeded"
    assert described["ObjectiveStatusCounters"]["Succeeded"] == 5
    assert sum("loss=" in line for line in tuners.server.lines(stopped["TrainingJobName"])) < 40


def test_hyperband_stops_losers(tuners: Tuners) -> None:
    described = tuners.run(
        "bands",
        strategy="Hyperband",
        jobs=9,
        parallel=3,
        static={
            "epochs": "9",
            "pause": "0.2",
        },  # a loaded machine too stops a loser within the 6 epochs after it has lost
        configured={"StrategyConfig": {"HyperbandStrategyConfig": {"MinResource": 1, "MaxResource": 9}}},
    )
    assert described["HyperParameterTuningJobStatus"] == "Completed"
    counted = described["TrainingJobStatusCounters"]
    assert counted["Stopped"] >= 2
    assert counted["Completed"] >= 1  # the best is never among the losers, and ends by itself
    assert counted["Stopped"] + counted["Completed"] == 9
    assert described["BestTrainingJob"]["TrainingJobStatus"] == "Completed"


def test_hyperband_goes_on_from_checkpoints(tuners: Tuners) -> None:
    described = tuners.run(
        "thaw",
        strategy="Hyperband",
        jobs=14,
        parallel=2,
        static={"epochs": "9", "pause": "0.2"},
        defined={"CheckpointConfig": {"S3Uri": f"s3://{BUCKET}/checkpoints"}},
    )
    assert described["HyperParameterTuningJobStatus"] == "Completed"
    places: dict[str, list[str]] = {}
    for one in tuners.children("thaw"):
        job = tuners.sagemaker.describe_training_job(TrainingJobName=one["TrainingJobName"])
        places.setdefault(job["CheckpointConfig"]["S3Uri"], []).append(one["TunedHyperParameters"]["x"])
    resumed = [tried for tried in places.values() if len(tried) > 1]
    assert resumed, places
    assert all(len(set(tried)) == 1 for tried in resumed)
    assert described["BestTrainingJob"]["FinalHyperParameterTuningJobObjectiveMetric"]["Value"] < 0.5


def test_several_definitions(tuners: Tuners) -> None:
    objective = {"Type": "Minimize", "MetricName": "loss"}
    ranges = {"ContinuousParameterRanges": [between("x", "0", "1")]}
    several = [
        definition({"epochs": epochs}, DefinitionName=name, TuningObjective=objective, HyperParameterRanges=ranges)
        for name, epochs in (("one", "1"), ("two", "2"))
    ]
    asked = request("several", jobs=6)
    asked["TrainingJobDefinitions"] = several
    del asked["TrainingJobDefinition"]
    asked["HyperParameterTuningJobConfig"] = config(
        "Random", 6, 2, HyperParameterTuningJobObjective=None, ParameterRanges=None
    )
    tuners.sagemaker.create_hyper_parameter_tuning_job(**asked)
    described = tuners.wait("several")
    assert described["HyperParameterTuningJobStatus"] == "Completed"
    names = [one["TrainingJobDefinitionName"] for one in tuners.children("several")]
    assert sorted(names) == ["one"] * 3 + ["two"] * 3
    assert described["BestTrainingJob"]["TrainingJobDefinitionName"] == "two"


def test_warm_start(tuners: Tuners) -> None:
    before = tuners.run("parent", strategy="Bayesian", jobs=8, parallel=4)
    warm = {
        "ParentHyperParameterTuningJobs": [{"HyperParameterTuningJobName": "parent"}],
        "WarmStartType": "IdenticalDataAndAlgorithm",
    }
    described = tuners.run("child", strategy="Bayesian", jobs=3, parallel=1, WarmStartConfig=warm)
    assert described["WarmStartConfig"] == warm
    bests = [one["BestTrainingJob"] for one in (before, described)]
    value = {one["TrainingJobName"]: one["FinalHyperParameterTuningJobObjectiveMetric"]["Value"] for one in bests}
    overall = described["OverallBestTrainingJob"]["TrainingJobName"]
    assert value[overall] == min(value.values())
    refused = {
        "ResourceNotFound": {"ParentHyperParameterTuningJobs": [{"HyperParameterTuningJobName": "nobody"}]},
        "must be that of the parent": {},
    }
    assert "ResourceNotFound" in tuners.refusal("w1", WarmStartConfig=warm | refused["ResourceNotFound"])
    other = {"HyperParameterTuningJobObjective": {"Type": "Maximize", "MetricName": "loss"}}
    assert "objective metric must be that" in tuners.refusal("w2", configured=other, WarmStartConfig=warm)
    assert "names must equal" in tuners.refusal("w3", static={"pause": "0"}, WarmStartConfig=warm)
    environment = {"Environment": {"A": "b"}}
    assert "allowed to change" in tuners.refusal("w4", defined=environment, WarmStartConfig=warm)


def test_autotune_chooses_what_is_left_open(tuners: Tuners) -> None:
    hints = {"AutoParameters": [{"Name": "x", "ValueHint": "0.5"}]}
    asked = request("auto", strategy="Bayesian", jobs=None, configured={"ParameterRanges": hints})
    asked["HyperParameterTuningJobConfig"]["TuningJobCompletionCriteria"] = {"TargetObjectiveMetricValue": 1.5}
    tuners.sagemaker.create_hyper_parameter_tuning_job(**asked, Autotune={"Mode": "Enabled"})
    described = tuners.wait("auto")
    assert described["Autotune"] == {"Mode": "Enabled"}
    chosen = described["HyperParameterTuningJobConfig"]
    (range_,) = chosen["ParameterRanges"]["ContinuousParameterRanges"]
    assert float(range_["MinValue"]) < 0.5 < float(range_["MaxValue"])
    assert chosen["ResourceLimits"]["MaxNumberOfTrainingJobs"] >= 20
    assert chosen["TrainingJobEarlyStoppingType"] == "Auto"
    assert float(tuners.children("auto")[0]["TunedHyperParameters"]["x"]) == pytest.approx(0.5, abs=0.01)


def test_autotune_chooses_for_each_of_several_definitions(tuners: Tuners) -> None:
    asked = request("auto-two", strategy="Random", jobs=None)
    config = asked["HyperParameterTuningJobConfig"]
    objective = config.pop("HyperParameterTuningJobObjective")
    config.pop("ParameterRanges")
    config["TuningJobCompletionCriteria"] = {"TargetObjectiveMetricValue": 5.0}
    single = asked.pop("TrainingJobDefinition")
    asked["TrainingJobDefinitions"] = [
        single | {
            "DefinitionName": name, "TuningObjective": objective,
            "HyperParameterRanges": {"AutoParameters": [{"Name": "x", "ValueHint": hint}]},
        }
        for name, hint in (("low", "0.1"), ("high", "0.5"))
    ]  # fmt: skip
    tuners.sagemaker.create_hyper_parameter_tuning_job(**asked, Autotune={"Mode": "Enabled"})
    described = tuners.wait("auto-two")
    for chosen, hint in zip(described["TrainingJobDefinitions"], (0.1, 0.5), strict=True):
        (range_,) = chosen["HyperParameterRanges"]["ContinuousParameterRanges"]
        assert float(range_["MinValue"]) < hint < float(range_["MaxValue"])
        assert chosen["RetryStrategy"] == {"MaximumRetryAttempts": 3}
    chosen = described["HyperParameterTuningJobConfig"]
    assert chosen["ResourceLimits"]["MaxNumberOfTrainingJobs"] >= 20
    assert chosen["TuningJobCompletionCriteria"]["ConvergenceDetected"] == {"CompleteOnConvergence": "Enabled"}
    assert chosen.get("TrainingJobEarlyStoppingType", "Off") == "Off"
    assert all(0.01 <= float(one["TunedHyperParameters"]["x"]) <= 0.75 for one in tuners.children("auto-two"))


def test_a_run_time_limit_completes_it(tuners: Tuners) -> None:
    """The least that AWS allows is 120 s, so the limit is tried by unit tests; here only that it is taken and told."""
    limits = {
        "ResourceLimits": {"MaxParallelTrainingJobs": 1, "MaxRuntimeInSeconds": 120, "MaxNumberOfTrainingJobs": 1}
    }
    described = tuners.run("limited", configured=limits)
    assert described["HyperParameterTuningJobConfig"]["ResourceLimits"] == limits["ResourceLimits"]


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no-metric": (
        {"configured": {"HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "other"}}},
        "A metric is required for this hyperparameter tuning job objective",
    ),
    "both": ({"static": {"x": "1"}}, "x is both static and has a range"),
    "reserved": ({"static": {"_tuning_objective_metric": "loss"}}, "is set by the tuning job"),
    "log": (
        {"configured": {"ParameterRanges": {"ContinuousParameterRanges": [between("x", "0", "1", "Logarithmic")]}}},
        "needs values above 0",
    ),
    "reverse": (
        {"configured": {"ParameterRanges": {"IntegerParameterRanges": [between("n", "0", "1", "ReverseLogarithmic")]}}},
        "for continuous ranges only",
    ),
    "order": (
        {"configured": {"ParameterRanges": {"IntegerParameterRanges": [between("n", "5", "1")]}}},
        "is above MaxValue",
    ),
    "number": (
        {"configured": {"ParameterRanges": {"IntegerParameterRanges": [between("n", "1.5", "3")]}}},
        "must be an integer, got '1.5'",
    ),
    "grid": ({"strategy": "Grid", "jobs": None}, "only categorical ranges"),
    "grid-size": (
        {"strategy": "Grid", "jobs": 4, "configured": {"ParameterRanges": KINDS}},
        "must be the number of points of the grid, 3",
    ),
    "no-ranges": ({"configured": {"ParameterRanges": {}}}, "At least one hyperparameter range"),
    "parallel": ({"jobs": 2, "parallel": 3}, "must be less than or equal to MaxNumberOfTrainingJobs 2"),
    "many": ({"strategy": "Bayesian", "jobs": 751}, "ResourceLimitExceeded: The account-level service limit"),
    "no-limit": ({"jobs": None}, "One of MaxNumberOfTrainingJobs and MaxRuntimeInSeconds"),
    "band": ({"strategy": "Hyperband"}, "MaxResource is required"),
    "band-early": (
        {"strategy": "Hyperband", "static": {"epochs": "9"}, "configured": {"TrainingJobEarlyStoppingType": "Auto"}},
        "must be Off with the strategy Hyperband",
    ),
    "role": (
        {"defined": {"RoleArn": "arn:aws:iam::111111111111:role/Nobody"}},
        "Cross-account pass role",
    ),
    "data": (
        {"defined": {"InputDataConfig": [{"ChannelName": "train", "DataSource": {"S3DataSource": {
            "S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/nothing/here"}}}]}},
        "No S3 objects found",
    ),
    "resources": (
        {"defined": {"HyperParameterTuningResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1}}},
        "Exactly one of ResourceConfig and HyperParameterTuningResourceConfig",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused(tuners: Tuners, case: str) -> None:
    changes, message = REFUSED[case]
    assert message in tuners.refusal(f"refused-{case}", **changes)
    with pytest.raises(tuners.sagemaker.exceptions.ResourceNotFound):
        tuners.describe(f"refused-{case}")


def test_a_name_is_taken_once(tuners: Tuners) -> None:
    tuners.run("once", jobs=1, parallel=1)
    assert tuners.refusal("once").startswith("ResourceInUse")
