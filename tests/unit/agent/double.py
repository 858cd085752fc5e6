"""A server for agents to talk to: the contract of docs/explanation/agent-contract.md, parts, and as much of S3 as an agent uses."""

from __future__ import annotations

import io
import json
import re
import tarfile
import threading
import time
import uuid
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

from sagewright.kinds.base import NamedJob
from sagewright.kinds.training import TrainingKind

ENVIRONMENTS = Path(__file__).parents[3] / ".cache" / "environments"
PYTHON_IMAGE = "python:3.11"  # an environment without packages: made in a second
_NAMESPACE = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'


class Double:
    """A host's real id is `h1~<name of the double>`, so that tests that run at the same time never meet; here it is `h1`.

    `reports`: by host id, each taken in once; `objects`: (bucket, key) -> bytes; `desired`: answer by host id; `ranges`:
    first and last byte of each GET of a part of an object."""

    def __init__(self, port: int = 0) -> None:
        self.name = uuid.uuid4().hex
        self.reports: dict[str, list[dict[str, Any]]] = {}
        self.objects: dict[tuple[str, str], bytes] = {}
        self.parts: dict[tuple[str, str], bytes] = {}
        self.desired: Callable[[str], str] = lambda _host: "run"
        self.seen: dict[str, int] = {}
        self.lose_answers = 0
        self.ranges: list[tuple[str, str]] = []
        self.changed = threading.Condition()
        self._uploads: dict[str, dict[int, bytes]] = {}
        self._server: ThreadingHTTPServer | None = None
        self.port = port
        self.start()

    def start(self) -> None:
        handler = type("Handler", (_Handler,), {"double": self})
        self._server = _Server(("127.0.0.1", self.port), handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def put(self, uri: str, content: bytes) -> None:
        bucket, key = uri.removeprefix("s3://").split("/", 1)
        self.objects[bucket, key] = content

    def take(self, host: str, report: dict[str, Any]) -> str:
        with self.changed:
            if report["seq"] == self.seen.get(host, 0) + 1:
                self.seen[host] = report["seq"]
                self.reports.setdefault(host, []).append({**report, "received": time.time()})
                self.changed.notify_all()
        return self.desired(host)

    def of(self, host: str, member: str) -> list[Any]:
        return [report[member] for report in self.reports.get(host, []) if member in report]

    def lines(self, host: str) -> list[str]:
        return [line for batch in self.of(host, "logs") for _at, line in batch]

    def metrics(self, host: str) -> list[tuple[str, float]]:
        return [(name, value) for batch in self.of(host, "metrics") for name, value, _at in batch]

    def wait(self, condition: Callable[[], Any], timeout_s: float = 30) -> None:
        with self.changed:
            self.changed.wait_for(lambda: condition() or self._has_failed(), timeout_s)
            assert condition(), f"reports: {json.dumps(self.reports, indent=1)[-4000:]}"

    def _has_failed(self) -> bool:
        return any("failed" in report for reports in self.reports.values() for report in reports)

    def wait_finished(self, host: str = "h1", timeout_s: float = 30) -> None:
        self.wait(lambda: self.of(host, "finished"), timeout_s)

    def archive(self, uri: str) -> dict[str, bytes]:
        """The files of a tar.gz object."""
        bucket, key = uri.removeprefix("s3://").split("/", 1)
        with tarfile.open(fileobj=io.BytesIO(self.objects[bucket, key])) as tar:
            return {member.name: tar.extractfile(member).read() for member in tar if member.isfile()}  # type: ignore[union-attr]


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_arguments: Any) -> None:
        """An agent that was killed or has ended leaves broken connections; that is no fault."""


