"""A notebook on an origin of its own: signing in, what other origins can't do, and kernels through the proxy."""

from __future__ import annotations

import json
import signal
import time
from typing import TYPE_CHECKING

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from tests.contract.notebooks.conftest import Lab, run
from websockets.exceptions import ConnectionClosed, InvalidStatus

if TYPE_CHECKING:
    from collections.abc import Callable

TRAIN_V2 = """
import warnings; warnings.filterwarnings("ignore")
import logging; logging.disable(logging.CRITICAL)
import sagemaker
from sagemaker.estimator import Estimator
image = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
one = Estimator(image, sagemaker.get_execution_role(), 1, "ml.m5.large", container_entry_point=["/bin/true"],
                output_path=f"s3://{sagemaker.Session().default_bucket()}/out")
one.fit(logs=False)
print("status", one.latest_training_job.describe()["TrainingJobStatus"], sagemaker.__version__[0])
"""


@pytest.fixture(scope="module")
def signed_in(lab: Lab) -> Lab:
    return lab.stranger().signed_in()


def test_a_url_signs_in_once(lab: Lab) -> None:
    url, browser = lab.url(LandingUri="app:JupyterLab:lab/tree/a%20b.ipynb"), lab.stranger()
    status, headers, _ = browser.open(url)
    assert (status, headers["location"]) == (303, "/lab/tree/a%20b.ipynb")
    assert browser.ask("GET", "/api/status")[0] == 200
    status, headers, page = lab.stranger().open(url)
    assert status == 403
    assert b"has been used or has expired" in page
    assert "set-cookie" not in headers


def test_the_session_is_of_this_host_and_out_of_reach_of_scripts(lab: Lab) -> None:
    _, headers, _ = lab.stranger().open()
    cookie = headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "domain" not in cookie.lower()


@pytest.mark.parametrize("token", ["", "x", "ASIA.eyJ9.x", "x" * 5000])
def test_other_tokens_open_nothing(lab: Lab, token: str) -> None:
    assert lab.stranger().ask("GET", f"/_sagewright/open?token={token}")[0] == 403


def test_strangers_see_a_small_page_alone(lab: Lab) -> None:
    for path in ("/", "/lab", "/api/status", "/studio", "/_sagewright/health", "/v2/", "/endpoints/a/invocations"):
        status, headers, page = lab.stranger().ask("GET", path, Accept="text/html")
        assert status == 401, path
        assert b"Open this notebook from Studio" in page
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert json.loads(lab.stranger().ask("GET", "/api/status")[2])["message"].startswith("Open this notebook")


@pytest.mark.parametrize("host", ["lab-nobody.localhost", "nb-anna.localhost", "lab-anna--aaaaaaaaaa.localhost"])
def test_only_names_of_live_notebooks_are_answered(signed_in: Lab, host: str) -> None:
    status, _, body = signed_in.ask("GET", "/studio", Host=f"{host}:{signed_in.port}")
    assert (status, b"no notebook of this name" in body) == (404, True)


def test_studio_is_not_answered_below_a_notebooks_name(signed_in: Lab) -> None:
    status, _, body = signed_in.ask("GET", "/studio", Host=f"x.{signed_in.host}")
    assert (status, b"not one of this server" in body) == (421, True)


def test_a_notebooks_session_is_none_of_studios_or_of_another_notebook(signed_in: Lab) -> None:
    cookie = signed_in.cookies["sagewright-notebook"]
    assert signed_in.ask("GET", "/studio", Host=f"localhost:{signed_in.port}")[0] == 401
    forged = cookie.split(".")
    forged[2] = "f" * 32
    assert signed_in.ask("GET", "/api/status", Cookie=f"sagewright-notebook={'.'.join(forged)}")[0] == 401
    as_studio = f"sagewright-studio={cookie}"
    assert signed_in.ask("GET", "/studio", Host=f"localhost:{signed_in.port}", Cookie=as_studio)[0] == 401


def test_a_bucket_of_a_notebooks_name_is_reached_by_signed_requests(lab: Lab) -> None:
    s3 = lab.server.boto("s3")
    s3.create_bucket(Bucket="lab-anna")
    s3.put_object(Bucket="lab-anna", Key="page.html", Body=b"<script>", ContentType="text/html")
    virtual = lab.server.boto(
        "s3", config=Config(s3={"addressing_style": "virtual"}), endpoint_url=f"http://localhost:{lab.port}"
    )
    url = virtual.generate_presigned_url("get_object", Params={"Bucket": "lab-anna", "Key": "page.html"})
    path = url.removeprefix(f"http://{lab.host}")
    assert path.startswith("/page.html?")
    status, headers, body = lab.stranger().ask("GET", path, Accept="*/*")
    assert (status, body, headers["content-security-policy"]) == (200, b"<script>", "sandbox")
    assert lab.stranger().ask("GET", "/page.html")[0] == 401


def test_pages_of_other_origins_send_nothing(signed_in: Lab) -> None:
    for origin in (f"http://localhost:{signed_in.port}", f"http://lab-bob.localhost:{signed_in.port}", "null"):
        status, _, body = signed_in.ask("POST", "/api/kernels", b"{}", Origin=origin)
        assert (status, b"another origin" in body) == (403, True)
    assert signed_in.ask("GET", "/api/status", Sec_Fetch_Site="same-site", Sec_Fetch_Mode="cors")[0] == 403


