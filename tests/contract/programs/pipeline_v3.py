"""A user's project on SDK v3: prepare, train, and by what comes out register."""

import sys
from pathlib import Path

from sagemaker.core import image_uris
from sagemaker.core.helper.session_helper import get_execution_role
from sagemaker.core.processing import ScriptProcessor
from sagemaker.core.shapes import ProcessingOutput, ProcessingS3Output
from sagemaker.core.workflow.conditions import (
    ConditionEquals,
    ConditionGreaterThanOrEqualTo,
    ConditionIn,
    ConditionLessThan,
    ConditionNot,
    ConditionOr,
)
from sagemaker.core.workflow.functions import JsonGet
from sagemaker.core.workflow.parameters import ParameterInteger
from sagemaker.core.workflow.pipeline_context import PipelineSession
from sagemaker.core.workflow.properties import PropertyFile
from sagemaker.mlops.workflow.condition_step import ConditionStep
from sagemaker.mlops.workflow.model_step import ModelStep
from sagemaker.mlops.workflow.pipeline import Pipeline
from sagemaker.mlops.workflow.steps import ProcessingStep, TrainingStep
from sagemaker.serve import ModelBuilder
from sagemaker.train import ModelTrainer
from sagemaker.train.configs import Compute, InputData, SourceCode

place = Path(sys.argv[1])
session, role = PipelineSession(), get_execution_role()
bucket = session.default_bucket()
(place / "prepare.py").write_text("""
import json
open("/opt/ml/processing/train/rows.csv", "w").write("1,2\\n3,4\\n")
json.dump({"quality": {"value": 0.95}}, open("/opt/ml/processing/train/report.json", "w"))
""")
code = place / "code"
code.mkdir()
(code / "train.py").write_text("""
import os
rows = open(os.environ["SM_CHANNEL_TRAIN"] + "/rows.csv").read()
open(os.environ["SM_MODEL_DIR"] + "/model.txt", "w").write(rows * int(os.environ["SM_HP_ROUNDS"]))
""")
image = image_uris.retrieve("sklearn", session.boto_region_name, "1.2-1")
rounds = ParameterInteger(name="Rounds", default_value=3)
processor = ScriptProcessor(
    image_uri=image, command=["python3"], instance_type="ml.m5.large", instance_count=1, role=role,
    sagemaker_session=session,
)  # fmt: skip
output = ProcessingOutput(
    output_name="train",
    s3_output=ProcessingS3Output(
        s3_uri=f"s3://{bucket}/pipeline-v3/train", local_path="/opt/ml/processing/train", s3_upload_mode="EndOfJob"
    ),
)
report = PropertyFile(name="Report", output_name="train", path="report.json")
prepare = ProcessingStep(
    name="Prepare", step_args=processor.run(code=str(place / "prepare.py"), outputs=[output]), property_files=[report]
)
trainer = ModelTrainer(
    training_image=image,
    source_code=SourceCode(source_dir=str(code), entry_script="train.py"),
    compute=Compute(instance_type="ml.m5.large", instance_count=1),
    hyperparameters={"rounds": rounds},
    role=role,
    sagemaker_session=session,
)
data = prepare.properties.ProcessingOutputConfig.Outputs["train"].S3Output.S3Uri
train = TrainingStep(
    name="Train", step_args=trainer.train(input_data_config=[InputData(channel_name="train", data_source=data)])
)
builder = ModelBuilder(
    image_uri=image,
    s3_model_data_url=train.properties.ModelArtifacts.S3ModelArtifacts,
    role_arn=role,
    sagemaker_session=session,
)
register = ModelStep(
    name="Register",
    step_args=builder.register(
        model_package_group_name="pipe-v3",
        content_types=["text/csv"],
        response_types=["text/csv"],
        inference_instances=["ml.m5.large"],
        approval_status="Approved",
    ),
)
good = ConditionGreaterThanOrEqualTo(
    left=JsonGet(step_name="Prepare", property_file=report, json_path="quality.value"), right=0.9
)
few = ConditionNot(ConditionEquals(left=rounds, right=3))
some = ConditionOr([ConditionLessThan(left=rounds, right=0), ConditionIn(value=rounds, in_values=[1, 2])])
check = ConditionStep(name="Check", conditions=[good, few, some], if_steps=[register], else_steps=[])
pipeline = Pipeline(
    name="pipe-v3", parameters=[rounds], steps=[prepare, train, check], sagemaker_session=session
)  # fmt: skip
pipeline.upsert(role_arn=role)
execution = pipeline.start(parameters={"Rounds": 2})
execution.wait(delay=1, max_attempts=300)
print("first:", execution.describe()["PipelineExecutionStatus"])
for step in reversed(execution.list_steps()):
    print("step:", step["StepName"], step["StepStatus"], "run", step.get("FailureReason", ""))
