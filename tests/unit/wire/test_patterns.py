"""The models' patterns: all compile, and none can be made to run for long."""

from __future__ import annotations

import time

import pytest

from sagewright.wire.models import SERVICES, service_model
from sagewright.wire.patterns import matcher


@pytest.mark.parametrize("service", SERVICES)
def test_every_pattern_of_every_service_compiles(service: str) -> None:
    shapes = service_model(service).shapes.described.values()
    patterns = {shape["pattern"] for shape in shapes if "pattern" in shape}
    assert all(callable(matcher(pattern)) for pattern in patterns)


@pytest.mark.parametrize("service", SERVICES)
def test_target_prefixes_are_the_models_own(service: str) -> None:
    assert service_model(service).metadata.get("targetPrefix", "") == SERVICES[service]


@pytest.mark.parametrize(
    ("pattern", "good", "bad"),
    [
        ("[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}", "my-job-1", "-my-job"),
        (r"([\p{L}\p{Z}\p{N}_.:\/=+\-@]*)${1,128}", "Schlüssel 1", "a#b"),
        (r"(?!\s*$).+", "x", "   "),
        (r"[\p{L}\p{M}\p{Z}\p{N}\p{P}]{0,1024}", "héllo, wörld", "a" * 1025),
        (r"[\u0009\u000A\u000D\u0020-\u007E\u00A1-\u00FF]*", "a\té", "€"),
    ],
)
def test_meaning(pattern: str, good: str, bad: str) -> None:
    assert matcher(pattern)(good)
    assert not matcher(pattern)(bad)


@pytest.mark.parametrize(
    ("pattern", "hostile"),
    [
        ("[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}", "a" + "-" * 5000 + "!"),
        (r"(?=.{1,256}$)(a+)+b", "a" * 200 + "c"),
        (r"(https|s3)://([^/]+)/?(.*)", "s3://" + "/" * 10000 + "\n"),
    ],
)
def test_hostile_input_ends_soon(pattern: str, hostile: str) -> None:
    start = time.process_time()
    assert not matcher(pattern)(hostile)
    assert time.process_time() - start < 2
