"""Service models are read as botocore reads them, without its session."""

from __future__ import annotations

import botocore.session
import pytest
from botocore.loaders import Loader

from sagewright.model.aws import service_models
from sagewright.services.aws.s3.buckets import buckets
from sagewright.wire.models import SERVICES


@pytest.mark.parametrize("service", ["sagemaker", "s3", "lambda", "logs"])
def test_a_model_is_the_one_that_botocore_loads(service: str) -> None:
    assert service in SERVICES
    expected = Loader().load_service_model(service, "service-2")
    assert service_models.service_model(service)._service_description == expected


def test_buckets_can_be_in_the_regions_that_botocore_knows_for_s3() -> None:
    session = botocore.session.get_session()
    regions = {name for one in session.get_available_partitions() for name in session.get_available_regions("s3", one)}
    assert buckets._known_regions() == regions
