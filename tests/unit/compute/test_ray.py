"""The parts of the backend ray that need no Ray."""

from __future__ import annotations

from pathlib import Path

import pytest

from sagewright.compute.backend import BackendUnreachable, NoBackend
from sagewright.compute.orders import endpoint_base
from sagewright.compute.ray.broker import Broker, check_reachable
from sagewright.compute.sites import open_site
from sagewright.model.settings import BadSetting, load_settings


@pytest.mark.parametrize(
    ("host", "nodes", "expected"),
    [
        ("127.0.0.1", ["127.0.0.2", "127.0.0.3"], "http://127.0.0.1:{port}"),
        ("10.1.2.3", ["10.1.2.4"], "http://10.1.2.3:{port}"),
        ("server.example", ["10.1.2.4"], "http://server.example:{port}"),
        ("fd00::7", ["fd00::8"], "http://[fd00::7]:{port}"),
        ("0.0.0.0", ["127.0.0.1"], "http://127.0.0.1:{port}"),
    ],
)
def test_where_nodes_reach_the_server(host: str, nodes: list[str], expected: str) -> None:
    assert endpoint_base(load_settings({"host": host}, {}), nodes, "Ray cluster") == expected


def test_an_endpoint_that_is_set_is_told_as_it_is() -> None:
    settings = load_settings({"hosts_endpoint": "https://sagewright.example/"}, {})
    assert endpoint_base(settings, ["10.1.2.4"], "Ray cluster") == "https://sagewright.example"


def test_an_endpoint_that_is_no_url() -> None:
    with pytest.raises(BadSetting, match=r"hosts_endpoint: 'sagewright\.example' must be http"):
        load_settings({"hosts_endpoint": "sagewright.example"}, {})


def test_a_server_on_loopback_is_out_of_reach_for_other_machines() -> None:
    with pytest.raises(NoBackend, match=r"listens on 127\.0\.0\.1: give --host"):
        endpoint_base(load_settings({}, {}), ["127.0.0.1", "10.1.2.4"], "Ray cluster")


@pytest.mark.parametrize("address", ["", "somewhere", "ray://somewhere", "ray://somewhere:port"])
def test_an_address_that_is_none(address: str) -> None:
    with pytest.raises(NoBackend, match="must be ray://HOST:PORT"):
        check_reachable(address)


def test_nobody_listens() -> None:
    with pytest.raises(NoBackend, match=r"No Ray cluster can be reached at ray://127\.0\.0\.1:1: "):
        check_reachable("ray://127.0.0.1:1")


def test_a_broker_without_a_connection_says_so(tmp_path: Path) -> None:
    broker = Broker("ray://127.0.0.1:1", tmp_path / "log")
    with pytest.raises(BackendUnreachable, match=r"ray://127\.0\.0\.1:1 does not answer"):
        broker.ask("machines")
    broker.close()


def test_without_ray_the_backend_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    settings = load_settings({"data": tmp_path, "backend": "ray", "ray_address": "ray://127.0.0.1:1"}, {})
    with pytest.raises(NoBackend, match=r"pip install 'sagewright\[ray\]'"):
        open_site(settings)
