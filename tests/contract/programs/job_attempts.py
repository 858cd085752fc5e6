"""A job's own code: it tries what its role does not grant, and prints what was not refused."""

import json
import os
import sys
from pathlib import Path

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

channel = Path("/opt/ml/input/data/train")
attempts = json.loads((channel / "attempts.json").read_text())
got = []
for service, operation, request in attempts:
    client = boto3.client(service, config=Config(retries={"max_attempts": 1}))
    try:
        getattr(client, operation)(**request)
        got.append(f"{service}:{operation} was allowed")
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code not in ("AccessDenied", "AccessDeniedException", "403"):
            got.append(f"{service}:{operation} ended with {code}: {error}")
print("attempts:", len(attempts), "not refused:", json.dumps(got))
sys.stdout.flush()
print("read:", (channel / "a.csv").read_text())
bucket = os.environ["BUCKET"]
boto3.client("s3").put_object(Bucket=bucket, Key="out/own.txt", Body=b"own")
print("who:", boto3.client("sts").get_caller_identity()["Arn"])