class _Handler(BaseHTTPRequestHandler):
    double: Double
    disable_nagle_algorithm = True
    wbufsize = -1
    protocol_version = "HTTP/1.1"

    def handle_expect_100(self) -> bool:
        going_on = super().handle_expect_100()
        self.wfile.flush()
        return going_on

    def log_message(self, *_arguments: Any) -> None: ...

    def do_POST(self) -> None:
        path, body = urlsplit(self.path), self._body()
        if match := re.fullmatch(r"/_sagewright/hosts/([^/]+)/report", path.path):
            desired = self.double.take(match[1].partition("~")[0], json.loads(body))
            if self.double.lose_answers > 0:
                self.double.lose_answers -= 1
                self.close_connection = True
                return
            self._answer(200, json.dumps({"desired": desired}).encode())
            return
        bucket, key = self._object(path.path)
        if "uploads" in path.query:
            self.double._uploads[key] = {}
            self._xml(
                f"<InitiateMultipartUploadResult {_NAMESPACE}><UploadId>1</UploadId></InitiateMultipartUploadResult>"
            )
        elif "uploadId" not in path.query:
            self._answer(404, b"{}")
        else:
            parts = self.double._uploads.pop(key)
            self.double.objects[bucket, key] = b"".join(parts[number] for number in sorted(parts))
            self._xml(f"<CompleteMultipartUploadResult {_NAMESPACE}><Key>{key}</Key></CompleteMultipartUploadResult>")

    def do_PUT(self) -> None:
        path, body = urlsplit(self.path), self._body()
        if match := re.fullmatch(r"/_sagewright/hosts/([^/]+)/parts/(\w+)", path.path):
            self.double.parts[match[1].partition("~")[0], match[2]] = body
            self._answer(200, b"{}")
            return
        bucket, key = self._object(path.path)
        if bucket == "full":
            self._answer(403, b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>")
            return
        query = parse_qs(path.query)
        if "partNumber" in query:
            self.double._uploads[key][int(query["partNumber"][0])] = body
        else:
            self.double.objects[bucket, key] = body
        self._answer(200, b"", [("ETag", '"x"')])

    def do_DELETE(self) -> None:
        self.double.objects.pop(self._object(urlsplit(self.path).path), None)
        self._answer(204, b"")

    def do_GET(self) -> None:
        path = urlsplit(self.path)
        if match := re.fullmatch(r"/_sagewright/hosts/([^/]+)/parts/(\w+)/([\w-]+)", path.path):
            found = self.double.parts.get((match[3], match[2]))
            self._answer(404 if found is None else 200, found or b"")
            return
        bucket, key = self._object(path.path)
        if not key:
            self._list(bucket, parse_qs(path.query))
        elif (bucket, key) in self.double.objects:
            self._object_or_range(self.double.objects[bucket, key])
        else:
            self._answer(404, b"<Error><Code>NoSuchKey</Code><Message>The key does not exist.</Message></Error>")

    def _object_or_range(self, content: bytes) -> None:
        requested = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        if requested is None:
            self._answer(200, content)
            return
        self.double.ranges.append((requested[1], requested[2]))
        self._answer(206, content[int(requested[1]) : int(requested[2]) + 1], [("ETag", '"x"')])

    def _list(self, bucket: str, query: dict[str, list[str]]) -> None:
        prefix, after = query.get("prefix", [""])[0], query.get("continuation-token", [""])[0]
        keys = sorted(
            key for own, key in self.double.objects if own == bucket and key.startswith(prefix) and key > after
        )
        page, more = keys[:2], len(keys) > 2
        items = "".join(
            f"<Contents><Key>{escape(key)}</Key><Size>{len(self.double.objects[bucket, key])}</Size></Contents>"
            for key in page
        )
        token = f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>" if more else ""
        self._xml(
            f"<ListBucketResult {_NAMESPACE}><IsTruncated>{str(more).lower()}</IsTruncated>{token}{items}</ListBucketResult>"
        )

    def _object(self, path: str) -> tuple[str, str]:
        bucket, _slash, key = unquote(path).lstrip("/").partition("/")
        return bucket, key

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def _xml(self, text: str) -> None:
        self._answer(200, text.encode(), [("Content-Type", "application/xml")])

    def _answer(self, status: int, body: bytes, headers: list[tuple[str, str]] = []) -> None:  # noqa: B006
        self.send_response(status)
        for name, value in [*headers, ("Content-Length", str(len(body)))]:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


def code_archive(files: dict[str, str]) -> bytes:
    """A sourcedir.tar.gz."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text.encode())
            tar.addfile(member, io.BytesIO(text.encode()))
    return out.getvalue()


CREDENTIALS = {"access_key_id": "AKIA", "secret_access_key": "secret", "session_token": "token"}


ARN = "arn:aws:sagemaker:us-east-1:000000000000:training-job/job"


def host_document(double: Double, host: str = "algo-1", hosts: int = 1, **changes: Any) -> dict[str, Any]:
    """A host.json; `changes` replace members, `request` members of the request."""
    names = [f"algo-{number}" for number in range(1, hosts + 1)]
    request = {
        "TrainingJobName": "job",
        "AlgorithmSpecification": {"TrainingImage": PYTHON_IMAGE, "TrainingInputMode": "File"},
        "OutputDataConfig": {"S3OutputPath": "s3://out/base/"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": hosts, "VolumeSizeInGB": 1},
        **changes.pop("request", {}),
    }
    document = {
        "host_id": "h1" if host == "algo-1" else host,
        "brief": TrainingKind().brief(NamedJob("job", ARN), request).document(),
        "host": host,
        "hosts": names,
        "addresses": {name: f"127.10.0.{number}" for number, name in enumerate(names, 1)},
        "attempt": 1,
        "endpoint": double.endpoint,
        "token": "secret",
        "region": "us-east-1",
        "account": "000000000000",
        "credentials": dict(CREDENTIALS),
        "objects": {
            "endpoint": double.endpoint,
            "region": "us-east-1",
            "credentials": dict(CREDENTIALS),
            "patience_s": None,
        },
        "log_stream": f"job/{host}-0",
        "environments": str(ENVIRONMENTS),
        "framework_versions": "nearest",
        "sandbox": "auto",
        "cpus": 2,
        "memory_gb": 8,
        "gpus": 0,
        "stop_grace_s": 5,
        "max_runtime_s": 60,
        "warnings": [],
    }
    merged = {**document, **changes}
    return {**merged, "host_id": f"{merged['host_id']}~{double.name}"}


def script_request(double: Double, files: dict[str, str], **hyperparameters: Any) -> dict[str, Any]:
    """Members of a request that runs `train.py` (or the given sagemaker_program) of `files` in script mode."""
    double.put("s3://code/sourcedir.tar.gz", code_archive(files))
    given = {
        "sagemaker_program": "train.py",
        "sagemaker_submit_directory": "s3://code/sourcedir.tar.gz",
        **hyperparameters,
    }
    return {"HyperParameters": {key: json.dumps(value) for key, value in given.items()}}
