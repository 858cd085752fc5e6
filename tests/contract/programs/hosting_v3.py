"""A user's program on SDK v3: ModelBuilder builds and deploys; the endpoint is asked, updated, found and deleted as a resource."""

import io
import tarfile

import boto3
from botocore.exceptions import ClientError
from sagemaker.core.helper.session_helper import Session, get_execution_role
from sagemaker.core.resources import Endpoint, EndpointConfig, Model
from sagemaker.core.shapes import DesiredWeightAndCapacity, ProductionVariant
from sagemaker.serve.model_builder import ModelBuilder

session = Session()
bucket, role = session.default_bucket(), get_execution_role()
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
SCRIPT = """
import numpy as np

def model_fn(model_dir):
    return FACTOR

def predict_fn(data, model, context):
    seen = context.get_request_header(0, "X-Amzn-SageMaker-Custom-Attributes")
    if seen:
        context.set_response_header(0, "X-Amzn-SageMaker-Custom-Attributes", seen + ";model=" + str(model))
    return np.asarray(data) * model
"""


def say(*words: object) -> None:
    print("\nSAID", *words)


def archive(factor: float) -> str:
    code = SCRIPT.replace("FACTOR", str(factor)).encode()
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        info = tarfile.TarInfo("code/inference.py")
        info.size = len(code)
        tar.addfile(info, io.BytesIO(code))
    boto3.client("s3").put_object(Bucket=bucket, Key=f"hosting-v3/{factor}/model.tar.gz", Body=packed.getvalue())
    return f"s3://{bucket}/hosting-v3/{factor}/model.tar.gz"


def builder(factor: float) -> ModelBuilder:
    return ModelBuilder(
        image_uri=IMAGE,
        role_arn=role,
        s3_model_data_url=archive(factor),
        instance_type="ml.m5.large",
        env_vars={"SAGEMAKER_PROGRAM": "inference.py", "SAGEMAKER_MODEL_SERVER_WORKERS": "1"},
    )


def asked(endpoint: Endpoint, body: str = "[[2.0]]", **more: str) -> tuple[str, object]:
    answer = endpoint.invoke(body=body, content_type="application/json", accept="application/json", **more)
    return answer.body.read().decode(), answer


first = builder(2.0)
say("built", first.build(model_name="v3-hosting").model_name)
endpoint = first.deploy(endpoint_name="v3-hosting", initial_instance_count=1, instance_type="ml.m5.large")
say("deployed", endpoint.endpoint_name, Endpoint.get(endpoint_name="v3-hosting").endpoint_status)
text, answer = asked(endpoint)
say("answered", text, answer.content_type, answer.invoked_production_variant)
say("attributes", asked(endpoint, custom_attributes="trace=7")[1].custom_attributes)

builder(3.0).build(model_name="v3-hosting-b")
variants = [
    ProductionVariant(
        variant_name=name,
        model_name=model,
        initial_instance_count=1,
        instance_type="ml.m5.large",
        initial_variant_weight=weight,
    )
    for name, model, weight in (("a", "v3-hosting", 1.0), ("b", "v3-hosting-b", 3.0))
]
EndpointConfig.create(endpoint_config_name="v3-hosting-b", production_variants=variants)
endpoint = Endpoint.get(endpoint_name="v3-hosting")
endpoint.endpoint_config_name = "v3-hosting-b"
endpoint.update()
endpoint.wait_for_status("InService")
endpoint.refresh()
said = [asked(endpoint)[0] for _ in range(8)]
say("updated", endpoint.endpoint_status, endpoint.endpoint_config_name, said.count("[[4.0]]"), said.count("[[6.0]]"))
endpoint.update_weights_and_capacities(
    desired_weights_and_capacities=[
        DesiredWeightAndCapacity(variant_name="a", desired_weight=7.0),
        DesiredWeightAndCapacity(variant_name="b", desired_weight=1.0),
    ]
)
endpoint.wait_for_status("InService")
endpoint.refresh()
weights = {each.variant_name: each.current_weight for each in endpoint.production_variants}
said = [asked(endpoint)[1].invoked_production_variant for _ in range(8)]
say("weights", weights, said.count("a"), said.count("b"), asked(endpoint, target_variant="b")[0])
try:
    endpoint.invoke_async(input_location=f"s3://{bucket}/hosting-v3/none")
except ClientError as error:
    say("asynchronous refused", error.response["Error"]["Code"])
say("found", "v3-hosting" in [each.endpoint_name for each in Endpoint.get_all(name_contains="v3-hosting")])
endpoint.delete()
endpoint.wait_for_delete()
for config in EndpointConfig.get_all(name_contains="v3-hosting"):
    config.delete()
for model in Model.get_all(name_contains="v3-hosting"):
    model.delete()
say("left", [each.endpoint_name for each in Endpoint.get_all(name_contains="v3-hosting")])
