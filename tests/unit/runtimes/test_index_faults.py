"""Sentences about package indexes that cannot be reached, from output as uv prints it."""

from __future__ import annotations

import pytest

from sagewright.runtimes.index_faults import index_fault

REFUSED = """Using CPython 3.11.7 interpreter at: .venv/bin/python
error: Request failed after 3 retries in 12.9s
  cause: Failed to fetch: http://user:secret@127.0.0.1:9/simple/pip/?token=secret
  cause: error sending request for url (http://user:secret@127.0.0.1:9/simple/pip/?token=secret)
  cause: client error (Connect)
  cause: tcp connect error
  cause: Connection refused (os error 111)
"""
CERTIFICATE = """error: Failed to install seed packages into virtual environment
  cause: No solution found when resolving: `pip`
  cause: Failed to fetch: https://pypi.org/simple/pip/
  cause: error sending request for url (https://pypi.org/simple/pip/)
  cause: client error (Connect)
  cause: invalid peer certificate: UnknownIssuer
"""
OLD = """error: Failed to fetch: `https://pypi.org/simple/numpy/`
  Caused by: Request failed after 3 retries
  Caused by: error sending request for url (https://pypi.org/simple/numpy/)
  Caused by: operation timed out
"""
FORBIDDEN = """error: Failed to fetch: `https://me:secret@index.example/simple/numpy/`
  Caused by: HTTP status client error (403 Forbidden) for url (https://me:secret@index.example/simple/numpy/)
"""
REMEDY = (
    "Check the machine's network, or name another index by `index-url` in pip's configuration or PIP_INDEX_URL; "
    "a later job tries again."
)


@pytest.mark.parametrize(
    ("output", "where", "cause", "remedy"),
    [
        (REFUSED, "http://127.0.0.1:9/simple/pip/", "Connection refused (os error 111)", REMEDY),
        (OLD, "https://pypi.org/simple/numpy/", "operation timed out", REMEDY),
        (
            CERTIFICATE,
            "https://pypi.org/simple/pip/",
            "invalid peer certificate: UnknownIssuer",
            "Name the authority's certificates by `cert` in pip's configuration or by SSL_CERT_FILE, and restart the server.",
        ),
        (
            FORBIDDEN,
            "https://index.example/simple/numpy/",
            "HTTP status client error (403 Forbidden)",
            "Check the index and its credentials in pip's configuration or PIP_INDEX_URL; a later job tries again.",
        ),
    ],
)
def test_index_cause_and_remedy_are_named(output: str, where: str, cause: str, remedy: str) -> None:
    assert index_fault(output) == f"The package index at {where} cannot be reached: {cause}. {remedy}"


@pytest.mark.parametrize("output", [REFUSED, FORBIDDEN])
def test_no_credentials_are_shown(output: str) -> None:
    assert "secret" not in index_fault(output)


def test_other_failures_are_left_as_they_are() -> None:
    assert index_fault("error: No solution found when resolving dependencies\n  cause: Because pip was not found") == ""
    assert index_fault("Failed to fetch: `https://pypi.org/x`\n  Caused by: the archive is damaged") == ""
    assert index_fault("Failed to fetch: `http://[`\n  Caused by: Connection refused").startswith(
        "The package index at an unreadable URL"
    )
