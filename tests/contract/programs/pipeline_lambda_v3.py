"""A user's pipeline on SDK v3 with a function between its steps, and schedules that start it."""

import sys
from pathlib import Path

from sagemaker.core.helper.session_helper import get_execution_role
from sagemaker.core.lambda_helper import Lambda
from sagemaker.core.workflow.conditions import ConditionEquals
from sagemaker.mlops.workflow.condition_step import ConditionStep
from sagemaker.mlops.workflow.fail_step import FailStep
from sagemaker.mlops.workflow.lambda_step import LambdaOutput, LambdaOutputTypeEnum, LambdaStep
from sagemaker.mlops.workflow.pipeline import Pipeline
from sagemaker.mlops.workflow.triggers import PipelineSchedule

place, role = Path(sys.argv[1]), get_execution_role()
script = place / "word.py"
script.write_text("def handler(event, context): return {'word': event['word'].upper()}\n")
function = Lambda(
    function_name="word-v3", execution_role_arn=role, script=str(script), handler="word.handler", timeout=60
)
shout = LambdaStep(
    name="Shout",
    lambda_func=function,
    inputs={"word": "up"},
    outputs=[LambdaOutput("word", LambdaOutputTypeEnum.String)],
)
check = ConditionStep(
    name="Check",
    conditions=[ConditionEquals(left=shout.properties.Outputs["word"], right="UP")],
    if_steps=[],
    else_steps=[FailStep(name="Quiet", error_message="it is quiet")],
)
pipeline = Pipeline("lambda-v3", steps=[shout, check])
pipeline.upsert(role_arn=role)
execution = pipeline.start()
execution.wait(delay=1, max_attempts=60)
print("first:", execution.describe()["PipelineExecutionStatus"])
for step in reversed(execution.list_steps()):
    print("step:", step["StepName"], step["StepStatus"])
print("second:", function.invoke()["FunctionError"])

weekly = PipelineSchedule(name="weekly-v3", cron="0 9 ? * MON *", enabled=False)
pipeline.put_triggers(triggers=[weekly, PipelineSchedule(name="often-v3", rate=(5, "minutes"))], role_arn=role)
pipeline.put_triggers(triggers=[PipelineSchedule(name="often-v3", rate=(1, "hour"))], role_arn=role)
for name in ("weekly-v3", "often-v3"):
    described = pipeline.describe_trigger(name)
    print("trigger:", described["Schedule_Expression"], described["Schedule_State"], described["Schedule_Role"] == role)
pipeline.delete_triggers(["weekly-v3", "often-v3", "never-made"])
