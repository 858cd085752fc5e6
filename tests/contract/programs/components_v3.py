"""A user's program on SDK v3: ModelBuilder deploys with ResourceRequirements; the component is a resource like others."""

import io
import tarfile

import boto3
from sagemaker.core.helper.session_helper import Session, get_execution_role
from sagemaker.core.inference_config import ResourceRequirements
from sagemaker.core.resources import Endpoint, InferenceComponent, Model
from sagemaker.core.shapes import InferenceComponentRuntimeConfig
from sagemaker.serve.model_builder import ModelBuilder

session = Session()
bucket, role = session.default_bucket(), get_execution_role()
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
SCRIPT = b"""
import numpy as np

def model_fn(model_dir):
    return 2.0

def predict_fn(data, model):
    return np.asarray(data) * model
"""


def say(*words: object) -> None:
    print("\nSAID", *words)


packed = io.BytesIO()
with tarfile.open(fileobj=packed, mode="w:gz") as tar:
    info = tarfile.TarInfo("code/inference.py")
    info.size = len(SCRIPT)
    tar.addfile(info, io.BytesIO(SCRIPT))
boto3.client("s3").put_object(Bucket=bucket, Key="components-v3/model.tar.gz", Body=packed.getvalue())
builder = ModelBuilder(
    image_uri=IMAGE,
    role_arn=role,
    s3_model_data_url=f"s3://{bucket}/components-v3/model.tar.gz",
    instance_type="ml.m5.large",
    env_vars={"SAGEMAKER_PROGRAM": "inference.py", "SAGEMAKER_MODEL_SERVER_WORKERS": "1"},
)
builder.build(model_name="v3-component")
endpoint = builder.deploy(
    endpoint_name="v3-components",
    initial_instance_count=1,
    instance_type="ml.m5.large",
    inference_component_name="v3-copies",
    inference_config=ResourceRequirements(requests={"num_cpus": 1, "memory": 512, "copies": 1}),
)
name = "v3-copies"
component = InferenceComponent.get(inference_component_name=name)
component.wait_for_status("InService")
say("deployed", endpoint.endpoint_name, component.inference_component_status, component.variant_name)
asked = {"content_type": "application/json", "accept": "application/json", "inference_component_name": name}
answer = endpoint.invoke(body="[[4.0]]", **asked)
say("answered", answer.body.read().decode(), answer.invoked_production_variant)
component.update_runtime_configs(desired_runtime_config=InferenceComponentRuntimeConfig(copy_count=2))
component.wait_for_status("InService")
component.refresh()
say("copies", component.runtime_config.desired_copy_count, component.runtime_config.current_copy_count)
say(
    "found",
    [
        each.inference_component_name == name
        for each in InferenceComponent.get_all(endpoint_name_equals="v3-components")
    ],
)
component.delete()
component.wait_for_delete()
endpoint.delete()
endpoint.wait_for_delete()
Model.get(model_name="v3-component").delete()
say("left", [each.endpoint_name for each in Endpoint.get_all(name_contains="v3-components")])
