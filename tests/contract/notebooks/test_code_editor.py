"""Apps of the type CodeEditor: their way through the proxy with a stand-in, and code-server itself where it is installed."""

from __future__ import annotations

import json
import os
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, sync_playwright
from tests.contract.notebooks.conftest import Lab
from tests.contract.notebooks.editor import STAND_IN
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from sagewright.engine.apps.activity import observe_activity
from sagewright.engine.apps.app_routes import routes_of
from sagewright.store.database import Database

if TYPE_CHECKING:
    from tests.conftest import RunningServer

CHROMIUM = ("/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome")
LANDING = "app:CodeEditor:"
START_S, WAIT_MS = 240, 60_000
SHOWN = Path("/usr/local/lib")
REAL = os.environ.get("SAGEWRIGHT_CODE_EDITOR") or shutil.which("code-server") or ""
"""A code-server of this machine."""
READ = """async (url) => {
  try { return (await (await fetch(url, {credentials: "include"})).text()).length; } catch (error) { return "refused"; }
}"""


class Editor(Lab):
    """The editor of a space, as a browser reaches it."""

    @property
    def app(self) -> dict[str, str]:
        return {"DomainId": self.domain, "SpaceName": self.space, "AppType": "CodeEditor", "AppName": "default"}

    @cached_property
    def host(self) -> str:  # type: ignore[override]
        return urlsplit(self.url(LandingUri=LANDING)).netloc

    def signed_in(self) -> Editor:
        status, headers, _ = self.open(self.url(LandingUri=LANDING))
        assert (status, headers["location"]) == (303, "/")
        return self


def started(running: RunningServer, space: str) -> Editor:
    """Makes a space and starts its editor."""
    sagemaker = running.boto("sagemaker")
    made = Editor(running, sagemaker.list_domains()["Domains"][0]["DomainId"], space)
    sagemaker.create_space(
        DomainId=made.domain, SpaceName=space, SpaceSettings={"AppType": "CodeEditor"},
        OwnershipSettings={"OwnerUserProfileName": "default"}, SpaceSharingSettings={"SharingType": "Private"},
    )  # fmt: skip
    sagemaker.create_app(**made.app)
    return made


def in_service(made: Editor) -> Editor:
    app = ended_starting(made)
    assert app["Status"] == "InService", f"{app}\n{made.server.log()}"
    return made


def ended_starting(made: Editor) -> dict[str, Any]:
    until = time.monotonic() + START_S
    while True:
        app: dict[str, Any] = made.server.boto("sagemaker").describe_app(**made.app)
        if app["Status"] != "Pending":
            return app
        assert time.monotonic() < until, made.server.log()
        time.sleep(0.2)


@pytest.fixture(scope="module")
def program() -> Iterator[Path]:
    """The stand-in, in a folder that sandboxes show."""
    if not os.access(SHOWN, os.W_OK):
        pytest.skip(f"{SHOWN} can't be written")
    with tempfile.TemporaryDirectory(prefix="stand-in-", dir=SHOWN) as folder:
        Path(folder).chmod(0o755)
        made = Path(folder) / "editor"
        made.write_text(STAND_IN)
        made.chmod(0o755)
        yield made


@pytest.fixture(scope="module")
def stand_in(
    program: Path, tmp_path_factory: pytest.TempPathFactory, server_class: type[RunningServer]
) -> Iterator[Editor]:
    running = server_class(tmp_path_factory.mktemp("server"), {"SAGEWRIGHT_CODE_EDITOR": str(program)})
    running.start()
    try:
        yield in_service(started(running, "editor")).signed_in()
    finally:
        running.kill_everything()


def test_a_stand_in_gets_the_options_and_its_folder(stand_in: Editor) -> None:
    status, headers, _ = stand_in.ask("GET", "/")
    assert (status, headers["location"]) == (302, "./?folder=/home/sagemaker-user")
    status, headers, page = stand_in.ask("GET", "/?folder=/home/sagemaker-user")
    assert status == 200
    assert headers["service-worker-allowed"] == "/"
    assert "Domain" not in headers["set-cookie"]
    given = json.loads(page.partition(b"</title>")[2])
    assert (given["auth"], given["disable_telemetry"], given["disable_update_check"]) == ("none", True, True)


def test_a_stand_in_sees_neither_session_nor_signature(stand_in: Editor) -> None:
    seen = json.loads(stand_in.ask("GET", "/asked", X_Amz_Security_Token="secret", Authorization="Bearer secret")[2])
    assert "secret" not in json.dumps(seen)
    assert all(name not in seen.get("Cookie", "") for name in stand_in.cookies if name.startswith("sagewright"))
    assert seen["X-Forwarded-Host"] == stand_in.host


