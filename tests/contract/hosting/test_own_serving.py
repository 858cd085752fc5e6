"""Custom containers behind endpoints: two on one port, their model data, their isolation, images that are nowhere."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError
from tests.hosting import BUCKET, Hosting, archive

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import Podman, RunningServer

SERVE = r"""#!/bin/sh
echo "serving with $(cat /opt/ml/model/weights)"
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
if [ "$path" = /ping ]; then status="200 OK"; body=""
elif [ "$path" = /invocations ]; then
  sent=$(busybox head -c "$length")
  status="200 OK"; body="$(cat /opt/ml/model/weights) $sent"
  if [ "$sent" = outside ]; then
    busybox wget -q -T 3 -O /dev/null "$AWS_ENDPOINT_URL/_sagewright/health" && body="reached" || body="alone"
  fi
else status="404 Not Found"; body=""; fi
printf 'HTTP/1.1 %s\r\nContent-Type: text/plain\r\nContent-Length: %s\r\nConnection: close\r\n\r\n%s' "$status" "${#body}" "$body"
"""


@pytest.fixture(scope="module")
def hosting(server: RunningServer) -> Iterator[Hosting]:
    with Hosting(server) as made:
        yield made


@pytest.fixture(scope="module")
def image(podman: Podman) -> str:
    tag = "localhost/team/serves:1"
    podman.build(tag, {"opt/ml/code/serve": SERVE, "bin/answer": ANSWER})
    return tag


def model(hosting: Hosting, name: str, image: str, *, isolated: bool = False) -> str:
    hosting.s3.put_object(Bucket=BUCKET, Key=f"{name}.tar.gz", Body=archive({"weights": name}))
    container = {"Image": image, "ModelDataUrl": f"s3://{BUCKET}/{name}.tar.gz"}
    hosting.create_model(name, PrimaryContainer=container, EnableNetworkIsolation=isolated)
    return name


def test_two_containers_that_listen_on_one_port(hosting: Hosting, image: str) -> None:
    variants = [hosting.variant(name, model(hosting, f"own-{name}", image)) for name in ("a", "b")]
    hosting.endpoint("own", *variants)
    assert hosting.ask("own", TargetVariant="a") == "own-a x"
    assert hosting.ask("own", TargetVariant="b") == "own-b x"
    assert hosting.ask("own", "outside", TargetVariant="a") == "reached"
    assert hosting.says("own", "serving with own-a"), hosting.lines("own")
    hosting.sagemaker.delete_endpoint(EndpointName="own")
    until = time.monotonic() + 60
    while hosting.sagemaker.list_endpoints(NameContains="own")["Endpoints"] and time.monotonic() < until:
        time.sleep(0.1)
    assert not hosting.sagemaker.list_endpoints(NameContains="own")["Endpoints"]


def test_an_isolated_container_reaches_nothing(hosting: Hosting, image: str) -> None:
    hosting.endpoint("apart", hosting.variant("v", model(hosting, "apart", image, isolated=True)))
    assert hosting.ask("apart") == "apart x"
    assert hosting.ask("apart", "outside") == "alone"


def test_model_data_that_is_no_archive(hosting: Hosting, image: str) -> None:
    hosting.s3.put_object(Bucket=BUCKET, Key="broken.tar.gz", Body=b"not a tar")
    container = {"Image": image, "ModelDataUrl": f"s3://{BUCKET}/broken.tar.gz"}
    hosting.create_model("broken", PrimaryContainer=container)
    hosting.config("broken-config", hosting.variant("v", "broken"))
    hosting.sagemaker.create_endpoint(EndpointName="broken", EndpointConfigName="broken-config")
    reason = hosting.settled("broken", "Failed")["FailureReason"]
    assert reason.startswith(
        f'Failed to download model data for container "container_1" from URL: "s3://{BUCKET}/broken.tar.gz"'
    )


def test_an_endpoint_of_an_image_that_is_nowhere(hosting: Hosting) -> None:
    hosting.s3.put_object(Bucket=BUCKET, Key="nowhere.tar.gz", Body=archive({"weights": "x"}))
    container = {"Image": "localhost/no/such:image", "ModelDataUrl": f"s3://{BUCKET}/nowhere.tar.gz"}
    try:
        hosting.create_model("nowhere", PrimaryContainer=container)
    except ClientError as error:
        assert "not found" in error.response["Error"]["Message"]
        return
    hosting.config("nowhere-config", hosting.variant("v", "nowhere"))
    hosting.sagemaker.create_endpoint(EndpointName="nowhere", EndpointConfigName="nowhere-config")
    assert "localhost/no/such:image" in hosting.settled("nowhere", "Failed")["FailureReason"]
