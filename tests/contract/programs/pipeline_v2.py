"""A user's project on SDK v2: prepare, train, tune, evaluate, and by what comes out register and transform, or fail."""

import sys
from pathlib import Path

from botocore.exceptions import WaiterError
from sagemaker import get_execution_role, image_uris
from sagemaker.estimator import Estimator
from sagemaker.inputs import TrainingInput
from sagemaker.model import Model
from sagemaker.model_metrics import MetricsSource, ModelMetrics
from sagemaker.processing import ProcessingInput, ProcessingOutput, ScriptProcessor
from sagemaker.sklearn.processing import SKLearnProcessor
from sagemaker.transformer import Transformer
from sagemaker.tuner import ContinuousParameter, HyperparameterTuner, IntegerParameter
from sagemaker.workflow.condition_step import ConditionStep
from sagemaker.workflow.conditions import ConditionLessThanOrEqualTo
from sagemaker.workflow.fail_step import FailStep
from sagemaker.workflow.functions import Join, JsonGet
from sagemaker.workflow.model_step import ModelStep
from sagemaker.workflow.parameters import ParameterFloat, ParameterInteger, ParameterString
from sagemaker.workflow.pipeline import Pipeline
from sagemaker.workflow.pipeline_context import PipelineSession
from sagemaker.workflow.pipeline_definition_config import PipelineDefinitionConfig
from sagemaker.workflow.properties import PropertyFile
from sagemaker.workflow.selective_execution_config import SelectiveExecutionConfig
from sagemaker.workflow.steps import CacheConfig, ProcessingStep, TrainingStep, TuningStep, TransformStep
from sagemaker.inputs import TransformInput

