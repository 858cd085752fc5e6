"""Check steps: a processing job that computes a baseline and compares it with an earlier one.

Source: AWS's developer guide, "Baseline calculation, drift detection and lifecycle with ClarifyCheck and QualityCheck steps", and
the API's ClarifyCheckStepMetadata and QualityCheckStepMetadata.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from sagewright.engine.pipelines.step_records import StepRecord
from sagewright.engine.pipelines.steps.base import StepContext, StepObservation
from sagewright.engine.pipelines.steps.jobs import PROCESSING
from sagewright.pipelines.errors import BadReference
from sagewright.pipelines.plan import StepStatus
from sagewright.pipelines.references import resolve

MODEL_VARIABLE = "SAGEWRIGHT_CLARIFY_MODEL"
"""Names the model to a Clarify job: the SDK gives it with the step, which may not know it when it uploads the configuration."""
BASELINES = "/opt/ml/processing/baseline"
VIOLATIONS = "constraint_violations.json"
_IN_PACKAGES = {
    "DATA_BIAS": ("Bias", "PreTrainingConstraints", ""),
    "MODEL_BIAS": ("Bias", "PostTrainingConstraints", ""),
    "MODEL_EXPLAINABILITY": ("Explainability", "Constraints", ""),
    "DATA_QUALITY": ("ModelDataQuality", "Constraints", "Statistics"),
    "MODEL_QUALITY": ("ModelQuality", "Constraints", "Statistics"),
}
"""By type of check: where a model package's DriftCheckBaselines has its constraints and statistics."""


@dataclass(frozen=True)
class CheckSteps:
    """`metadata`: its member of the step's metadata; `files`: what the job writes, by Constraints and Statistics; `failure`: the
    reason of a step that found violations."""

    metadata: str
    files: Mapping[str, str]
    failure: str

    def begin(self, context: StepContext, record: StepRecord) -> StepObservation:
        members = resolve(context.step.check_members, context.known, context.budget)
        check = str(context.step.document.get("CheckType", ""))
        skip = _flag(members, "SkipCheck", default=False)
        baselines = self._baselines(context, members, check)
        if not skip and "Constraints" not in baselines:
            return StepObservation(
                StepStatus.FAILED, {self.metadata: _described(check, members)}, reason=_no_baseline(members)
            )
        used = {} if skip else baselines
        begun = PROCESSING.begin(context, replace(record, arguments=_arguments(record.arguments, members, used)))
        arn = begun.metadata["ProcessingJob"]["Arn"]
        metadata = _described(check, members) | {"CheckJobArn": arn} | self._baselines_used(record, members, baselines)
        return StepObservation(begun.status, {self.metadata: metadata})

    def observe(self, context: StepContext, record: StepRecord) -> StepObservation:
        observed = PROCESSING.observe(context, record)
        if observed.status != StepStatus.SUCCEEDED:
            return observed
        metadata = dict(record.metadata.get(self.metadata, {}))
        if not metadata.get("SkipCheck"):
            report = f"{_output(record)}/{VIOLATIONS}"
            violations = self._violations(context, report)
            if violations:
                metadata["ViolationReport"] = report
            members = resolve(context.step.check_members, context.known, context.budget)
            if violations and _flag(members, "FailOnViolation", default=True):
                return StepObservation(
                    StepStatus.FAILED, {self.metadata: metadata}, reason=f"ClientError: {self.failure}"
                )
        properties = {
            name: value for name, value in metadata.items() if name.startswith(("Calculated", "BaselineUsed"))
        }
        return StepObservation(
            observed.status, {self.metadata: metadata}, {**(observed.properties or {}), **properties}
        )

    def stop(self, context: StepContext, record: StepRecord) -> None:
        PROCESSING.stop(context, record)

    def _violations(self, context: StepContext, report: str) -> list[Any]:
        document = context.known.object(report)
        found = document.get("violations") if isinstance(document, dict) else None
        if not isinstance(found, list):
            raise BadReference(f"{report} has no list of violations")
        return found

    def _baselines(self, context: StepContext, members: Mapping[str, Any], check: str) -> dict[str, str]:
        """Returns the URIs of the earlier baseline by Constraints and Statistics: those supplied, else those of the newest approved
        package of the group."""
        supplied = {kind: members.get(f"SuppliedBaseline{kind}") for kind in self.files}
        found = {kind: str(uri) for kind, uri in supplied.items() if uri}
        group = members.get("ModelPackageGroupName")
        if len(found) == len(self.files) or not group or check not in _IN_PACKAGES:
            return found
        listed = context.invoke(
            "ListModelPackages",
            {
                "ModelPackageGroupName": group,
                "ModelApprovalStatus": "Approved",
                "SortBy": "CreationTime",
                "SortOrder": "Descending",
                "MaxResults": 1,
            },
        )["ModelPackageSummaryList"]
        if not listed:
            return found
        package = context.invoke("DescribeModelPackage", {"ModelPackageName": listed[0]["ModelPackageArn"]})
        section, constraints, statistics = _IN_PACKAGES[check]
        kept = (package.get("DriftCheckBaselines") or {}).get(section) or {}
        named = {"Constraints": kept.get(constraints), "Statistics": kept.get(statistics)}
        return {kind: source["S3Uri"] for kind, source in named.items() if source} | found

    def _baselines_used(
        self, record: StepRecord, members: Mapping[str, Any], baselines: Mapping[str, str]
    ) -> dict[str, str]:
        """Returns the members that name the new baseline, and the one that a registered model is to be checked against later."""
        fresh = {kind: f"{_output(record)}/{file}" for kind, file in self.files.items()}
        used = fresh if _flag(members, "RegisterNewBaseline", default=False) else baselines
        return {f"CalculatedBaseline{kind}": uri for kind, uri in fresh.items()} | {
            f"BaselineUsedForDriftCheck{kind}": uri for kind, uri in used.items()
        }


