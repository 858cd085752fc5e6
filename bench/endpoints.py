"""Endpoints beside the model servers that people would take instead: one row of 30 numbers as JSON, one and eight clients.

All serve the same scikit-learn model on the same cores, beside the load generator; ours checks a signature on each request.
The peers run as their documentation starts them. Ours is asked at the front's own port, as `sagewright exec` sets it.
"""

from __future__ import annotations

import io
import itertools
import json
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import load
import peers
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from rows import Row, against, median, number, percentile
from server import CACHE, REGION, ROLE, ROOT, Process, Sagewright, client, free_port, running, scratch

SECTION = "k"
ROUNDS = 3
REQUESTS = {1: 1500, 8: 6000}
ROW = [0.1 * number for number in range(30)]
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
PROGRAMS = Path(__file__).parent / "programs" / "serving"
BIN = CACHE / "clients" / "bench-serving" / "bin"
TRANSFORMED = 100_000
LIMITS = "front and worker share two cores with the load generator; one hop over a Unix socket, a signature each"
CODE = """
import json, os, joblib
def model_fn(directory): return joblib.load(os.path.join(directory, "model.joblib"))
"""
SLOW = CODE + "import time\ndef predict_fn(rows, model): time.sleep(0.05); return model.predict(rows)\n"


def measure() -> list[Row]:
    _install()
    with scratch() as directory:
        model = directory / "model.joblib"
        subprocess.run([str(BIN / "python"), str(PROGRAMS / "make_model.py"), str(model)], check=True)
        ours = Sagewright(directory / "data")
        with running(ours):
            endpoint = _Endpoint(ours, model)
            rows = _beside_peers(endpoint, model, directory)
            rows += endpoint.overhead()
            rows += [endpoint.created(), endpoint.shadowed(), endpoint.describes(), endpoint.transformed(model)]
        return rows


