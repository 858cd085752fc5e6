"""A user's program on SDK v2: a model deployed as an inference component, another beside it, updated, listed and deleted."""

import io
import tarfile

import boto3
from sagemaker import Session, get_execution_role
from sagemaker.compute_resource_requirements.resource_requirements import ResourceRequirements
from sagemaker.deserializers import JSONDeserializer
from sagemaker.enums import EndpointType
from sagemaker.model import Model
from sagemaker.predictor import Predictor
from sagemaker.serializers import JSONSerializer

sdk = Session()
bucket, role = sdk.default_bucket(), get_execution_role()
ENDPOINT = "v2-components"
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
SCRIPT = """
import numpy as np

def model_fn(model_dir):
    return FACTOR

def predict_fn(data, model):
    return np.asarray(data) * model
"""


def say(*words: object) -> None:
    """A line for the test; the SDK's dots stay apart."""
    print("\nSAID", *words)


def model(factor: float) -> Model:
    code = SCRIPT.replace("FACTOR", str(factor)).encode()
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        info = tarfile.TarInfo("code/inference.py")
        info.size = len(code)
        tar.addfile(info, io.BytesIO(code))
    boto3.client("s3").put_object(Bucket=bucket, Key=f"components-v2/{factor}.tar.gz", Body=packed.getvalue())
    return Model(
        image_uri=IMAGE,
        model_data=f"s3://{bucket}/components-v2/{factor}.tar.gz",
        role=role,
        env={"SAGEMAKER_PROGRAM": "inference.py", "SAGEMAKER_MODEL_SERVER_WORKERS": "1"},
        predictor_cls=Predictor,
        sagemaker_session=sdk,
        name=f"v2-component-{factor:g}",
    )


def deployed(factor: float, copies: int = 1) -> Predictor:
    return model(factor).deploy(
        initial_instance_count=1,
        instance_type="ml.m5.large",
        endpoint_name=ENDPOINT,
        endpoint_type=EndpointType.INFERENCE_COMPONENT_BASED,
        inference_component_name=f"v2-{factor:g}",
        resources=ResourceRequirements(
            requests={"num_cpus": 1, "memory": 512, "copies": copies}, limits={"memory": 2048}
        ),
        managed_instance_scaling={"MaxInstanceCount": 2},
        serializer=JSONSerializer(),
        deserializer=JSONDeserializer(),
    )


first, second = deployed(2.0), deployed(3.0, copies=2)
say("endpoint", sdk.is_inference_component_based_endpoint(ENDPOINT))
say("answers", first.predict([[1.0]]), second.predict([[1.0]]))
other = Predictor(ENDPOINT, sdk, JSONSerializer(), JSONDeserializer(), component_name="v2-3")
say("by name", other.predict([[2.0]]))
say("listed", sdk.list_and_paginate_inference_component_names_associated_with_endpoint(ENDPOINT))
first.update_predictor(resources=ResourceRequirements(requests={"memory": 256, "copies": 2}))
told = sdk.describe_inference_component("v2-2")
say("updated", told["RuntimeConfig"]["CurrentCopyCount"], told["Specification"]["ComputeResourceRequirements"])
say("answers", first.predict([[1.0]]))
first.delete_predictor(wait=True)
second.delete_predictor(wait=True)
say("left", sdk.list_and_paginate_inference_component_names_associated_with_endpoint(ENDPOINT))
second.delete_endpoint()
