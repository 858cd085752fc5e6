"""Host names of notebooks, and which requests belong to them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagewright.model.notebooks.origins import APP, INSTANCE, NotebookHosts, label_of

HOSTS = NotebookHosts("studio.example.org")


@pytest.mark.parametrize(
    ("kind", "name", "plain", "begins"),
    [
        (APP, "anna", True, "lab-anna"),
        (INSTANCE, "old-notebook", True, "nb-old-notebook"),
        (APP, "anna", False, "lab-anna--"),
        (APP, "a--b", True, "lab-a-b--"),
        (APP, "Anna", True, "lab-anna--"),
        (APP, "x" * 60, True, "lab-xxxx"),
        (APP, "ünïcode", True, "lab-n-code--"),
        (APP, "---", True, "lab--"),
    ],
)
def test_labels(kind: str, name: str, plain: bool, begins: str) -> None:
    label = label_of(kind, name, "key", plain=plain)
    assert label.startswith(begins)
    assert label_of(kind, name, "key", plain=plain) == label
    assert ("--" in label) == (begins != label)


@given(st.text(min_size=1, max_size=80), st.text(max_size=40), st.booleans())
def test_every_label_is_a_dns_label_of_a_notebook(name: str, key: str, plain: bool) -> None:
    label = label_of(APP, name, key, plain=plain)
    assert re.fullmatch(r"[a-z0-9-]{1,63}", label)
    assert not label.endswith("-")
    assert HOSTS.label(f"{label}.localhost:4700") == label


def test_names_of_one_stem_have_labels_of_their_own() -> None:
    assert label_of(APP, "a b", "1") != label_of(APP, "a_b", "2")
    assert label_of(APP, "a-b", "1") != label_of(APP, "a b", "1")


@pytest.mark.parametrize(
    ("host", "label"),
    [
        ("lab-anna.localhost:4700", "lab-anna"),
        ("LAB-Anna.LocalHost", "lab-anna"),
        ("lab-anna.localhost.", "lab-anna"),
        ("nb-x.studio.example.org", "nb-x"),
        ("lab-anna.evil.example", ""),
        ("lab-anna", ""),
        ("lab-.localhost", ""),
        ("x.lab-anna.localhost", ""),
        ("localhost:4700", ""),
        ("127.0.0.1", ""),
        ("lab-anna.localhost.evil.example", ""),
        ("labor.localhost", ""),
        ("", ""),
    ],
)
def test_hosts(host: str, label: str) -> None:
    assert HOSTS.label(host) == label


def test_names_below_a_notebooks_host_are_covered() -> None:
    assert HOSTS.covers("a.b.lab-anna.localhost:1")
    assert HOSTS.covers("lab-anna.localhost")
    assert not HOSTS.covers("studio.localhost")
    assert not NotebookHosts().covers("lab-anna.studio.example.org")


@pytest.mark.parametrize(
    ("head", "names"),
    [
        (b"GET / HTTP/1.1\r\nHost: lab-anna.localhost", True),
        (b"GET / HTTP/1.1\r\nhOsT:\tlab-anna.localhost:1\r\nCookie: a", True),
        (b"GET / HTTP/1.1\r\nHost: localhost", False),
        (b"GET /\r\nX: Host: lab-anna.localhost", False),
        (b"GET / HTTP/1.1\r\nHost: lab-anna.localhost\r\nAuthorization: AWS4-HMAC-SHA256 Credential=x", False),
        (b"GET / HTTP/1.1\r\nHost: lab-anna.localhost\r\nAuthorization: token x", True),
        (b"GET /a?X-Amz-Signature=x HTTP/1.1\r\nHost: lab-anna.localhost", False),
        (b"GET / HTTP/1.1\r\nHost: lab-anna.localhost\r\nReferer: /a?X-Amz-Signature=x", True),
    ],
)
def test_heads(head: bytes, names: bool) -> None:
    assert HOSTS.names(head) is names


def test_origins_are_local_for_local_clients() -> None:
    assert HOSTS.origin("lab-a", "http://127.0.0.1:4700") == "http://lab-a.localhost:4700"
    assert HOSTS.origin("lab-a", "https://studio.example.org", local=False) == "https://lab-a.studio.example.org"
    assert NotebookHosts().origin("lab-a", "http://10.0.0.1:80/x", local=False) == "http://lab-a.localhost:80"