def test_a_stand_ins_websocket_passes_in_both_directions(stand_in: Editor) -> None:
    with channel(stand_in) as opened:
        for sent in ("text ä 日本", bytes(range(256)) * 400):
            opened.send(sent)
            assert opened.recv(timeout=30) == sent


@pytest.mark.parametrize("changed", [{"origin": "http://evil.example"}, {"additional_headers": {}}])
def test_a_stand_ins_websocket_is_for_its_own_page(stand_in: Editor, changed: dict[str, Any]) -> None:
    with pytest.raises(InvalidStatus) as refused, channel(stand_in, **changed):
        pass
    assert refused.value.response.status_code in {401, 403}


def channel(editor: Editor, **changed: Any) -> Any:
    headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in editor.cookies.items())}
    given = {"origin": f"http://{editor.host}", "additional_headers": headers, **changed}
    own = socket.create_connection(("127.0.0.1", editor.port), timeout=60)
    own.settimeout(None)
    return connect(f"ws://{editor.host}/stable-1/socket", sock=own, proxy=None, open_timeout=60, **given)


def test_a_stand_ins_heartbeat_is_its_last_use(stand_in: Editor) -> None:
    before = time.time() * 1000
    stand_in.ask("GET", "/?folder=x")
    activity = observe_activity(directory_of(stand_in))
    assert activity is not None
    assert before - 1 <= activity.last_ms <= time.time() * 1000


def directory_of(editor: Editor) -> Path:
    store = Database(f"sqlite:///{editor.server.data / 'store.sqlite'}")
    try:
        return Path(next(one["directory"] for one in routes_of(store, "000000000000") if one["name"] == editor.space))
    finally:
        store.close()


def test_a_program_that_is_gone_fails_the_app(stand_in: Editor, program: Path) -> None:
    program.unlink()
    app = ended_starting(started(stand_in.server, "empty"))
    assert app["Status"] == "Failed"
    assert f"The program {program} of the setting code_editor can't be executed" in app["FailureReason"]


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory, server_class: type[RunningServer]) -> Iterator[Editor]:
    if not REAL:
        pytest.skip("there is no code-server on this machine")
    running = server_class(tmp_path_factory.mktemp("server"), {"SAGEWRIGHT_CODE_EDITOR": REAL})
    running.start()
    try:
        yield in_service(started(running, "editor"))
    finally:
        running.kill_everything()


@pytest.fixture(scope="module")
def page(real: Editor) -> Iterator[Page]:
    """code-server, opened by a one-time URL, in a browser that is signed in to Studio too."""
    path = next((one for one in CHROMIUM if Path(one).exists()), None)
    assert path is not None, "make system installs Chromium"
    sagemaker = real.server.boto("sagemaker")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        context = browser.new_context()
        context.set_default_timeout(WAIT_MS)
        made = context.new_page()
        made.goto(
            sagemaker.create_presigned_domain_url(DomainId=real.domain, UserProfileName="default")["AuthorizedUrl"]
        )
        made.goto(real.url(LandingUri=LANDING))
        made.wait_for_selector(".monaco-workbench .statusbar")
        made.click("text=Yes, I trust the authors")
        yield made
        browser.close()


def test_code_server_opens_the_home(page: Page, real: Editor) -> None:
    assert page.url == f"http://{real.host}/?folder=/home/sagemaker-user"


def test_what_is_typed_in_code_servers_terminal_runs_in_the_sandbox(page: Page, real: Editor) -> None:
    page.keyboard.press("Control+Shift+Backquote")
    page.wait_for_selector(".terminal-wrapper .xterm-screen")
    found = real.server.data / "spaces"
    for _ in range(20):  # keys pressed before the shell listens are lost
        page.click(".terminal-wrapper .xterm-screen")
        page.keyboard.type("pwd > typed.txt; ls /home >> typed.txt; echo ended >> typed.txt\n")
        page.wait_for_timeout(3000)
        written = next(found.glob("*/typed.txt"), None)
        if written is not None and "ended" in written.read_text():
            break
    assert written is not None
    assert written.read_text().split() == ["/home/sagemaker-user", "sagemaker-user", "ended"]


def test_code_servers_page_reads_nothing_of_studio(page: Page, real: Editor) -> None:
    for origin in (real.server.endpoint, f"http://localhost:{real.port}"):
        for path in ("/studio", "/studio/jobs.json"):
            assert page.evaluate(READ, origin + path) == "refused"
    assert "sagewright" not in page.evaluate("document.cookie")
