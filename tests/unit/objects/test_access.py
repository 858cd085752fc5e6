"""How another S3 is named in the settings, and that no message shows its keys."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sagewright.model.settings import BadSetting, load_settings
from sagewright.objects.access import Access, external_access


def read(**given: Any) -> Access | None:
    return external_access(load_settings(given, environ={}))


def test_the_embedded_store_is_the_default() -> None:
    assert read() is None


def test_keys_in_the_url() -> None:
    found = read(objects="s3://KEY:a%2Fb+c@storage:8333?tls=1&region=eu-west-1", objects_patience_s=7)
    assert found == Access("https://storage:8333", "eu-west-1", "KEY", "a/b+c", patience_s=7)
    assert "a/b+c" not in repr(found)


@pytest.mark.parametrize(
    ("url", "endpoint"),
    [
        ("s3://storage:8333", "http://storage:8333"),
        ("http://127.0.0.1:8333/", "http://127.0.0.1:8333"),
        ("https://storage", "https://storage"),
        ("s3://[::1]:8333", "http://[::1]:8333"),
    ],
)
def test_forms_of_the_address(url: str, endpoint: str) -> None:
    found = read(objects=url, objects_access_key="k", objects_secret_key="s", region="eu-north-1")
    assert found is not None
    assert (found.endpoint, found.region, found.access_key, found.secret_key) == (endpoint, "eu-north-1", "k", "s")


def test_keys_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text("[default]\naws_access_key_id = k\naws_secret_access_key = s%2F\n")
    found = read(objects="s3://storage:1", objects_credentials=str(file))
    assert found is not None
    assert (found.access_key, found.secret_key) == ("k", "s%2F")
    file.write_text("[other]\naws_access_key_id = k\n")
    with pytest.raises(BadSetting, match="aws_secret_access_key under"):
        read(objects="s3://storage:1", objects_credentials=str(file))
    with pytest.raises(BadSetting, match="must be a file"):
        read(objects="s3://storage:1", objects_credentials=str(tmp_path / "none"))


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("ftp://k:hidden@storage", "must be s3://"),
        ("storage:8333", "must be s3://"),
        ("s3://k:hidden@storage:port", "port"),
        ("s3://k:hidden@storage:1/bucket", "bucket"),
        ("s3://k:hidden@storage:1?ssl=1", "option ssl"),
        ("s3://storage:1", "needs keys"),
    ],
)
def test_what_cannot_be_is_refused_without_its_secret(url: str, words: str) -> None:
    with pytest.raises(BadSetting, match=words) as caught:
        read(objects=url)
    assert "hidden" not in str(caught.value)


def test_settings_shown_have_no_secret() -> None:
    settings = load_settings({"objects": "s3://k:hidden@storage:1", "objects_secret_key": "hidden"}, environ={})
    assert "hidden" not in repr(settings)
