"""Time from a click to the first cell, and the proxy's cost of a message, against plain `jupyter lab` of the same environment.

Source: `python bench/notebooks/opening.py`. Each figure is the median of several runs in one Chromium; for messages, the same
JupyterLab answers through the proxy and on its own socket.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
from playwright.sync_api import Page, sync_playwright
from playwright.sync_api import TimeoutError as TooLate
from websockets.sync.client import connect

ROOT = Path(__file__).parents[2]
CHROMIUM = "/usr/bin/chromium"
RUNS, MESSAGES = 5, 400
CELL = "print(6 * 7)"


@contextlib.contextmanager
def server(data: Path) -> Iterator[Any]:
    """Starts a server, and yields a client of SageMaker."""
    command = [str(Path(sys.executable).parent / "sagewright"), "up", "--data", str(data), "--port", "0"]
    environ = os.environ | {"SAGEWRIGHT_ENVIRONMENTS": str(ROOT / ".cache" / "environments")}
    process = subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while not (data / "endpoint").exists():
            time.sleep(0.02)
        lines = dict(line.split(" = ", 1) for line in (data / "credentials").read_text().splitlines() if " = " in line)
        yield boto3.client(
            "sagemaker", endpoint_url=(data / "endpoint").read_text().strip(), region_name="us-east-1",
            aws_access_key_id=lines["aws_access_key_id"], aws_secret_access_key=lines["aws_secret_access_key"],
        )  # fmt: skip
    finally:
        process.terminate()
        process.wait()


@contextlib.contextmanager
def plain(python: Path, folder: Path) -> Iterator[str]:
    """Runs JupyterLab by itself on a port, and yields its URL."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = {"ServerApp.port": port, "ServerApp.root_dir": folder, "IdentityProvider.token": "", "ServerApp.open_browser": False,
               "ServerApp.allow_root": True, "LabApp.news_url": "", "ServerApp.port_retries": 0}  # fmt: skip
    process = subprocess.Popen(
        [str(python), "-m", "jupyterlab", *(f"--{name}={value}" for name, value in options.items())],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.2):
                break
            time.sleep(0.02)
        yield f"http://127.0.0.1:{port}/lab?reset"
    finally:
        process.terminate()
        process.wait()


def first_cell(page: Page, url: str) -> float:
    """Opens JupyterLab and runs a cell of a new notebook; returns the seconds until its output is there."""
    begin = time.monotonic()
    page.goto(url)
    page.click('.jp-LauncherCard[data-category="Notebook"] >> nth=0', timeout=60_000)
    page.wait_for_selector("text=/\\| Idle/", timeout=60_000)
    page.click(".jp-Notebook .cm-content")
    page.keyboard.insert_text(CELL)
    for _ in range(40):  # JupyterLab drops what is run before its kernel is connected
        page.click(".jp-Notebook .cm-content >> nth=0")
        page.keyboard.press("Shift+Enter")
        with contextlib.suppress(TooLate):
            page.wait_for_selector(".jp-OutputArea-output pre", timeout=250)
            break
    return time.monotonic() - begin


def timed_opens(urls: Iterator[str] | list[str]) -> list[float]:
    """Returns the seconds to the first cell of each URL, each in a browser without cache or cookies."""
    found = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for url in urls:
            context = browser.new_context()
            found.append(first_cell(context.new_page(), url))
            context.close()
        browser.close()
    return found


def requests_ms(address: Any, host: str, headers: dict[str, str]) -> float:
    """Returns the milliseconds of a GET on a kept connection."""
    connection = http.client.HTTPConnection(host)
    connection.sock = address()
    times = []
    for _ in range(MESSAGES):
        begin = time.perf_counter()
        connection.request("GET", "/api/status", headers={"Host": host, **headers})
        connection.getresponse().read()
        times.append(1000 * (time.perf_counter() - begin))
    return statistics.median(times)


