"""Steps that SDK v3 alone sends and whose work is not built, and dependencies on the failure of a step."""

from sagemaker.core.helper.session_helper import get_execution_role
from sagemaker.core.workflow.parameters import ParameterString
from sagemaker.core.workflow.pipeline_context import PipelineSession
from sagemaker.mlops.workflow.cleanup_step import CleanupStep, S3CleanupSource
from sagemaker.mlops.workflow.emr_serverless_step import EMRServerlessJobConfig, EMRServerlessStep
from sagemaker.mlops.workflow.emr_step import EMRStep, EMRStepConfig
from sagemaker.mlops.workflow.for_each_step import CurrentItem, ForEachStep
from sagemaker.mlops.workflow.lambda_step import LambdaStep
from sagemaker.mlops.workflow.pipeline import Pipeline
from sagemaker.mlops.workflow.step_dependency import StepDependency, TriggerCondition
from sagemaker.mlops.workflow.condition_step import ConditionStep
from sagemaker.core.workflow.conditions import ConditionEquals
from sagemaker.core.lambda_helper import Lambda
import contextlib

session, role = PipelineSession(), get_execution_role()
items = ParameterString(name="Items", default_value='["a", "b"]')
function = Lambda(function_arn="arn:aws:lambda:us-east-1:000000000000:function:each", session=session)
spark = EMRServerlessJobConfig({"sparkSubmit": {"entryPoint": "s3://b/a.py"}}, role)
serverless = EMRServerlessStep("Serverless", "shown", "said", spark, application_id="app-1")
made = EMRServerlessStep("Made", "shown", "said", spark, application_config={"type": "SPARK", "releaseLabel": "emr-7"})
each = ForEachStep("Each", items, 2, [LambdaStep(name="One", lambda_func=function, inputs={"item": CurrentItem()})])
clean = CleanupStep(
    "Clean", [S3CleanupSource(serverless)], depends_on=[StepDependency(serverless, TriggerCondition.FAILED)]
)
after = ConditionStep(
    "After", conditions=[ConditionEquals(left=items, right=items)], if_steps=[], else_steps=[],
    depends_on=[StepDependency(each, TriggerCondition.ANY)],
)  # fmt: skip
never = ConditionStep(
    "Never", conditions=[ConditionEquals(left=items, right=items)], if_steps=[], else_steps=[], depends_on=[each],
)  # fmt: skip
for name, steps in {
    "emr": [EMRStep("Cluster", "shown", "said", "j-1", EMRStepConfig(jar="s3://b/a.jar"))],
    "made": [made], "clean": [serverless, clean], "each": [each, after, never],
}.items():  # fmt: skip
    pipeline = Pipeline(f"v3-{name}", parameters=[items], steps=steps, sagemaker_session=session)
    pipeline.create(role)
    pipeline.update(role)
    execution = pipeline.start()
    with contextlib.suppress(Exception):
        execution.wait(delay=1, max_attempts=60)
    print("first:", name, execution.describe()["PipelineExecutionStatus"])
    for described in sorted(execution.list_steps(), key=lambda one: one["StepName"]):
        print("step:", described["StepName"], described["StepStatus"], described.get("FailureReason"))
