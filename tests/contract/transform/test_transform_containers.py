"""Batch transform by a custom container: a server that closes each connection, and has nothing to say about itself."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from tests.hosting import BUCKET, Hosting, archive

if TYPE_CHECKING:
    from conftest import Podman, RunningServer

SERVE = r"""#!/bin/sh
trap 'exit 0' TERM
busybox nc -ll -p 8080 -e /bin/answer &
wait
"""
ANSWER = r"""#!/bin/sh
read -r method path rest
length=0
while read -r line; do
  line=$(printf '%s' "$line" | busybox tr -d '\r')
  [ -z "$line" ] && break
  case "$line" in [Cc]ontent-[Ll]ength:*) length=${line#*: } ;; esac
done
status="200 OK"; body=""
if [ "$path" = /invocations ]; then
  sent=$(busybox head -c "$length")
  body="$(cat /opt/ml/model/weights) $sent $SAGEMAKER_BATCH"
  [ "$sent" = bad ] && status="400 Bad Request" && body="not this one"
elif [ "$path" != /ping ]; then status="404 Not Found"; fi
printf 'HTTP/1.1 %s\r\nContent-Type: text/plain\r\nContent-Length: %s\r\nConnection: close\r\n\r\n%s' "$status" "${#body}" "$body"
"""


def test_objects_through_a_custom_container(server: RunningServer, podman: Podman) -> None:
    image = "localhost/team/transforms:1"
    podman.build(image, {"opt/ml/code/serve": SERVE, "bin/answer": ANSWER})
    hosting = Hosting(server)
    hosting.s3.put_object(Bucket=BUCKET, Key="own-transform.tar.gz", Body=archive({"weights": "w"}))
    container = {"Image": image, "ModelDataUrl": f"s3://{BUCKET}/own-transform.tar.gz"}
    hosting.create_model("own-transform", PrimaryContainer=container)
    for key, body in (("a", "one\ntwo\n"), ("b", "bad\n")):
        hosting.s3.put_object(Bucket=BUCKET, Key=f"own-in/{key}", Body=body)
    data = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/own-in/"}}
    hosting.sagemaker.create_transform_job(
        TransformJobName="own-transform",
        ModelName="own-transform",
        BatchStrategy="SingleRecord",
        TransformInput={"DataSource": data, "ContentType": "text/plain", "SplitType": "Line"},
        TransformOutput={"S3OutputPath": f"s3://{BUCKET}/own-out", "AssembleWith": "Line"},
        TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 1},
    )
    described: dict[str, Any] = {}
    until = time.monotonic() + 120
    while described.get("TransformJobStatus", "InProgress") == "InProgress" and time.monotonic() < until:
        described = hosting.sagemaker.describe_transform_job(TransformJobName="own-transform")
        time.sleep(0.1)
    assert described["FailureReason"] == "ClientError: See job logs for more information"
    found = hosting.s3.list_objects_v2(Bucket=BUCKET, Prefix="own-out/")["Contents"]
    assert [one["Key"] for one in found] == ["own-out/a.out"]
    body = hosting.s3.get_object(Bucket=BUCKET, Key="own-out/a.out")["Body"].read()
    assert body == b"w one true\nw two true\n"
