"""A session for S3 alone makes the clients that botocore's own makes."""

from __future__ import annotations

from typing import Any

import botocore.session
import pytest

from sagewright.model.aws.s3_clients import s3_session

REGIONS = ["us-east-1", "eu-central-1", "cn-north-1", "us-gov-west-1", "nowhere-1"]


def _client(session: botocore.session.Session, region: str, endpoint: str | None) -> Any:
    return session.create_client(
        "s3", region_name=region, endpoint_url=endpoint, aws_access_key_id="id", aws_secret_access_key="secret"
    )


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("endpoint", [None, "http://127.0.0.1:4700"])
def test_clients_know_the_same_and_send_to_the_same(region: str, endpoint: str | None) -> None:
    ours = _client(s3_session(), region, endpoint)
    theirs = _client(botocore.session.Session(), region, endpoint)
    assert ours.meta.endpoint_url == theirs.meta.endpoint_url
    assert ours.meta.partition == theirs.meta.partition
    assert ours.meta.service_model.operation_names == theirs.meta.service_model.operation_names
    asked = {"Params": {"Bucket": "bucket", "Key": "a/b"}, "ExpiresIn": 60}
    urls = [one.generate_presigned_url("get_object", **asked).partition("?")[0] for one in (ours, theirs)]
    assert urls[0] == urls[1]


def test_other_services_have_no_endpoints() -> None:
    partitions = s3_session().get_component("data_loader").load_data("endpoints")["partitions"]
    assert {name for one in partitions for name in one["services"]} == {"s3"}