place = Path(sys.argv[1])
session, role = PipelineSession(), get_execution_role()
bucket = session.default_bucket()
(place / "prepare.py").write_text("""
import argparse, numpy as np
from sklearn.datasets import load_diabetes
p = argparse.ArgumentParser(); p.add_argument("--test-size", type=float); a = p.parse_args()
X, y = load_diabetes(return_X_y=True)
t = np.column_stack([y, X]); n = int(len(t) * (1 - a.test_size))
import os
for name, part in (("train", t[:n]), ("validation", t[n:])):
    np.savetxt(f"/opt/ml/processing/{name}/{name}.csv", part, delimiter=",")
np.savetxt("/opt/ml/processing/batch/batch.csv", t[n:, 1:], delimiter=",")
""")
(place / "evaluate.py").write_text("""
import json, pathlib, tarfile
import numpy as np, xgboost
with tarfile.open("/opt/ml/processing/model/model.tar.gz") as tar: tar.extractall(".")
model = xgboost.Booster(); model.load_model("xgboost-model")
t = np.loadtxt("/opt/ml/processing/test/validation.csv", delimiter=",")
mse = float(((model.predict(xgboost.DMatrix(t[:, 1:])) - t[:, 0]) ** 2).mean())
report = {"regression_metrics": {"mse": {"value": mse}}}
pathlib.Path("/opt/ml/processing/evaluation/evaluation.json").write_text(json.dumps(report))
""")
test_size = ParameterFloat("TestSize", default_value=0.2)
limit = ParameterFloat("MseThreshold", default_value=6000.0)
approval = ParameterString("ModelApprovalStatus", default_value="PendingManualApproval")
count = ParameterInteger("Count", default_value=1)
cache = CacheConfig(enable_caching=True, expire_after="30d")
skl = SKLearnProcessor("1.2-1", role=role, instance_type="ml.m5.large", instance_count=count, sagemaker_session=session)
prepare = ProcessingStep(
    "Prepare",
    step_args=skl.run(
        code=str(place / "prepare.py"),
        arguments=["--test-size", test_size.to_string()],
        outputs=[
            ProcessingOutput(output_name=n, source=f"/opt/ml/processing/{n}") for n in ("train", "validation", "batch")
        ],
    ),
    cache_config=cache,
)
image = image_uris.retrieve("xgboost", session.boto_region_name, "1.7-1")
xgb = Estimator(
    image,
    role,
    1,
    "ml.m5.large",
    output_path=f"s3://{bucket}/pipe/out",
    base_job_name="learn",
    sagemaker_session=session,
)
xgb.set_hyperparameters(objective="reg:squarederror", num_round=20)
channels = {
    n: TrainingInput(prepare.properties.ProcessingOutputConfig.Outputs[n].S3Output.S3Uri, content_type="text/csv")
    for n in ("train", "validation")
}
tuner = HyperparameterTuner(
    xgb,
    "validation:rmse",
    {"eta": ContinuousParameter(0.1, 0.5), "max_depth": IntegerParameter(1, 5)},
    objective_type="Minimize",
    max_jobs=3,
    max_parallel_jobs=2,
)
tune = TuningStep("Tune", step_args=tuner.fit(channels), cache_config=cache)
train = TrainingStep("Train", step_args=xgb.fit(channels), cache_config=cache)
report = PropertyFile("EvaluationReport", output_name="evaluation", path="evaluation.json")
best = tune.get_top_model_s3_uri(top_k=0, s3_bucket=bucket, prefix="pipe/out")
evaluator = ScriptProcessor(
    image_uri=image,
    command=["python3"],
    instance_type="ml.m5.large",
    instance_count=1,
    role=role,
    sagemaker_session=session,
)
evaluate = ProcessingStep(
    "Evaluate",
    step_args=evaluator.run(
        code=str(place / "evaluate.py"),
        inputs=[
            ProcessingInput(source=best, destination="/opt/ml/processing/model"),
            ProcessingInput(
                source=prepare.properties.ProcessingOutputConfig.Outputs["validation"].S3Output.S3Uri,
                destination="/opt/ml/processing/test",
            ),
        ],
        outputs=[ProcessingOutput(output_name="evaluation", source="/opt/ml/processing/evaluation")],
    ),
    property_files=[report],
)
model = Model(image, model_data=best, role=role, name="chosen", sagemaker_session=session)
create = ModelStep("Create", step_args=model.create(instance_type="ml.m5.large"))
metrics = ModelMetrics(
    model_statistics=MetricsSource(
        "application/json",
        Join(
            on="/",
            values=[evaluate.arguments["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]["S3Uri"], "evaluation.json"],
        ),
    )
)
register = ModelStep(
    "Register",
    step_args=model.register(
        content_types=["text/csv"],
        response_types=["text/csv"],
        inference_instances=["ml.m5.large"],
        transform_instances=["ml.m5.large"],
        model_package_group_name="pipe-v2",
        approval_status=approval,
        model_metrics=metrics,
    ),
)
transformer = Transformer(
    model_name=create.properties.ModelName,
    instance_count=1,
    instance_type="ml.m5.large",
    output_path=f"s3://{bucket}/pipe/batch",
    sagemaker_session=session,
)
transform = TransformStep(
    "Batch",
    step_args=transformer.transform(
        data=prepare.properties.ProcessingOutputConfig.Outputs["batch"].S3Output.S3Uri,
        content_type="text/csv",
        split_type="Line",
    ),
)
fail = FailStep("TooBad", error_message=Join(on=" ", values=["Execution failed due to MSE >", limit]))
check = ConditionStep(
    "Check",
    conditions=[
        ConditionLessThanOrEqualTo(
            JsonGet(step_name=evaluate.name, property_file=report, json_path="regression_metrics.mse.value"), limit
        )
    ],
    if_steps=[create, register, transform],
    else_steps=[fail],
)
pipeline = Pipeline(
    "pipe-v2",
    parameters=[test_size, limit, approval, count],
    steps=[prepare, train, tune, evaluate, check],
    sagemaker_session=session,
    pipeline_definition_config=PipelineDefinitionConfig(use_custom_job_prefix=True),
)
pipeline.upsert(role_arn=role)
pipeline.upsert(role_arn=role)


def tell(execution) -> None:
    for step in reversed(execution.list_steps()):
        described = [step["StepName"], step["StepStatus"], "cached" if "CacheHitResult" in step else "run"]
        print("step:", *described, step.get("FailureReason", ""))


execution = pipeline.start(parameters={"ModelApprovalStatus": "Approved"})
execution.wait(delay=1, max_attempts=300)
print("first:", execution.describe()["PipelineExecutionStatus"])
tell(execution)
trained = next(step for step in execution.list_steps() if step["StepName"] == "Train")["Metadata"]["TrainingJob"]["Arn"]
print("job:", "as named" if f"/learn-{execution.arn.rpartition('/')[2]}-" in trained else trained)
second = pipeline.start(parameters={"MseThreshold": 1.0})
try:
    second.wait(delay=1, max_attempts=300)
except WaiterError:
    print("second:", second.describe()["PipelineExecutionStatus"])
tell(second)
third = pipeline.start(
    selective_execution_config=SelectiveExecutionConfig(["Evaluate"], source_pipeline_execution_arn=execution.arn)
)
third.wait(delay=1, max_attempts=300)
print("third:", third.describe()["PipelineExecutionStatus"])
tell(third)
