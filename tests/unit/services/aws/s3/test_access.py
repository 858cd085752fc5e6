"""Actions of policies and the operations they stand for."""

from __future__ import annotations

from sagewright.services import registry
from sagewright.services.aws.s3.access import ACTIONS, NEVER_DENIED, OF_VERSIONS, Act


def test_every_name_is_an_operation_that_is_served() -> None:
    served = {name for service, name in registry.load() if service == "s3"}
    assert set(ACTIONS) <= served
    assert served >= NEVER_DENIED
    assert served >= OF_VERSIONS


def test_resources() -> None:
    assert Act("ListBucket", "b").resource == "arn:aws:s3:::b"
    assert Act("GetObject", "b", "k/x").resource == "arn:aws:s3:::b/k/x"
