"""A user's program on SDK v2: models of scripts deployed, asked, updated, compared, captured, registered and deleted."""

import io
import sys
import tarfile
import time
from pathlib import Path

import boto3
import numpy as np
from botocore.exceptions import ClientError
from sagemaker import ModelPackage, Session, get_execution_role, session
from sagemaker.async_inference import AsyncInferenceConfig, WaiterConfig
from sagemaker.deserializers import CSVDeserializer, JSONDeserializer, NumpyDeserializer, StringDeserializer
from sagemaker.exceptions import AsyncInferenceModelError, UnexpectedStatusException
from sagemaker.model_monitor import DataCaptureConfig
from sagemaker.multidatamodel import MultiDataModel
from sagemaker.pipeline import PipelineModel
from sagemaker.predictor import Predictor
from sagemaker.serializers import CSVSerializer, JSONSerializer, NumpySerializer
from sagemaker.serverless import ServerlessInferenceConfig
from sagemaker.sklearn.model import SKLearnModel

what, place = sys.argv[1], Path(sys.argv[2])
sdk = Session()
bucket, role = sdk.default_bucket(), get_execution_role()
s3, client = boto3.client("s3"), boto3.client("sagemaker")
INSTANCE = {"initial_instance_count": 1, "instance_type": "ml.m5.large"}
SCRIPT = """
import os
import numpy as np
from factors import ONE

def model_fn(model_dir):
    with open(os.path.join(model_dir, "factor")) as file:
        return float(file.read()) * ONE

def predict_fn(data, model, context):
    seen = context.get_request_header(0, "X-Amzn-SageMaker-Custom-Attributes")
    if seen:
        context.set_response_header(0, "X-Amzn-SageMaker-Custom-Attributes", seen + ";model=" + str(model))
    if np.isnan(np.asarray(data, float)).any():
        raise ValueError("not a number")
    return np.asarray(data) * model
"""
(place / "code").mkdir(exist_ok=True)
(place / "code" / "serve.py").write_text(SCRIPT)
(place / "code" / "factors.py").write_text("ONE = 1.0\n")


def say(*words: object) -> None:
    """A line for the test; the SDK's dots stay apart."""
    print("\nSAID", *words)


def weights(factor: float) -> str:
    """The archive of a model, without its code."""
    packed = io.BytesIO()
    text = str(factor).encode()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        info = tarfile.TarInfo("factor")
        info.size = len(text)
        tar.addfile(info, io.BytesIO(text))
    s3.put_object(Bucket=bucket, Key=f"hosting-v2/{factor}/model.tar.gz", Body=packed.getvalue())
    return f"s3://{bucket}/hosting-v2/{factor}/model.tar.gz"


def model(factor: float, **changes: object) -> SKLearnModel:
    settings = {
        "entry_point": "serve.py",
        "source_dir": str(place / "code"),
        "framework_version": "1.2-1",
        "role": role,
        "sagemaker_session": sdk,
    }
    return SKLearnModel(model_data=weights(factor), model_server_workers=1, **(settings | changes))


def factor_of(endpoint: str, **changes: object) -> tuple[float, dict[str, object]]:
    answer = boto3.client("sagemaker-runtime").invoke_endpoint(
        EndpointName=endpoint, Body="[[1]]", ContentType="application/json", **changes
    )
    return float(answer["Body"].read().strip(b"[]\n")), answer


def remove(predictor: Predictor) -> None:
    predictor.delete_model()
    predictor.delete_endpoint()


def script() -> None:
    predictor = model(2.0).deploy(**INSTANCE, endpoint_name="v2-script")
    rows = np.array([[1.0, 2.0], [3.0, 4.0]])
    for serializer, deserializer in (
        (JSONSerializer(), JSONDeserializer()),
        (CSVSerializer(), CSVDeserializer()),
        (NumpySerializer(), NumpyDeserializer()),
    ):
        predictor.serializer, predictor.deserializer = serializer, deserializer
        said = predictor.predict(rows)
        say(f"script: {serializer.content_type} {type(said).__name__} {np.asarray(said, float).tolist()}")
    found, answer = factor_of("v2-script", CustomAttributes="trace=7")
    say("script: attributes", found, answer["CustomAttributes"], answer["InvokedProductionVariant"])
    try:
        predictor.predict(np.array([np.nan]))
    except ClientError as error:
        say("script: refused", error.response["Error"]["Code"], error.response["OriginalStatusCode"])
    second = model(3.0)
    second.create(instance_type="ml.m5.large")
    predictor.update_endpoint(**INSTANCE, model_name=second.name)
    predictor.serializer, predictor.deserializer = JSONSerializer(), JSONDeserializer()
    say("script: updated", predictor.predict([[1.0]]))
    remove(predictor)
    client.get_waiter("endpoint_deleted").wait(EndpointName="v2-script")
    client.delete_endpoint_config(EndpointConfigName="v2-script")  # the SDK deletes the one of the update
    left = [each["EndpointName"] for each in client.list_endpoints(NameContains="v2-script")["Endpoints"]]
    configs = [
        each["EndpointConfigName"] for each in client.list_endpoint_configs(NameContains="v2-script")["EndpointConfigs"]
    ]
    say(
        "script: left",
        left,
        [each["ModelName"] for each in client.list_models(NameContains=second.name)["Models"]],
        configs,
    )


