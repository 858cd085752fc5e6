"""`python -m sagewright.compute.ray.driver ADDRESS FD`: forwards the server's requests to the cluster, and answers."""

from __future__ import annotations

import json
import logging
import socket
import sys
from typing import Any

import ray
from ray.exceptions import RayActorError, RayError, RayTaskError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from sagewright.compute.ray.cluster import Cluster

NAMESPACE = "sagewright"
_CONNECT_S = 45.0
_HEAD = "node:__internal_head__"
_ANSWER_S = 80.0


def main(address: str, descriptor: int) -> int:
    """Returns exit status 0 when the server closed its end, 1 when the cluster is lost or unusable."""
    with socket.socket(fileno=descriptor) as connection, connection.makefile("rwb") as stream:

        def say(**answer: Any) -> None:
            stream.write(json.dumps(answer).encode() + b"\n")
            stream.flush()

        try:
            cluster = _connect(address)
        except Exception as error:  # of any kind, Ray's own and gRPC's
            # Ray's client server sometimes dies when it forks: ray-project/ray#63202.
            say(refused=_line(error), again=isinstance(error, ConnectionAbortedError))
            return 1
        say(value=None)
        for line in stream:
            request = json.loads(line)
            try:
                method = getattr(cluster, request.pop("do"))
                say(value=ray.get(method.remote(**request), timeout=_ANSWER_S))
            except RayTaskError as error:
                say(refused=_line(error.cause if error.cause is not None else error))
            except (
                RayActorError,
                ConnectionError,
            ):  # that actor, or the cluster, is lost: another process will find out
                return 1
            except (RayError, RuntimeError, ValueError) as error:
                say(refused=_line(error))
    return 0


def _connect(address: str) -> Any:
    ray.init(address, namespace=NAMESPACE, log_to_driver=False, logging_level=logging.ERROR)
    head = next(
        node["NodeID"] for node in ray.nodes() if node["Alive"] and _HEAD in node["Resources"]
    )  # without it there is no cluster
    there = NodeAffinitySchedulingStrategy(head, soft=True)
    cluster = ray.remote(Cluster).options(num_cpus=0, scheduling_strategy=there).remote()
    ray.get(cluster.machines.remote(), timeout=_CONNECT_S)
    return cluster


def _line(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:1000]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2])))
