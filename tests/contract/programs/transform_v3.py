"""A user's program on SDK v3: a Transformer of a model that a client of the service has made."""

import io
import sys
import tarfile

import boto3
from sagemaker.core.helper.session_helper import Session, get_execution_role
from sagemaker.core.transformer import Transformer

session = Session()
bucket, role = session.default_bucket(), get_execution_role()
s3, sagemaker = boto3.client("s3"), boto3.client("sagemaker")
script = b"def model_fn(d):\n    return 2\ndef predict_fn(data, model):\n    return data * model\n"
packed = io.BytesIO()
with tarfile.open(fileobj=packed, mode="w:gz") as tar:
    info = tarfile.TarInfo("code/inference.py")
    info.size = len(script)
    tar.addfile(info, io.BytesIO(script))
s3.put_object(Bucket=bucket, Key="transform-v3/model.tar.gz", Body=packed.getvalue())
s3.put_object(Bucket=bucket, Key="transform-v3/in/x.csv", Body="1,2\n3,4\n")
container = {
    "Image": "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3",
    "ModelDataUrl": f"s3://{bucket}/transform-v3/model.tar.gz",
}
sagemaker.create_model(ModelName="transform-v3", ExecutionRoleArn=role, PrimaryContainer=container)
transformer = Transformer(
    model_name="transform-v3",
    instance_count=1,
    instance_type="ml.m5.large",
    strategy="SingleRecord",
    assemble_with="Line",
    accept="application/json",
    output_path=f"s3://{bucket}/transform-v3/out",
    sagemaker_session=session,
)
transformer.transform(f"s3://{bucket}/transform-v3/in", content_type="text/csv", split_type="Line", wait=True)
body = s3.get_object(Bucket=bucket, Key="transform-v3/out/x.csv.out")["Body"].read().decode()
print("v3:", body.split("\n"), sys.version_info.major)