def variants() -> None:
    """70 to 30, with every request and answer kept."""
    made = [model(4.0), model(5.0)]
    for each in made:
        each.create(instance_type="ml.m5.large")
    capture = DataCaptureConfig(
        True,
        sampling_percentage=100,
        destination_s3_uri=f"s3://{bucket}/hosting-v2/captured",
        json_content_types=["application/json"],
    )
    sdk.endpoint_from_production_variants(
        "v2-variants",
        [
            session.production_variant(each.name, "ml.m5.large", 1, variant_name=name, initial_weight=weight)
            for each, name, weight in zip(made, ("a", "b"), (7, 3), strict=True)
        ],
        data_capture_config_dict=capture._to_request_dict(),
    )
    predictor = Predictor("v2-variants", sdk, JSONSerializer(), JSONDeserializer())
    asked = [predictor.predict([[1.0]])[0][0] for _ in range(100)]
    say("variants:", asked.count(4.0), asked.count(5.0))
    say("variants: named", predictor.predict([[1.0]], target_variant="b"))
    until, kept = time.monotonic() + 20, 0
    while kept < 101 and time.monotonic() < until:
        pages = s3.list_objects_v2(Bucket=bucket, Prefix="hosting-v2/captured/v2-variants/").get("Contents", [])
        bodies = [s3.get_object(Bucket=bucket, Key=each["Key"])["Body"].read() for each in pages]
        kept = sum(body.count(b"\n") for body in bodies)
        time.sleep(0.2)
    say("variants: kept", kept)
    predictor.disable_data_capture()
    say(
        "variants: captures", client.describe_endpoint(EndpointName="v2-variants")["DataCaptureConfig"]["EnableCapture"]
    )
    remove(predictor)


def rare() -> None:
    """Serverless and asynchronous inference."""
    predictor = model(6.0).deploy(
        serverless_inference_config=ServerlessInferenceConfig(memory_size_in_mb=2048, max_concurrency=2),
        endpoint_name="v2-serverless",
        serializer=JSONSerializer(),
        deserializer=JSONDeserializer(),
    )
    say("serverless:", predictor.predict([[1.0]]))
    remove(predictor)
    predictor = model(7.0).deploy(
        **INSTANCE,
        endpoint_name="v2-asynchronous",
        async_inference_config=AsyncInferenceConfig(
            output_path=f"s3://{bucket}/hosting-v2/later", failure_path=f"s3://{bucket}/hosting-v2/failed"
        ),
        serializer=JSONSerializer(),
        deserializer=JSONDeserializer(),
    )
    say("asynchronous:", predictor.predict([[1.0]]))
    later = predictor.predict_async([[2.0]])
    say("asynchronous: later", later.get_result(WaiterConfig(max_attempts=30, delay=1)))
    predictor.predictor.deserializer = StringDeserializer()  # what is written of a failure is text
    try:
        predictor.predict(["x"])
    except AsyncInferenceModelError as error:
        say("asynchronous: failed", "could not convert string to float" in str(error))
    remove(predictor)


def several() -> None:
    """A pipeline of two models, and many models behind one endpoint."""
    pipeline = PipelineModel([model(2.0), model(3.0)], role, sagemaker_session=sdk, predictor_cls=Predictor)
    predictor = pipeline.deploy(**INSTANCE, endpoint_name="v2-pipeline")
    predictor.serializer, predictor.deserializer = JSONSerializer(), JSONDeserializer()
    say("pipeline:", predictor.predict([[1.0]]))
    pipeline.delete_model()
    predictor.delete_endpoint()
    many = MultiDataModel("v2-many", f"s3://{bucket}/hosting-v2/many/", model=model(1.0), sagemaker_session=sdk)
    predictor = many.deploy(
        **INSTANCE, endpoint_name="v2-many", serializer=JSONSerializer(), deserializer=JSONDeserializer()
    )
    for factor in (8.0, 9.0):
        many.add_model(weights(factor), f"{factor}.tar.gz")
    say(
        "many:",
        sorted(many.list_models()),
        [predictor.predict([[1.0]], target_model=f"{each}.tar.gz") for each in (8.0, 9.0, 8.0)],
    )
    remove(predictor)


def registry() -> None:
    registered = model(10.0).register(
        content_types=["application/json"],
        response_types=["application/json"],
        inference_instances=["ml.m5.large"],
        transform_instances=["ml.m5.large"],
        model_package_group_name="v2-group",
        approval_status="PendingManualApproval",
    )
    client.update_model_package(ModelPackageArn=registered.model_package_arn, ModelApprovalStatus="Approved")
    package = ModelPackage(
        role, model_package_arn=registered.model_package_arn, sagemaker_session=sdk, predictor_cls=Predictor
    )
    predictor = package.deploy(
        **INSTANCE, endpoint_name="v2-package", serializer=JSONSerializer(), deserializer=JSONDeserializer()
    )
    say("registry:", predictor.predict([[1.0]]))
    remove(predictor)
    client.delete_model_package(ModelPackageName=registered.model_package_arn)
    client.delete_model_package_group(ModelPackageGroupName="v2-group")


def broken() -> None:
    """Error of deploy() for a model that can't be loaded."""
    (place / "code" / "serve.py").write_text("def model_fn(model_dir):\n    raise RuntimeError('no such weights')\n")
    try:
        model(1.0).deploy(**INSTANCE, endpoint_name="v2-broken")
    except UnexpectedStatusException as error:
        events = boto3.client("logs").filter_log_events(logGroupName="/aws/sagemaker/Endpoints/v2-broken")["events"]
        logged = any("no such weights" in each["message"] for each in events)
        say("broken:", error.actual_status, "did not pass the ping health check" in str(error), logged)
    sdk.delete_endpoint("v2-broken")


globals()[what]()