def test_files_of_any_size_stream(signed_in: Lab) -> None:
    content = "y" * 30_000_000
    body = json.dumps({"type": "file", "format": "text", "content": content}).encode()
    assert signed_in.ask("PUT", "/api/contents/large.txt", body)[0] in {200, 201}
    status, headers, found = signed_in.ask("GET", "/files/large.txt")
    assert (status, len(found)) == (200, len(content))
    assert "sandbox" in headers["content-security-policy"]
    assert f"http://localhost:{signed_in.port}" in headers["content-security-policy"]
    status, headers, found = signed_in.ask("HEAD", "/files/large.txt")
    assert (status, found) == (200, b"") or status == 405
    assert signed_in.ask("DELETE", "/api/contents/large.txt")[0] == 204


@pytest.mark.parametrize("change", [lambda lab: {"origin": f"http://localhost:{lab.port}"}, lambda _lab: {"origin": None},
                                    lambda _lab: {"additional_headers": {}}])  # fmt: skip
def test_other_websockets_are_refused(signed_in: Lab, change: Callable[[Lab], dict[str, object]]) -> None:
    with pytest.raises(InvalidStatus) as refused:
        signed_in.channels(signed_in.kernel(), **change(signed_in))
    assert refused.value.response.status_code in {401, 403}


def test_a_kernel_trains_by_sdk_v2_through_the_proxy(signed_in: Lab) -> None:
    status, _, body = signed_in.ask("GET", "/api/kernelspecs")
    assert status == 200
    specs = json.loads(body)["kernelspecs"]
    v2 = next(name for name, spec in specs.items() if "v2" in spec["spec"]["display_name"])
    with signed_in.channels(signed_in.kernel(v2)) as socket:
        assert run(socket, TRAIN_V2, 240).strip().endswith("status Completed 2")


def test_a_job_in_a_notebook_signs_nobody_in(signed_in: Lab) -> None:
    with signed_in.channels(signed_in.kernel()) as socket:
        asked = f"DomainId={signed_in.domain!r}, UserProfileName='default', SpaceName={signed_in.space!r}"
        said = run(socket, f"import boto3; boto3.client('sagemaker').create_presigned_domain_url({asked})")
    assert "A job's credentials can't sign in" in said


def test_a_private_space_is_its_owners(lab: Lab) -> None:
    sagemaker = lab.server.boto("sagemaker")
    sagemaker.create_user_profile(DomainId=lab.domain, UserProfileName="bob")
    with pytest.raises(ClientError, match="only its owner, the user profile default"):
        lab.url(UserProfileName="bob")


def test_a_stopped_space_is_opened_by_studio(lab: Lab) -> None:
    sagemaker = lab.server.boto("sagemaker")
    sagemaker.create_space(DomainId=lab.domain, SpaceName="resting")
    url = lab.url(SpaceName="resting", LandingUri="app:JupyterLab:lab/tree/x.ipynb")
    assert url.startswith(f"{lab.server.endpoint}/studio/auth?token=")
    status, headers, _ = lab.stranger().ask("GET", url.removeprefix(lab.server.endpoint), Host=f"127.0.0.1:{lab.port}")
    assert status == 303
    assert headers["location"].startswith("/studio/notebooks/opening?")


def test_a_session_ends_at_sign_out(lab: Lab) -> None:
    browser = lab.stranger().signed_in()
    kept = dict(browser.cookies)
    assert browser.ask("POST", "/_sagewright/sign-out", b"", Origin=f"http://{browser.host}")[0] == 204
    browser.cookies = kept
    assert browser.ask("GET", "/api/status")[0] == 401


def test_a_notebook_goes_on_while_the_server_is_away(lab: Lab) -> None:
    browser = lab.stranger().signed_in()
    with browser.channels(browser.kernel()) as socket:
        assert run(socket, "x = 41; print(x)") == "41\n"
        lab.server.end(signal.SIGKILL)
        assert run(socket, "print(x + 1)") == "42\n"
        assert browser.ask("GET", "/api/status")[0] == 200
        assert browser.open(f"http://{browser.host}/_sagewright/open?token=x")[0] == 503
        lab.server.start()
        assert run(socket, "print(x + 2)") == "43\n"
    assert browser.ask("GET", "/api/status")[0] == 200
    assert lab.stranger().signed_in().ask("GET", "/api/status")[0] == 200


def test_an_expired_url_is_refused(lab: Lab) -> None:
    url = lab.url(ExpiresInSeconds=5)
    time.sleep(5.5)
    assert lab.stranger().open(url)[0] == 403


def test_tunnels_and_sessions_end_with_the_app(lab: Lab) -> None:
    """The last test: it stops the app."""
    browser = lab.stranger().signed_in()
    with browser.channels(browser.kernel()) as socket:
        lab.server.boto("sagemaker").delete_app(**lab.app)
        with pytest.raises(ConnectionClosed):
            while True:
                socket.recv(timeout=30)
    assert browser.ask("GET", "/api/status")[0] in {404, 409}
