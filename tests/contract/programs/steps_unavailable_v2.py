"""Every class of steps of SDK v2 whose work is not built: each pipeline is created, updated, described and started."""

from sagemaker import get_execution_role
from sagemaker.automl.automl import AutoML, AutoMLInput
from sagemaker.clarify import BiasConfig, DataConfig, ModelConfig, SHAPConfig
from sagemaker.model_monitor import DatasetFormat
from sagemaker.transformer import Transformer
from sagemaker.workflow.automl_step import AutoMLStep
from sagemaker.workflow.check_job_config import CheckJobConfig
from sagemaker.workflow.clarify_check_step import (
    ClarifyCheckStep,
    DataBiasCheckConfig,
    ModelExplainabilityCheckConfig,
)
from sagemaker.workflow.emr_step import EMRStep, EMRStepConfig
from sagemaker.workflow.monitor_batch_transform_step import MonitorBatchTransformStep
from sagemaker.workflow.parameters import ParameterString
from sagemaker.workflow.pipeline import Pipeline
from sagemaker.workflow.pipeline_context import PipelineSession
from sagemaker.workflow.quality_check_step import (
    DataQualityCheckConfig,
    ModelQualityCheckConfig,
    QualityCheckStep,
)
import contextlib

session, role = PipelineSession(), get_execution_role()
bucket = session.default_bucket()
data = ParameterString("Data", default_value=f"s3://{bucket}/data.csv")
job = CheckJobConfig(role=role, instance_count=1, instance_type="ml.m5.large", sagemaker_session=session)
baseline = DataQualityCheckConfig(
    baseline_dataset=data, dataset_format=DatasetFormat.csv(header=True), output_s3_uri=f"s3://{bucket}/baseline"
)
image = f"683313688378.dkr.ecr.{session.boto_region_name}.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
container = {"Image": image}
session.sagemaker_client.create_model(ModelName="a-model", PrimaryContainer=container, ExecutionRoleArn=role)
transformer = Transformer("a-model", 1, "ml.m5.large", sagemaker_session=session)
automl = AutoML(
    role=role, target_attribute_name="y", sagemaker_session=session, mode="ENSEMBLING", problem_type="Regression",
    job_objective={"MetricName": "MSE"},
)  # fmt: skip
bias_data = DataConfig(f"s3://{bucket}/data.csv", f"s3://{bucket}/bias", label="y", headers=["y", "a"])
shap = ModelConfig(model_name="a-model", instance_count=1, instance_type="ml.m5.large")
steps = [
    QualityCheckStep("Data", baseline, job, skip_check=False, register_new_baseline=True, model_package_group_name="g"),
    QualityCheckStep(
        "Model",
        ModelQualityCheckConfig(
            baseline_dataset=data, dataset_format=DatasetFormat.csv(header=True), output_s3_uri=f"s3://{bucket}/model",
            problem_type="Regression", inference_attribute="p", ground_truth_attribute="y",
        ),
        job, skip_check=True, model_package_group_name="g",
    ),
    ClarifyCheckStep(
        "Bias",
        DataBiasCheckConfig(data_config=bias_data, data_bias_config=BiasConfig([1], facet_name="a")),
        job, skip_check=False, model_package_group_name="g",
    ),
    ClarifyCheckStep(
        "Explain",
        ModelExplainabilityCheckConfig(
            data_config=bias_data, model_config=shap, explainability_config=SHAPConfig(num_samples=2, agg_method="mean_abs")
        ),
        job, skip_check=False, model_package_group_name="g",
    ),
    EMRStep("Cluster", "shown", "said", "j-1", EMRStepConfig(jar="s3://b/a.jar", args=["x"])),
    EMRStep(
        "NewCluster", "shown", "said", None, EMRStepConfig(jar="s3://b/a.jar"),
        cluster_config={"Instances": {"InstanceGroups": []}, "ReleaseLabel": "emr-6.6.0"},
    ),
    AutoMLStep("Auto", automl.fit(AutoMLInput(f"s3://{bucket}/train", "y", content_type="text/csv;header=present"))),
    MonitorBatchTransformStep(
        "Batch", transformer.transform(f"s3://{bucket}/in", content_type="text/csv"), baseline, job,
        monitor_before_transform=True,
    ),
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
