"""Requests that SageMaker accepts though they may not be built here, and answers about resources that were never created."""

from __future__ import annotations

import json

from services.check import check
from services.sagemaker import IMAGE
from services.target import Target, fresh, refused

GONE = ("ResourceNotFound", 400)


@check
def lists_of_what_nobody_has_created_are_empty(target: Target) -> None:
    """API ListMonitoringSchedules: MonitoringScheduleSummaries; SDK Predictor.list_monitors; API ListAutoMLJobs; API ListApps"""
    sagemaker = target.boto("sagemaker")
    assert sagemaker.list_monitoring_schedules(EndpointName="none")["MonitoringScheduleSummaries"] == []
    assert sagemaker.list_auto_ml_jobs(NameContains="none")["AutoMLJobSummaries"] == []
    assert sagemaker.list_apps(DomainIdEquals="d-none")["Apps"] == []


@check
def what_nobody_has_created_is_not_found(target: Target) -> None:
    """API DescribeMonitoringSchedule: ResourceNotFound; API DeleteFeatureGroup: ResourceNotFound"""
    sagemaker = target.boto("sagemaker")
    assert refused(sagemaker.describe_monitoring_schedule, MonitoringScheduleName="none") == GONE
    assert refused(sagemaker.delete_feature_group, FeatureGroupName="none") == GONE


@check
def a_definition_may_have_steps_of_any_type(target: Target) -> None:
    """API CreatePipeline; pipeline definition schema 2020-12-01: the types of steps; SDK EMRStep, QualityCheckStep, AutoMLStep"""
    sagemaker = target.boto("sagemaker")
    for type_ in ("EMR", "QualityCheck", "ClarifyCheck", "AutoML"):
        definition = {"Version": "2020-12-01", "Steps": [{"Name": "it", "Type": type_, "Arguments": {}}]}
        name = fresh()
        sagemaker.create_pipeline(
            PipelineName=name,
            PipelineDefinition=json.dumps(definition),
            RoleArn=target.role,
            ClientRequestToken=fresh() * 2,
        )
        sagemaker.delete_pipeline(PipelineName=name, ClientRequestToken=fresh() * 2)


@check
def an_algorithm_is_told_as_it_was_created(target: Target) -> None:
    """API CreateAlgorithm; API DescribeAlgorithm: AlgorithmStatus, TrainingSpecification; API ListAlgorithms: NameContains"""
    sagemaker, name = target.boto("sagemaker"), fresh()
    channel = {"Name": "train", "SupportedContentTypes": ["text/csv"], "SupportedInputModes": ["File"]}
    training = {
        "TrainingImage": IMAGE, "SupportedTrainingInstanceTypes": ["ml.m5.large"], "TrainingChannels": [channel],
    }  # fmt: skip
    arn = sagemaker.create_algorithm(AlgorithmName=name, TrainingSpecification=training)["AlgorithmArn"]
    assert arn == target.arn("sagemaker", f"algorithm/{name}")
    described = sagemaker.describe_algorithm(AlgorithmName=arn)
    assert described["TrainingSpecification"]["TrainingImage"] == IMAGE
    (listed,) = sagemaker.list_algorithms(NameContains=name)["AlgorithmSummaryList"]
    assert listed["AlgorithmArn"] == arn
    sagemaker.delete_algorithm(AlgorithmName=name)
    assert sagemaker.list_algorithms(NameContains=name)["AlgorithmSummaryList"] == []


@check
def names_of_properties_are_suggested(target: Target) -> None:
    """API GetSearchSuggestions: PropertyNameSuggestions begin with PropertyNameHint"""
    query = {"PropertyNameQuery": {"PropertyNameHint": "TrainingJob"}}
    found = target.boto("sagemaker").get_search_suggestions(Resource="TrainingJob", SuggestionQuery=query)
    names = [one["PropertyName"] for one in found["PropertyNameSuggestions"]]
    assert "TrainingJobName" in names
    assert all(one.startswith("TrainingJob") for one in names)