def _flag(members: Mapping[str, Any], name: str, default: bool) -> bool:
    value = members.get(name, default)
    return value.lower() == "true" if isinstance(value, str) else bool(value)


def _described(check: str, members: Mapping[str, Any]) -> dict[str, Any]:
    group = members.get("ModelPackageGroupName")
    return {
        "CheckType": check,
        "SkipCheck": _flag(members, "SkipCheck", default=False),
        "RegisterNewBaseline": _flag(members, "RegisterNewBaseline", default=False),
    } | ({"ModelPackageGroupName": str(group)} if group else {})


def _no_baseline(members: Mapping[str, Any]) -> str:
    group = members.get("ModelPackageGroupName")
    where = (
        f"the model package group {group} has no approved version with one"
        if group
        else "ModelPackageGroupName is not given"
    )
    return f"ClientError: There is no baseline to check against: none is supplied, and {where}. SkipCheck computes a first one."


def _output(record: StepRecord) -> str:
    outputs = (record.arguments.get("ProcessingOutputConfig") or {}).get("Outputs") or [{}]
    return str((outputs[0].get("S3Output") or {}).get("S3Uri", "")).rstrip("/")


def _arguments(
    arguments: Mapping[str, Any], members: Mapping[str, Any], baselines: Mapping[str, str]
) -> dict[str, Any]:
    """Returns the request of the job: with the earlier baseline as inputs, and with the model's name."""
    environment, inputs = dict(arguments.get("Environment") or {}), list(arguments.get("ProcessingInputs") or ())
    for kind, uri in baselines.items():
        name = f"baseline_{kind.lower()}"
        folder = f"{BASELINES}/{kind.lower()}"
        source = {"S3Uri": uri, "LocalPath": folder, "S3DataType": "S3Prefix", "S3InputMode": "File"}
        inputs.append({"InputName": name, "S3Input": source})
        environment[name] = f"{folder}/{uri.rpartition('/')[2]}"
    if members.get("ModelName"):
        environment[MODEL_VARIABLE] = str(members["ModelName"])
    return {**arguments, "Environment": environment, "ProcessingInputs": inputs}


CLARIFY = CheckSteps("ClarifyCheck", {"Constraints": "analysis.json"}, "Clarify check failed. See violation report")
QUALITY = CheckSteps(
    "QualityCheck",
    {"Constraints": "constraints.json", "Statistics": "statistics.json"},
    "Quality check failed. See violation report",
)
