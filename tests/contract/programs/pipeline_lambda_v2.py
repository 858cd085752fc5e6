"""A user's pipeline on SDK v2 with a function between its steps, and schedules that start it."""

import sys
from pathlib import Path

from sagemaker import get_execution_role
from sagemaker.lambda_helper import Lambda
from sagemaker.workflow.condition_step import ConditionStep
from sagemaker.workflow.conditions import ConditionGreaterThanOrEqualTo
from sagemaker.workflow.fail_step import FailStep
from sagemaker.workflow.lambda_step import LambdaOutput, LambdaOutputTypeEnum, LambdaStep
from sagemaker.workflow.parameters import ParameterInteger
from sagemaker.workflow.pipeline import Pipeline
from sagemaker.workflow.steps import CacheConfig
from sagemaker.workflow.triggers import PipelineSchedule

place, role = Path(sys.argv[1]), get_execution_role()
script = place / "judge.py"
script.write_text("""
import json
def handler(event, context):
    return {"statusCode": 200, "score": event["rows"] / 100, "note": json.dumps(event)}
""")
rows = ParameterInteger("Rows", default_value=95)
judge = LambdaStep(
    name="Judge",
    lambda_func=Lambda(
        function_name="judge-v2", execution_role_arn=role, script=str(script), handler="judge.handler", timeout=60
    ),
    inputs={"rows": rows},
    outputs=[
        LambdaOutput("score", LambdaOutputTypeEnum.Float),
        LambdaOutput("note", LambdaOutputTypeEnum.String),
    ],
    cache_config=CacheConfig(enable_caching=True, expire_after="1d"),
)
check = ConditionStep(
    name="Check",
    conditions=[ConditionGreaterThanOrEqualTo(left=judge.properties.Outputs["score"], right=0.9)],
    if_steps=[],
    else_steps=[FailStep(name="TooFew", error_message="too few rows")],
)
pipeline = Pipeline("lambda-v2", parameters=[rows], steps=[judge, check])
pipeline.upsert(role_arn=role)


def run(word, **parameters):
    execution = pipeline.start(parameters=parameters)
    try:
        execution.wait(delay=1, max_attempts=60)
    except Exception as error:
        print(f"{word} waited: {type(error).__name__}")
    print(f"{word}:", execution.describe()["PipelineExecutionStatus"])
    for step in reversed(execution.list_steps()):
        how = "cached" if step.get("CacheHitResult") else "run"
        print("step:", step["StepName"], step["StepStatus"], how)


run("first")
run("second")
run("third", Rows=10)

weekly = PipelineSchedule(name="weekly-v2", cron="0 9 ? * MON *", enabled=False)
pipeline.put_triggers(triggers=[weekly, PipelineSchedule(name="often-v2", rate=(5, "minutes"))], role_arn=role)
pipeline.put_triggers(triggers=[PipelineSchedule(name="often-v2", rate=(1, "hour"))], role_arn=role)
for name in ("weekly-v2", "often-v2"):
    described = pipeline.describe_trigger(name)
    print("trigger:", described["Schedule_Expression"], described["Schedule_State"], described["Schedule_Role"] == role)
pipeline.delete_triggers(["weekly-v2", "often-v2", "never-made"])
