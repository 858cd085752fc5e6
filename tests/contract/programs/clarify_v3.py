"""SDK v3's copy of Clarify: bias of predictions that the data set has, and a check step."""

import contextlib
import json
import sys
from pathlib import Path

from sagemaker.core.clarify import BiasConfig, DataConfig, ModelPredictedLabelConfig, SageMakerClarifyProcessor
from sagemaker.core.helper.session_helper import Session, get_execution_role
from sagemaker.core.s3 import S3Downloader, S3Uploader
from sagemaker.core.workflow.pipeline_context import PipelineSession
from sagemaker.mlops.workflow.check_job_config import CheckJobConfig
from sagemaker.mlops.workflow.clarify_check_step import ClarifyCheckStep, DataBiasCheckConfig
from sagemaker.mlops.workflow.pipeline import Pipeline

session, role, place = Session(), get_execution_role(), Path(sys.argv[1])
prefix = f"s3://{session.default_bucket()}/clarify-v3"
rows = [(int(age % 4 == 0), age, "fm"[age % 3 > 0], int(age % 5 == 0)) for age in range(20, 90)]
(place / "data.csv").write_text("Target,Age,Gender,Predicted\n" + "".join(f"{a},{b},{c},{d}\n" for a, b, c, d in rows))
uri = S3Uploader.upload(str(place / "data.csv"), f"{prefix}/data", sagemaker_session=session)


def data(out: str, sagemaker_session: object = None) -> DataConfig:
    return DataConfig(
        s3_data_input_path=uri,
        s3_output_path=f"{prefix}/{out}",
        label="Target",
        predicted_label="Predicted",
        headers=["Target", "Age", "Gender", "Predicted"],
        dataset_type="text/csv",
    )


bias = BiasConfig(label_values_or_threshold=[1], facet_name="Gender", facet_values_or_threshold=["f"])
processor = SageMakerClarifyProcessor(
    role=role, instance_count=1, instance_type="ml.m5.large", sagemaker_session=session
)
processor.run_bias(
    data_config=data("out"),
    bias_config=bias,
    model_config=None,
    model_predicted_label_config=ModelPredictedLabelConfig(probability_threshold=0.5),
    pre_training_methods=["CI", "DPL"],
    post_training_methods=["DPPL", "DI", "FT"],
)
analysis = json.loads(S3Downloader.read_file(f"{prefix}/out/analysis.json", sagemaker_session=session))
for stage in ("pre_training_bias_metrics", "post_training_bias_metrics"):
    (group,) = analysis[stage]["facets"]["Gender"]
    print("bias:", stage, [(one["name"], round(one["value"], 4)) for one in group["metrics"]])

pipeline_session = PipelineSession()
job = CheckJobConfig(role=role, instance_count=1, instance_type="ml.m5.large", sagemaker_session=pipeline_session)
check = ClarifyCheckStep(
    "Bias",
    DataBiasCheckConfig(data_config=data("check"), data_bias_config=bias),
    job,
    skip_check=True,
    register_new_baseline=True,
    model_package_group_name="v3-checked",
)
pipeline = Pipeline("clarify-v3", steps=[check], sagemaker_session=pipeline_session)
pipeline.upsert(role)
execution = pipeline.start()
with contextlib.suppress(Exception):
    execution.wait(delay=1, max_attempts=60)
for one in execution.list_steps():
    print("check:", one["StepName"], one["StepStatus"], one.get("FailureReason"))
    print("baseline:", one["Metadata"]["ClarifyCheck"]["CalculatedBaselineConstraints"].rpartition("/")[2])