def messages_ms(address: Any, host: str, headers: dict[str, str], kernel: str) -> float:
    """Returns the milliseconds from a kernel_info_request to its reply."""
    times = []
    url = f"ws://{host}/api/kernels/{kernel}/channels?session_id={uuid.uuid4().hex}"
    with connect(
        url, sock=address(), proxy=None, origin=f"http://{host}", additional_headers=headers, max_size=None
    ) as channel:  # type: ignore[arg-type]
        for _ in range(MESSAGES):
            head = {
                "msg_id": uuid.uuid4().hex,
                "username": "",
                "session": "",
                "msg_type": "kernel_info_request",
                "version": "5.3",
            }
            begin = time.perf_counter()
            channel.send(
                json.dumps({"header": head, "parent_header": {}, "metadata": {}, "content": {}, "channel": "shell"})
            )
            while True:
                message = json.loads(channel.recv())
                if (
                    message["msg_type"] == "kernel_info_reply"
                    and message["parent_header"].get("msg_id") == head["msg_id"]
                ):
                    break
            times.append(1000 * (time.perf_counter() - begin))
    return statistics.median(times)


def cost(url: str, own: Path) -> None:
    """Prints the cost of requests and of messages through the proxy. `own`: JupyterLab's own socket."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection("127.0.0.1", parts.port or 80)
    connection.request("GET", f"{parts.path}?{parts.query}", headers={"Host": parts.netloc})
    cookie = str(connection.getresponse().getheader("set-cookie")).partition(";")[0]
    connection.close()

    def get(path: str, method: str = "GET", body: str | None = None, **headers: str) -> tuple[Any, Any]:
        one = http.client.HTTPConnection("127.0.0.1", parts.port or 80)
        one.request(method, path, body, {"Host": parts.netloc, "Cookie": cookie, **headers})
        response = one.getresponse()
        return response.read(), response.headers

    _, headers = get("/lab")
    xsrf = next(one for one in headers.get_all("set-cookie") if one.startswith("_xsrf")).partition(";")[0]
    cookies = {"Cookie": f"{cookie}; {xsrf}"}
    made = get("/api/kernels", "POST", "{}", **cookies, **{"X-XSRFToken": xsrf.partition("=")[2]})[0]
    kernel = json.loads(made)["id"]

    def through() -> socket.socket:
        return socket.create_connection(("127.0.0.1", parts.port or 80))

    def direct() -> socket.socket:
        found = socket.socket(socket.AF_UNIX)
        found.connect(str(own))
        return found

    for what, measure in (("request", requests_ms), ("message", lambda *given: messages_ms(*given, kernel))):
        alone, proxied = measure(direct, parts.netloc, cookies), measure(through, parts.netloc, cookies)
        print(f"{what}: {alone:.2f} ms alone, {proxied:.2f} ms through the proxy: {proxied - alone:+.2f} ms")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, server(Path(folder)) as sagemaker:
        domain = sagemaker.list_domains()["Domains"][-1]["DomainId"]
        space = {"DomainId": domain, "SpaceName": "bench"}
        app = {**space, "AppType": "JupyterLab", "AppName": "default"}
        sagemaker.create_space(**space)

        def url() -> str:
            asked = {**space, "UserProfileName": "default", "LandingUri": "app:JupyterLab:lab?reset"}
            return str(sagemaker.create_presigned_domain_url(**asked)["AuthorizedUrl"])

        def start() -> float:
            begin = time.monotonic()
            sagemaker.create_app(**app)
            while sagemaker.describe_app(**app)["Status"] == "Pending":
                time.sleep(0.02)
            return time.monotonic() - begin

        start()  # builds the environment where it is missing
        proxied = statistics.median(timed_opens(url() for _ in range(RUNS)))
        (environment,) = (ROOT / ".cache" / "environments").glob("jupyter-near-*")
        with tempfile.TemporaryDirectory() as own, plain(environment / "bin" / "python", Path(own)) as address:
            alone = statistics.median(timed_opens([address] * RUNS))
        print(
            f"warm, click to first cell: {proxied:.2f} s, plain JupyterLab {alone:.2f} s: {proxied / alone:.2f} times"
        )
        cost(url(), next(Path(folder).glob("jobs/**/serving/http.sock")))
        colds = []
        for _ in range(3):
            sagemaker.delete_app(**app)
            while sagemaker.describe_app(**app)["Status"] == "Deleting":
                time.sleep(0.02)
            began = start()
            colds.append(began + timed_opens([url()])[0])
        print(f"cold, click to first cell: {statistics.median(colds):.2f} s (the last start took {began:.2f} s of it)")


if __name__ == "__main__":
    main()
