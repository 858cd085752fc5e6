"""Every class of steps of SDK v2 whose work is not built: each pipeline is created, updated, described and started."""

from sagemaker import get_execution_role
from sagemaker.automl.automl import AutoML, AutoMLInput
from sagemaker.workflow.automl_step import AutoMLStep
from sagemaker.workflow.emr_step import EMRStep, EMRStepConfig
from sagemaker.workflow.parameters import ParameterString
from sagemaker.workflow.pipeline import Pipeline
from sagemaker.workflow.pipeline_context import PipelineSession
import contextlib

session, role = PipelineSession(), get_execution_role()
bucket = session.default_bucket()
data = ParameterString("Data", default_value=f"s3://{bucket}/data.csv")
automl = AutoML(
    role=role, target_attribute_name="y", sagemaker_session=session, mode="ENSEMBLING", problem_type="Regression",
    job_objective={"MetricName": "MSE"},
)  # fmt: skip
steps = [
    EMRStep("Cluster", "shown", "said", "j-1", EMRStepConfig(jar="s3://b/a.jar", args=["x"])),
    EMRStep(
        "NewCluster", "shown", "said", None, EMRStepConfig(jar="s3://b/a.jar"),
        cluster_config={"Instances": {"InstanceGroups": []}, "ReleaseLabel": "emr-6.6.0"},
    ),
    AutoMLStep("Auto", automl.fit(AutoMLInput(f"s3://{bucket}/train", "y", content_type="text/csv;header=present"))),
]  # fmt: skip
for step in steps:
    pipeline = Pipeline(f"v2-{step.name}", parameters=[data], steps=[step], sagemaker_session=session)
    pipeline.create(role)
    pipeline.update(role)
    pipeline.describe()
    execution = pipeline.start()
    with contextlib.suppress(Exception):
        execution.wait(delay=1, max_attempts=60)
    for described in execution.list_steps():
        print("step:", described["StepName"], described["StepStatus"], described.get("FailureReason"))
    pipeline.delete()
