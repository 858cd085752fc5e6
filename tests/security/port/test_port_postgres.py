"""Where the store is across a network, keys are looked up in threads: strangers wait there, and nobody waits for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.security.port.conftest import BUCKET, Meanwhile, Siege
from tests.security.port.test_port_bodies import (
    a_form_whose_fields_do_not_end,
    bodies_that_stop,
    nobody_is_told_to_go_on,
)
from tests.security.port.test_port_floods import FLOODS


@pytest.fixture(scope="module")
def besieged(postgres: Any, server_with: Callable[..., Any]) -> Iterator[Siege]:
    running = server_with(
        SAGEWRIGHT_DATABASE=postgres.new_database(), SAGEWRIGHT_HEADER_TIMEOUT_S="2", SAGEWRIGHT_BODY_IDLE_S="2"
    )
    running.boto("s3").create_bucket(Bucket=BUCKET)
    place = urlsplit(running.endpoint)
    siege = Siege(running, (place.hostname or "", place.port or 0))
    yield siege
    siege.close()
    assert "Traceback" not in running.log(), running.log()[-5000:]


@pytest.mark.sampled(2)
@pytest.mark.parametrize(
    "attempt",
    [FLOODS["of an unknown key"], bodies_that_stop, a_form_whose_fields_do_not_end, nobody_is_told_to_go_on],
    ids=["of an unknown key", "bodies_that_stop", "a_form_whose_fields_do_not_end", "nobody_is_told_to_go_on"],
)
def test_somebody_without_a_key_sends(besieged: Siege, attempt: Callable[[Siege], None]) -> None:
    with Meanwhile(besieged):
        attempt(besieged)
