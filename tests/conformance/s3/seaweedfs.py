"""SeaweedFS, the other server that the checks are run against."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from s3.target import ACCOUNT, Target

WEED = Path(__file__).parents[3] / ".cache" / "clients" / "seaweedfs" / "bin" / "weed"
START_S = 120
ACCESS, SECRET = "AKIASEAWEEDFSCHECKS0", "a-secret-of-forty-characters-for-checks-"
IDENTITIES = {
    "accounts": [{"id": ACCOUNT, "displayName": "admin"}],
    "identities": [
        {
            "name": "admin",
            "account": {"id": ACCOUNT, "displayName": "admin"},
            "credentials": [{"accessKey": ACCESS, "secretKey": SECRET}],
            "actions": ["Admin", "Read", "Write", "List", "Tagging"],
        }
    ],
}

GROWTH = "[master.volume_growth]\ncopy_1 = 1\n"
"""One volume at a time for a bucket, not seven: there are many buckets here, and little in each."""


def version() -> str:
    """`4.48`, say."""
    described = subprocess.run([str(WEED), "version"], capture_output=True, text=True, check=True).stdout
    return described.split()[2]


@dataclass
class SeaweedFS:
    """A server on a directory of its own, as strict as its options allow: no bucket made by itself, none deleted full."""

    data: Path
    process: subprocess.Popen[bytes] | None = None
    port: int = 0

    def start(self) -> Target:
        """Raises AssertionError where it does not come up."""
        identities = self.data / "identities.json"
        identities.write_text(json.dumps(IDENTITIES))
        (self.data / "master.toml").write_text(GROWTH)
        master, volume, filer, self.port = _free_ports(4)
        command = [str(WEED), "server", f"-dir={self.data}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1"]
        command += [f"-master.port={master}", f"-volume.port={volume}", f"-filer.port={filer}"]
        command += [f"-master.port.grpc={master + 10000}", f"-volume.port.grpc={volume + 10000}"]
        command += [f"-filer.port.grpc={filer + 10000}", "-master.volumeSizeLimitMB=64", "-volume.max=0", "-filer"]
        command += ["-s3", f"-s3.port={self.port}", f"-s3.port.grpc={self.port + 10000}", f"-s3.config={identities}"]
        command += ["-s3.domainName=localhost", "-s3.allowDeleteBucketNotEmpty=false", "-s3.autoCreateBucket=false"]
        command += ["-s3.port.iceberg=0", "-s3.port.lance=0"]
        with (self.data / "log").open("ab") as log:
            self.process = subprocess.Popen(command, cwd=self.data, stdout=log, stderr=log)
        target = Target("SeaweedFS", f"http://127.0.0.1:{self.port}", ACCESS, SECRET)
        deadline = time.monotonic() + START_S
        while not self._serves(target):
            assert self.process.poll() is None and time.monotonic() < deadline, (self.data / "log").read_text()[-2000:]
            time.sleep(0.5)
        return target

    def _serves(self, target: Target) -> bool:
        """Whether an object can be put: the volumes come up after the port."""
        try:
            bucket = target.bucket()
            target.s3.put_object(Bucket=bucket, Key="k", Body=b"x")
        except Exception:  # whatever it answers while it starts
            return False
        return True

    def end(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def _free_ports(count: int) -> list[int]:
    """Free ports below 30000, so that those 10000 above, which its gRPC takes, are ports as well."""
    found: list[int] = []
    port = 21000
    while len(found) < count:
        port += 1
        if all(_is_free(p) for p in (port, port + 10000)):
            found.append(port)
    return found


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0
