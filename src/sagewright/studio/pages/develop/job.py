"""A training job, and its whole log."""

from __future__ import annotations

from typing import Any

from sagewright.studio import jobview, sdkcode, wording
from sagewright.studio.buttons import Button
from sagewright.studio.jobview import Artefact, Fact, JobView, LogView
from sagewright.studio.operations import OperationCall
from sagewright.studio.runs.curvestyle import choices
from sagewright.studio.runs.rungraphs import run_graphs
from sagewright.studio.visit import Visit, page

NAMESPACE = "/aws/sagemaker/TrainingJobs"
RUNNING = ("InProgress", "Stopping")


@page("/jobs/{name}", "job.html", "jobs", ("training",))
def job(visit: Visit) -> JobView:
    """Is it learning, how long still, and if it failed, why."""
    name = visit.path["name"]
    found = visit.client.sagemaker("DescribeTrainingJob", TrainingJobName=name)
    figures = jobview.figures(visit, NAMESPACE, "TrainingJobName", name)
    shown = jobview.phases(found.get("SecondaryStatusTransitions", []), visit.now)
    parameters = tuple(sorted((k, v) for k, v in found.get("HyperParameters", {}).items() if not k.startswith("_")))
    tags = visit.client.aside("sagemaker", "ListTags", ResourceArn=found["TrainingJobArn"]).get("Tags", [])
    return JobView(
        name,
        "Training job",
        "/studio/jobs",
        found["TrainingJobStatus"],
        found.get("FailureReason", ""),
        _facts(found, figures, visit),
        shown,
        figures,
        jobview.log(visit, NAMESPACE, name, live=found["TrainingJobStatus"] in RUNNING),
        _artefacts(found),
        parameters,
        _settings(found),
        tuple((one["Key"], one["Value"]) for one in tags),
        _acts(name, found),
        hardware=jobview.hardware(visit, NAMESPACE, name, found.get("ResourceConfig", {}).get("InstanceCount", 1)),
        related=_related(found),
        sdk_code=(("SDK v3", sdkcode.training_v3(found)), ("SDK v2", sdkcode.training_v2(found))),
        styles=choices(visit),
        graphs=run_graphs(visit, _component(visit, name)),
        bar=jobview.phase_bar(shown),
        why=visit.why("training-job", name, live=found["TrainingJobStatus"] in RUNNING),
    )


def _component(visit: Visit, name: str) -> str:
    """Returns the ARN of the job's own trial component."""
    own = f"{name}-aws-training-job".lower()
    return f"arn:aws:sagemaker:{visit.place.region}:{visit.place.account}:experiment-trial-component/{own}"


@page("/jobs/{name}/log", "log.html", "jobs", ("training",))
def log(visit: Visit) -> LogView:
    name = visit.path["name"]
    job = visit.client.sagemaker("DescribeTrainingJob", TrainingJobName=name)
    found = jobview.log(visit, NAMESPACE, name, live=job["TrainingJobStatus"] in RUNNING, most=jobview.MOST_LINES)
    return LogView(name, "Training jobs", f"/studio/jobs/{name}", found)


def _facts(found: dict[str, Any], figures: tuple[jobview.Figure, ...], visit: Visit) -> tuple[Fact, ...]:
    first = figures[0] if figures else None
    begin, end = found.get("TrainingStartTime") or found["CreationTime"], found.get("TrainingEndTime")
    facts = [Fact(first.name, wording.number(first.last), answer=True)] if first else []
    facts.append(Fact("Started", at=found["CreationTime"]))
    facts.append(
        Fact("Duration" if end else "Runs for", wording.duration(wording.seconds_between(begin, end or visit.now)))
    )
    if found.get("BillableTimeInSeconds") is not None:
        facts.append(Fact("Billable", wording.duration(float(found["BillableTimeInSeconds"]))))
    facts.append(Fact("Instance", jobview.instance(found.get("ResourceConfig", {}))))
    facts.append(Fact("Image", _image(found)))
    if found.get("SecondaryStatus") not in (found["TrainingJobStatus"], None):
        facts.append(Fact("Now", found["SecondaryStatus"]))
    return tuple(facts)


def _image(found: dict[str, Any]) -> str:
    algorithm = found["AlgorithmSpecification"]
    return str(algorithm.get("TrainingImage") or algorithm.get("AlgorithmName", "")).rpartition("/")[2]


def _artefacts(found: dict[str, Any]) -> tuple[Artefact, ...]:
    inputs = jobview.channels(found.get("InputDataConfig", []))
    source = found.get("HyperParameters", {}).get("sagemaker_submit_directory", "").strip('"')
    outputs = [Artefact("source", source, "code")] if source.startswith("s3://") else []
    if model := found.get("ModelArtifacts", {}).get("S3ModelArtifacts"):
        outputs.append(Artefact("model", model, "at the end"))
    elif prefix := found.get("OutputDataConfig", {}).get("S3OutputPath"):
        outputs.append(Artefact("output", prefix, "at the end"))
    if checkpoints := found.get("CheckpointConfig", {}).get("S3Uri"):
        outputs.append(Artefact("checkpoints", checkpoints, "while it runs"))
    return (*inputs, *outputs)


def _settings(found: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    stop = found.get("StoppingCondition", {})
    resources = found.get("ResourceConfig", {})
    pairs = {
        "ARN": found["TrainingJobArn"],
        "Role": found.get("RoleArn", ""),
        "Volume": f"{resources.get('VolumeSizeInGB', '–')} GB",
        "Max runtime": f"{stop.get('MaxRuntimeInSeconds', '–')} s",
        "Max wait": f"{stop['MaxWaitTimeInSeconds']} s" if "MaxWaitTimeInSeconds" in stop else "",
        "Spot": "yes" if found.get("EnableManagedSpotTraining") else "no",
        "Network isolation": "yes" if found.get("EnableNetworkIsolation") else "no",
        "Image": found["AlgorithmSpecification"].get("TrainingImage", ""),
        **{f"${k}": v for k, v in found.get("Environment", {}).items()},
    }
    return tuple((label, str(value)) for label, value in pairs.items() if value not in ("", None))


def _related(found: dict[str, Any]) -> tuple[tuple[str, str, str], ...]:
    related = []
    if maker := found.get("TuningJobArn"):
        related.append(("Tuning job", wording.name_of(maker), f"/studio/tuning/{wording.name_of(maker)}"))
    experiment = found.get("ExperimentConfig", {})
    if experiment.get("ExperimentName"):
        related.append(
            ("Experiment", experiment["ExperimentName"], f"/studio/experiments/{experiment['ExperimentName']}")
        )
    return tuple(related)


def _acts(name: str, found: dict[str, Any]) -> tuple[Button, ...]:
    running = found["TrainingJobStatus"] == "InProgress"
    stop = Button(
        "Stop",
        OperationCall("sagemaker", "StopTrainingJob", {"TrainingJobName": name}),
        f"Stopping {name}",
        "harm",
        back=f"/studio/jobs/{name}",
        off="" if running else "The job isn't running",
    )
    delete = Button(
        "Delete…",
        OperationCall("sagemaker", "DeleteTrainingJob", {"TrainingJobName": name}),
        f"Deleted {name}",
        "harm",
        confirm=f"{name}, its metrics and its log are deleted. Its objects in S3 stay.",
        back="/studio/jobs",
        off="Stop the job first" if running else "",
    )
    return (stop,) if running else (delete,)