def _install() -> None:
    """The servers' environment, by the Makefile's rule. Raises NoPeer."""
    made = subprocess.run(
        ["make", "--quiet", ".cache/clients/bench-serving/.ready"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode:
        raise peers.NoPeer(f"clients/bench-serving.txt does not install: {made.stderr[-120:]}")


class _Endpoint:
    """Endpoints of one server, and requests to them that are signed beforehand."""

    def __init__(self, server: Sagewright, model: Path) -> None:
        self._server = server
        self.sagemaker, self._s3 = client(server.endpoint, server.key()), client(server.endpoint, server.key(), "s3")
        self._s3.create_bucket(Bucket="bench-endpoints")
        self._put("fast", CODE, model)
        self._put("slow", SLOW, model)
        self.create_s = self.create("plain", "fast")
        self.port = int((server.data / "runtime-endpoint").read_text().rsplit(":", 1)[1])

    def _put(self, name: str, code: str, model: Path) -> None:
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
            tar.add(model, "model.joblib")
            info = tarfile.TarInfo("code/inference.py")
            info.size = len(code.encode())
            tar.addfile(info, io.BytesIO(code.encode()))
        self._s3.put_object(Bucket="bench-endpoints", Key=f"{name}.tar.gz", Body=buffer.getvalue())
        environment = {
            "SAGEMAKER_PROGRAM": "inference.py",
            "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code",
            "SAGEMAKER_MODEL_SERVER_WORKERS": "1",
        }
        container = {
            "Image": IMAGE,
            "ModelDataUrl": f"s3://bench-endpoints/{name}.tar.gz",
            "Environment": environment,
        }
        self.sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer=container)

    def create(self, name: str, model: str, shadow: str = "") -> float:
        """Seconds from CreateEndpoint to the first answer."""
        variant = {"VariantName": "v", "ModelName": model, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
        more = {"ShadowProductionVariants": [variant | {"VariantName": "s", "ModelName": shadow}]} if shadow else {}
        self.sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant], **more)
        begin = time.perf_counter()
        self.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
        while (told := self.sagemaker.describe_endpoint(EndpointName=name))["EndpointStatus"] == "Creating":
            time.sleep(0.005)
        assert told["EndpointStatus"] == "InService", told
        port = int((self._server.data / "runtime-endpoint").read_text().rsplit(":", 1)[1])
        status, answer = load.ask(port, self.request(name, port))
        assert status == 200, answer
        return time.perf_counter() - begin

    def request(self, name: str, port: int) -> bytes:
        data = json.dumps([ROW]).encode()
        path = f"/endpoints/{name}/invocations"
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        signed = AWSRequest("POST", f"http://127.0.0.1:{port}{path}", headers=headers, data=data)
        SigV4Auth(Credentials(*self._server.key()), "sagemaker", REGION).add_auth(signed)
        return _bytes(path, port, dict(signed.headers.items()), data)

    def round(self, clients: int, name: str = "plain") -> load.Outcome:
        return _driven(self.port, self.request(name, self.port), clients)

    def created(self) -> Row:
        again = [self.create_s, *(self.create(f"again-{one}", "fast") for one in range(ROUNDS))]
        return Row(SECTION, "CreateEndpoint to the first answer, warm environment", median(again[1:]), "s", "AWS: minutes",
                   None, "two starts of Python and scikit-learn's import", f"first {number(again[0])} s")  # fmt: skip

    def overhead(self) -> list[Row]:
        time.sleep(2)
        dimensions = [{"Name": "EndpointName", "Value": "plain"}, {"Name": "VariantName", "Value": "v"}]
        found = client(self._server.endpoint, self._server.key(), "cloudwatch").get_metric_statistics(
            Namespace="AWS/SageMaker", MetricName="OverheadLatency", Dimensions=dimensions, Period=3600,
            StartTime=time.time() - 7200, EndTime=time.time() + 3600, ExtendedStatistics=["p50", "p99"],
        )["Datapoints"][-1]["ExtendedStatistics"]  # fmt: skip
        why = "all but the model's own time: parsing, signature, route, answer"
        return [
            Row(SECTION, f"OverheadLatency {which}, all rounds", found[which] / 1000, "ms", "", None, why)
            for which in ("p50", "p99")
        ]

    def shadowed(self) -> Row:
        self.create("shadowed", "fast", shadow="slow")
        pairs = [(self.round(1), self.round(1, "shadowed")) for _ in range(ROUNDS)]
        plain, beside = (median([_p50(outcome) for outcome in column]) for column in zip(*pairs, strict=True))
        return Row(SECTION, "production's p50 beside a shadow that takes 50 ms", beside, "ms", "without a shadow", plain,
                   "the shadow's worker shares the cores")  # fmt: skip

    def describes(self) -> Row:
        signer = load.Signer(self._server.port, self._server.key())
        request = signer.request("DescribeEndpoint", {"EndpointName": "plain"})

        def look() -> float:
            found = load.drive(self._server.port, itertools.repeat(request, 300), 1)
            return percentile(found.latencies, 99) * 1000

        idle = median([look() for _ in range(ROUNDS)])
        with _saturated(self):
            busy = median([look() for _ in range(ROUNDS)])
        return Row(SECTION, "DescribeEndpoint p99 while an endpoint is saturated", busy, "ms", "idle", idle,
                   "the load generator, front and worker want both cores at that time")  # fmt: skip

    def transformed(self, model: Path) -> Row:
        line = ",".join(f"{value:.2f}" for value in ROW)
        self._s3.put_object(Bucket="bench-endpoints", Key="in/rows.csv", Body="\n".join([line] * TRANSFORMED).encode())
        self.sagemaker.create_transform_job(
            TransformJobName="rows", ModelName="fast", BatchStrategy="MultiRecord", MaxPayloadInMB=1,
            TransformInput={"DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://bench-endpoints/in/"}},
                            "ContentType": "text/csv", "SplitType": "Line"},
            TransformOutput={"S3OutputPath": "s3://bench-endpoints/out/", "Accept": "text/csv", "AssembleWith": "Line"},
            TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 1},
        )  # fmt: skip
        while (told := self.sagemaker.describe_transform_job(TransformJobName="rows"))[
            "TransformJobStatus"
        ] == "InProgress":
            time.sleep(0.02)
        assert told["TransformJobStatus"] == "Completed", told
        seconds = (told["TransformEndTime"] - told["TransformStartTime"]).total_seconds()
        loop = (
            "import sys, time, io, joblib, numpy as np; m = joblib.load(sys.argv[1]); "
            f"text = '\\n'.join([sys.argv[2]] * {TRANSFORMED}); b = time.perf_counter(); "
            "m.predict(np.genfromtxt(io.StringIO(text), delimiter=',')); print(time.perf_counter() - b)"
        )
        own = [
            float(subprocess.run([str(BIN / "python"), "-c", loop, str(model), line], capture_output=True, text=True,
                                 check=True).stdout)
            for _ in range(ROUNDS)
        ]  # fmt: skip
        return Row(SECTION, f"batch transform, {TRANSFORMED:,} CSV rows", TRANSFORMED / seconds, "rows/s",
                   "the model in a loop", TRANSFORMED / median(own), "with the container's start, both ways through S3",
                   higher_is_better=True)  # fmt: skip


def _beside_peers(endpoint: _Endpoint, model: Path, directory: Path) -> list[Row]:
    """Requests a second and p50, ours alternating with each peer."""
    rows: list[Row] = []
    for name, start in _PEERS.items():
        with running(start(model, directory)) as peer:
            data = _peer_request(name, peer.port)
            _await(name, peer.port, data)
            for clients in REQUESTS:
                pairs = [(_driven(peer.port, data, clients), endpoint.round(clients)) for _ in range(ROUNDS)]
                theirs, ours = ([outcome.rate for outcome in column] for column in zip(*pairs, strict=True))
                detail = f"p50 {number(median([_p50(own) for _, own in pairs]))} ms, " \
                         f"the peer's {number(median([_p50(other) for other, _ in pairs]))}"  # fmt: skip
                what = f"one-row JSON, {clients} client{'s' if clients > 1 else ''}"
                row = Row(
                    SECTION, what, median(ours), "req/s", name, median(theirs), LIMITS, detail, higher_is_better=True
                )
                rows.append(row if not rows else against(row, name, median(theirs)))
    return rows


