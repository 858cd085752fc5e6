"""What SageMaker accepts though it may not be built here, and what it answers about resources that nobody has created."""

from __future__ import annotations

import json

from services.check import check
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
