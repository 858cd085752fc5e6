"""Old images that serve without a script, and what of hosting is refused with its reason."""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError
from tests.conftest import ROLE
from tests.hosting import BUCKET, Hosting, archive

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import RunningServer

DLC = "763104351884.dkr.ecr.us-east-1.amazonaws.com"
SKLEARN = "683313688378.dkr.ecr.us-east-1.amazonaws.com"
MXNET = """
import json, mxnet as mx
net = mx.sym.FullyConnected(mx.sym.Variable("data"), num_hidden=2, name="fc")
module = mx.mod.Module(net, label_names=None)
module.bind([("data", (1, 3))], for_training=False)
module.init_params()
module.set_params({"fc_weight": mx.nd.array([[1, 0, 0], [0, 1, 1]]), "fc_bias": mx.nd.zeros(2)}, {})
module.save_checkpoint("/opt/ml/model/model", 0)
json.dump([{"name": "data", "shape": [1, 3]}], open("/opt/ml/model/model-shapes.json", "w"))
"""


@pytest.fixture(scope="module")
def hosting(server: RunningServer) -> Iterator[Hosting]:
    with Hosting(server) as made:
        yield made


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="no MXNet for this Python")
def test_an_mxnet_model_serves_and_transforms_without_a_script(
    server: RunningServer, hosting: Hosting, job_name: str
) -> None:
    hosting.s3.put_object(Bucket=BUCKET, Key="mxnet/source.tar.gz", Body=archive({"train.py": MXNET}))
    hosting.sagemaker.create_training_job(
        TrainingJobName=job_name,
        AlgorithmSpecification={"TrainingImage": f"{DLC}/mxnet-training:1.9.0-cpu-py38", "TrainingInputMode": "File"},
        RoleArn=ROLE,
        OutputDataConfig={"S3OutputPath": f"s3://{BUCKET}/mxnet/models"},
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        StoppingCondition={"MaxRuntimeInSeconds": 300},
        HyperParameters={
            "sagemaker_program": '"train.py"',
            "sagemaker_submit_directory": f'"s3://{BUCKET}/mxnet/source.tar.gz"',
        },
    )
    job = server.wait(job_name)
    assert job["TrainingJobStatus"] == "Completed", (job["FailureReason"], server.lines(job_name))
    data = job["ModelArtifacts"]["S3ModelArtifacts"]
    container = {"Image": f"{DLC}/mxnet-inference:1.9.0-cpu-py38", "ModelDataUrl": data}
    hosting.create_model("mxnet", ExecutionRoleArn=ROLE, PrimaryContainer=container)
    hosting.s3.put_object(Bucket=BUCKET, Key="mxnet/rows/a.csv", Body=b"1,2,3\n0,-1,0.5\n")
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/mxnet/rows/"}}
    hosting.sagemaker.create_transform_job(
        TransformJobName=job_name,
        ModelName="mxnet",
        TransformInput={"DataSource": source, "ContentType": "text/csv"},
        TransformOutput={"S3OutputPath": f"s3://{BUCKET}/mxnet/out", "Accept": "application/json"},
        TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 1},
    )
    hosting.endpoint("mxnet", hosting.variant("only", "mxnet"))
    answer = hosting.runtime.invoke_endpoint(EndpointName="mxnet", Body=b"[[1, 2, 3]]", ContentType="application/json")
    assert json.loads(answer["Body"].read()) == [[1.0, 5.0]]
    with pytest.raises(ClientError, match="are not of the model's"):
        hosting.runtime.invoke_endpoint(EndpointName="mxnet", Body=b"[[1, 2]]", ContentType="application/json")
    until = time.monotonic() + 120
    while (described := hosting.sagemaker.describe_transform_job(TransformJobName=job_name))[
        "TransformJobStatus"
    ] == "InProgress":
        assert time.monotonic() < until
        time.sleep(0.1)
    assert described["TransformJobStatus"] == "Completed", described["FailureReason"]
    done = hosting.s3.get_object(Bucket=BUCKET, Key="mxnet/out/a.csv.out")["Body"].read()
    assert json.loads(done) == [[1.0, 5.0], [0.0, -0.5]]


OLD_JOBLIB = """
    import os
    from sklearn.externals import joblib
    from sklearn.preprocessing.data import StandardScaler
    def model_fn(directory):
        joblib.dump(StandardScaler().fit([[0.0], [2.0]]), "/tmp/scaler")
        return joblib.load("/tmp/scaler")
    def predict_fn(rows, model):
        return model.transform(rows.reshape(-1, 1))
"""


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="no release of scikit-learn 1.1 for this Python")
def test_a_script_of_an_old_image_of_scikit_learn_serves(hosting: Hosting, job_name: str) -> None:
    hosting.model("scaler", OLD_JOBLIB, Image=f"{SKLEARN}/sagemaker-scikit-learn:0.23-1-cpu-py3")
    hosting.endpoint(job_name, hosting.variant("only", "scaler"))
    answer = hosting.runtime.invoke_endpoint(EndpointName=job_name, Body=b"[3.0]", ContentType="application/json")
    assert json.loads(answer["Body"].read()) == [[2.0]]


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        ("246618743249.dkr.ecr.us-west-2.amazonaws.com/sagemaker-sparkml-serving:3.3", "MLeap is not available"),
        (f"{DLC}/vllm:0.25.1", "vLLM is a separate server"),
    ],
)
def test_an_endpoint_of_what_is_not_built_fails_with_its_reason(
    hosting: Hosting, job_name: str, image: str, reason: str
) -> None:
    hosting.create_model(job_name, ExecutionRoleArn=ROLE, PrimaryContainer={"Image": image})
    hosting.config(job_name, hosting.variant("only", job_name))
    hosting.sagemaker.create_endpoint(EndpointName=job_name, EndpointConfigName=job_name)
    assert reason in hosting.settled(job_name, "Failed")["FailureReason"]


def test_what_an_endpoint_uses_can_be_deleted(hosting: Hosting, job_name: str) -> None:
    """SDK v2's `Predictor.delete_endpoint` and `delete_model` delete the configuration and the models first."""
    hosting.model("used")
    assert hosting.sagemaker.describe_model(ModelName="used")["DeploymentRecommendation"] == {
        "RecommendationStatus": "NOT_APPLICABLE"
    }
    hosting.endpoint(job_name, hosting.variant("only", "used"))
    hosting.sagemaker.update_endpoint(EndpointName=job_name, EndpointConfigName=f"{job_name}-config")
    assert hosting.settled(job_name)["EndpointConfigName"] == f"{job_name}-config"
    hosting.sagemaker.delete_endpoint_config(EndpointConfigName=f"{job_name}-config")
    hosting.sagemaker.delete_model(ModelName="used")
    answer = hosting.runtime.invoke_endpoint(EndpointName=job_name, Body=b"still", ContentType="text/plain")
    assert answer["Body"].read() == b"used still"
    with pytest.raises(ClientError, match="Could not find endpoint configuration"):
        hosting.sagemaker.update_endpoint(EndpointName=job_name, EndpointConfigName=f"{job_name}-config")