def _await(name: str, port: int, data: bytes) -> None:
    """Some servers answer before their model can."""
    until = time.monotonic() + 60
    while True:
        try:
            status, answer = load.ask(port, data)
        except OSError as error:
            status, answer = 0, str(error).encode()
        if status == 200:
            return
        if time.monotonic() > until:
            raise RuntimeError(f"{name} answered {status}: {answer[-300:]!r}")
        time.sleep(0.2)


def _fastapi(model: Path, directory: Path) -> Process:
    port = free_port()
    command = [str(BIN / "python"), str(PROGRAMS / "with_fastapi.py"), str(model), str(port)]
    return Process(command, port, "/docs", directory / "fastapi.log")


def _canned(_model: Path, directory: Path) -> Process:
    """No model: what the clients cost, and one exchange over TCP in Python."""
    head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 3\r\n\r\n"
    return peers.canned(directory / "canned.log", head.encode() + b"[0]")


def _constant(_model: Path, directory: Path) -> Process:
    """No model, no signature, no second process: what HTTP in Python costs."""
    return peers.constant(directory / "constant.log", b"[0]")


def _litserve(model: Path, directory: Path) -> Process:
    port = free_port()
    command = [str(BIN / "python"), str(PROGRAMS / "with_litserve.py"), str(model), str(port)]
    return Process(command, port, "/health", directory / "litserve.log")


def _bentoml(model: Path, directory: Path) -> Process:
    port = free_port()
    command = [
        str(BIN / "bentoml"),
        "serve",
        "with_bentoml:Classifier",
        "--port",
        str(port),
        "--working-dir",
        str(PROGRAMS),
    ]
    environ = {"MODEL": str(model), "BENTOML_DO_NOT_TRACK": "True", "PATH": f"{BIN}:/usr/bin:/bin"}
    return Process(command, port, "/readyz", directory / "bentoml.log", environ=environ)


def _mlserver(model: Path, directory: Path) -> Process:
    place, ports = directory / "mlserver", [free_port() for _ in range(3)]
    place.mkdir(exist_ok=True)
    (place / "settings.json").write_text(
        json.dumps({"http_port": ports[0], "grpc_port": ports[1], "metrics_port": ports[2], "host": "127.0.0.1"})
    )
    implementation = "mlserver_sklearn.SKLearnModel"
    told = {"name": "model", "implementation": implementation, "parameters": {"uri": str(model)}}
    (place / "model-settings.json").write_text(json.dumps(told))
    environ = {"PATH": f"{BIN}:/usr/bin:/bin"}
    return Process([str(BIN / "mlserver"), "start", str(place)], ports[0], "/v2/health/ready", directory / "mlserver.log",
                   environ=environ)  # fmt: skip


_PEERS: dict[str, Callable[[Path, Path], Process]] = {
    "FastAPI": _fastapi,
    "MLServer": _mlserver,
    "LitServe": _litserve,
    "BentoML": _bentoml,
    "uvicorn, a constant answer, no model: Python's floor": _constant,
    "a canned answer, no model: the clients' floor": _canned,
}


def _peer_request(name: str, port: int) -> bytes:
    path, document = "/predict", {"instances": [ROW]}
    if name == "MLServer":
        path = "/v2/models/model/infer"
        inputs = [{"name": "rows", "shape": [1, len(ROW)], "datatype": "FP64", "data": [ROW]}]
        document = {"inputs": inputs}  # type: ignore[dict-item]
    return _bytes(path, port, {"Content-Type": "application/json"}, json.dumps(document).encode())


def _bytes(path: str, port: int, headers: dict[str, Any], data: bytes) -> bytes:
    lines = [f"{name}: {value}" for name, value in headers.items()]
    head = [f"POST {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", *lines, f"Content-Length: {len(data)}", "", ""]
    return "\r\n".join(head).encode() + data


def _driven(port: int, data: bytes, clients: int) -> load.Outcome:
    outcome = load.drive(port, itertools.repeat(data, REQUESTS[clients]), clients)
    if outcome.refused:
        raise RuntimeError(f"answers that were not 200: {outcome.refused}")
    return outcome


def _p50(outcome: load.Outcome) -> float:
    return median(outcome.latencies) * 1000


@contextmanager
def _saturated(endpoint: _Endpoint) -> Iterator[None]:
    """Eight clients ask all the time, from a process of their own."""
    code = (
        "import sys, itertools; sys.path.insert(0, sys.argv[1]); import load; data = sys.stdin.buffer.read(); "
        "[load.drive(int(sys.argv[2]), itertools.repeat(data, 500), 8) for _ in itertools.count()]"
    )
    argv = [sys.executable, "-c", code, str(Path(__file__).parent), str(endpoint.port)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        process.stdin.write(endpoint.request("plain", endpoint.port))
        process.stdin.close()
        time.sleep(1)
        try:
            yield
        finally:
            process.kill()
