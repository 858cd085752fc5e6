"""Takes the pictures of docs/images/studio in Chromium, of a server with the demo's things: `make screenshots`."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

from sagewright.cli.server.demo import ENDPOINT, GROUP, Demo
from sagewright.model.settings import Settings

ROOT = Path(__file__).parent.parent
PICTURES = ROOT / "docs" / "images" / "studio"
BIN = Path(sys.executable).parent
SIZE = {"width": 1280, "height": 800}
DARK = ("compare",)


def main() -> int:
    browser = next(
        (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
    )
    if browser is None:
        print("Chromium is missing: make system installs it")
        return 1
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        server = subprocess.Popen([str(BIN / "sagewright"), "up", "--data", folder, "--port", "0"])
        try:
            while not (data / "endpoint").exists():
                time.sleep(0.1)
            Demo(Settings(data=data)).run()
            take(data, (data / "endpoint").read_text().strip(), browser)
        finally:
            server.terminate()
            server.wait()
    return 0


def take(data: Path, url: str, browser: str) -> None:
    shown = subprocess.run(
        [str(BIN / "sagewright"), "studio", "--data", str(data), "--show"], check=True, capture_output=True, text=True
    )
    PICTURES.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        context = chromium.new_context(viewport=SIZE, reduced_motion="reduce")  # type: ignore[arg-type]
        page = context.new_page()
        page.goto("".join(shown.stdout.split()))
        cookie = "; ".join(f"{one['name']}={one['value']}" for one in context.cookies())
        settle(url, cookie)
        for name, address in addresses(url, cookie).items():
            page.emulate_media(color_scheme="dark" if name in DARK else "light")
            page.goto(f"{url}{address}")
            page.wait_for_timeout(400)
            page.screenshot(path=PICTURES / f"{name}.png")
        chromium.close()


def read(url: str, cookie: str, path: str) -> Any:
    with urllib.request.urlopen(
        urllib.request.Request(f"{url}{path}", headers={"Cookie": cookie})
    ) as answer:  # our own server
        return json.loads(answer.read())


def settle(url: str, cookie: str) -> None:
    """Waits until nothing runs and the endpoint answers."""
    for _ in range(600):
        home = read(url, cookie, "/studio.json")
        if not home["running"] and all(one["status"] == "InService" for one in home["endpoints"]):
            return
        time.sleep(0.5)


def addresses(url: str, cookie: str) -> dict[str, str]:
    jobs = [row["name"] for row in read(url, cookie, "/studio/jobs.json?q=demo-churn-depth")["rows"]]
    tuning = read(url, cookie, "/studio/tuning.json")["rows"][0]["name"]
    execution = read(url, cookie, "/studio/pipelines/demo-weekly.json")["executions"][0]["id"]
    return {
        "home": "/studio",
        "jobs": "/studio/jobs",
        "job": f"/studio/jobs/{jobs[0]}",
        "tuning": f"/studio/tuning/{tuning}",
        "compare": "/studio/compare?" + "&".join(f"pick={name}" for name in jobs),
        "pipeline": f"/studio/pipelines/demo-weekly/{execution}",
        "models": f"/studio/models/{GROUP}",
        "endpoint": f"/studio/endpoints/{ENDPOINT}",
    }


if __name__ == "__main__":
    sys.exit(main())
