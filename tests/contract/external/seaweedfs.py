"""SeaweedFS as the other S3: started as its users start it, with one key pair."""

from __future__ import annotations

import json
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

WEED = Path(__file__).parents[3] / ".cache" / "clients" / "seaweedfs" / "bin" / "weed"
KEY, SECRET = "WEEDKEY", "weed/secret+key"
START_S = 90
ATTEMPTS = 3


def free_port() -> int:
    """SeaweedFS takes a second port, 10,000 higher, for each that it is given."""
    while True:
        with socket.socket() as one, socket.socket() as two:
            one.bind(("127.0.0.1", 0))
            port: int = one.getsockname()[1]
            try:
                two.bind(("127.0.0.1", port - 10_000))
            except OSError:
                continue
            if port > 20_000:
                return port - 10_000


@dataclass
class SeaweedFS:
    directory: Path
    process: subprocess.Popen[bytes] | None = None
    port: int = 0

    def start(self) -> None:
        config = self.directory / "s3.json"
        actions = ["Admin", "Read", "Write", "List", "Tagging"]
        identity = {"name": "admin", "credentials": [{"accessKey": KEY, "secretKey": SECRET}], "actions": actions}
        config.write_text(json.dumps({"identities": [identity]}))
        for _attempt in range(ATTEMPTS):
            self._launch(config)
            if self._answers():
                return
        raise AssertionError(f"SeaweedFS ended:\n{self._log()}")

    def _launch(self, config: Path) -> None:
        self.port, master, volume, filer = (free_port() for _ in range(4))
        command = [
            str(WEED), "server", f"-dir={self.directory}", "-ip=127.0.0.1", "-volume.max=0",
            "-master.volumeSizeLimitMB=256", f"-master.port={master}", f"-volume.port={volume}",
            "-filer", f"-filer.port={filer}", "-s3", f"-s3.port={self.port}", f"-s3.config={config}",
        ]  # fmt: skip
        with (self.directory / "log").open("wb") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)

    def _answers(self) -> bool:
        """Once it does; False if it has ended, because another program took one of its ports meanwhile."""
        deadline = time.monotonic() + START_S
        s3 = self.client()
        while True:
            try:
                s3.create_bucket(Bucket="started")
                s3.put_object(Bucket="started", Key="a", Body=b"a")
                return True
            except (BotoCoreError, ClientError):
                assert self.process
                if self.process.poll() is not None:
                    return False
                assert time.monotonic() < deadline, f"SeaweedFS did not start:\n{self._log()}"
                time.sleep(0.5)

    def _log(self) -> str:
        return (self.directory / "log").read_text(errors="replace")[-3000:]

    def stop(self) -> None:
        if self.process:
            self.process.kill()
            self.process.wait()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def client(self) -> Any:
        """boto3 straight at SeaweedFS, past Sagewright."""
        return boto3.client(
            "s3",
            endpoint_url=f"http://{self.address}",
            aws_access_key_id=KEY,
            aws_secret_access_key=SECRET,
            region_name="us-east-1",
            config=Config(retries={"total_max_attempts": 1}),
        )
