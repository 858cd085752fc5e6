"""A user's pipeline on SDK v2 whose steps are functions."""

import sagemaker
from sagemaker.workflow.function_step import step
from sagemaker.workflow.pipeline import Pipeline

IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"


@step(name="rows", image_uri=IMAGE, instance_type="ml.m5.large", role=sagemaker.get_execution_role())
def rows():
    return [1, 2, 3]


@step(name="total", image_uri=IMAGE, instance_type="ml.m5.large", role=sagemaker.get_execution_role())
def total(found, factor):
    return sum(found) * factor


pipeline = Pipeline("functions", steps=[total(rows(), 7)])
pipeline.upsert(role_arn=sagemaker.get_execution_role())
execution = pipeline.start()
execution.wait(delay=2, max_attempts=120)
print("first:", execution.describe()["PipelineExecutionStatus"])
print("second:", execution.result("total"))
