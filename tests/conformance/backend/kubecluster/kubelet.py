"""The kubelet of the stand-in cluster: runs each pod's command in a network, a process and a mount namespace of its own.

The pod sees this machine's files, with its volumes and its own /etc/hosts mounted over them. Nothing limits its memory.
"""

from __future__ import annotations

import base64
import os
import shutil
import signal
import subprocess
import threading
import time
from contextlib import suppress
from pathlib import Path

import psutil

from backend.kubecluster.network import Network
from backend.kubecluster.state import Resource, State, now, set_condition

ENDED = {"Succeeded", "Failed"}
MOUNTS = 'set -e; while [ "$1" != -- ]; do mount --bind "$1" "$2"; shift 2; done; shift; exec "$@"'
_LOOK_S = 0.05


class RunningPod:
    """A pod on its node, followed by a thread from its start to its end. `reason`: why its container is said to have ended."""

    def __init__(self, state: State, network: Network, folder: Path, pod: Resource) -> None:
        self.state, self.network, self.pod = state, network, pod
        self.name, self.node = str(pod["metadata"]["name"]), str(pod["spec"]["nodeName"])
        self.place = folder / self.name
        self.reason = ""
        self.silent = False
        """True once its node is lost: nothing is reported any more."""
        self.process: subprocess.Popen[bytes] | None = None
        self.thread = threading.Thread(target=self._run, name=self.name, daemon=True)

    def _run(self) -> None:
        self.place.mkdir()
        (self.place / "message").touch()
        if not self._wait_for_parts():
            self._end(137)
            return
        address = self.network.add(self.name)
        with (self.place / "log").open("wb") as log:
            self.process = subprocess.Popen(
                self._command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self._environ(), cwd="/",
                start_new_session=True,
            )  # fmt: skip
        self._report("Running", {"running": {"startedAt": now()}}, podIP=address, hostIP=self.network.host)
        terminated = False
        while (code := self.process.poll()) is None:
            with self.state.changed:
                deadline = self.state.deadlines.get(self.pod["metadata"]["uid"])
            if deadline is not None and not self.silent:
                if not terminated:
                    terminated = self.signal(signal.SIGTERM)
                if time.monotonic() > deadline:
                    self.signal(signal.SIGKILL)
            time.sleep(_LOOK_S)
        self.network.remove(self.name)
        self._end(code if code >= 0 else 128 - code)

    def _wait_for_parts(self) -> bool:
        """Waits for the image and the volumes; False if the pod is deleted meanwhile."""
        image = self.pod["spec"]["containers"][0]["image"]
        while True:
            with self.state.changed:
                if self.silent or "deletionTimestamp" in self.pod["metadata"]:
                    return False
                pulled = image in self.state.images
                mounted = pulled and all(self._made(volume) for volume in self.pod["spec"]["volumes"])
            if mounted:
                return True
            waiting = {"reason": "ContainerCreating"}
            if not pulled:
                waiting = {"reason": "ImagePullBackOff", "message": f'Back-off pulling image "{image}": not found'}
            self._report("Pending", {"waiting": waiting})
            time.sleep(_LOOK_S)

    def _made(self, volume: Resource) -> bool:
        folder = self.place / "volumes" / volume["name"]
        folder.mkdir(parents=True, exist_ok=True)
        if "secret" not in volume:
            return "emptyDir" in volume
        found = self.state.resources.get(("Secret", volume["secret"]["secretName"]))
        for name, value in (found or {}).get("data", {}).items():
            file = folder / name
            file.touch(mode=volume["secret"].get("defaultMode", 0o644))
            file.write_bytes(base64.b64decode(value))
        return found is not None

    def _command(self) -> list[str]:
        (container,) = self.pod["spec"]["containers"]
        mounts = [str(self.place / "message"), container.get("terminationMessagePath", "/dev/termination-log")]
        for mount in container["volumeMounts"]:
            mounts += [str(self.place / "volumes" / mount["name"]), mount["mountPath"]]
        for source, target in zip(mounts[::2], mounts[1::2], strict=True):
            if Path(source).is_dir():
                Path(target).mkdir(parents=True, exist_ok=True)
            else:
                Path(target).touch()
        isolated = [
            "unshare",
            "--pid",
            "--fork",
            "--kill-child",
            "--mount-proc",
            "sh",
            "-c",
            MOUNTS,
            "sh",
            *mounts,
            "--",
        ]
        return [*self.network.at(self.name), *isolated, *container["command"], *container.get("args", [])]

    def _environ(self) -> dict[str, str]:
        (container,) = self.pod["spec"]["containers"]
        own = {one["name"]: one["value"] for one in container.get("env", [])}
        rank = self.pod["metadata"]["annotations"]["batch.kubernetes.io/job-completion-index"]
        path = os.environ["PATH"]  # `setpriv` and `bwrap` of this machine, as of an image
        return {
            "PATH": path,
            "LANG": "C.UTF-8",
            "KUBERNETES_SERVICE_HOST": "10.0.0.1",
            "JOB_COMPLETION_INDEX": rank,
            **own,
        }

    def signal(self, number: int) -> bool:
        """Sends a signal to the first process of the pod; False if there is none yet."""
        first = self.first()
        if first is None:
            return False
        with suppress(psutil.NoSuchProcess):
            first.send_signal(number)
        return True

    def first(self) -> psutil.Process | None:
        """The process with pid 1 in the pod, once it is the pod's command. It is the child of `unshare`."""
        assert self.process is not None
        with suppress(psutil.Error):
            for child in psutil.Process(self.process.pid).children():
                if child.name() not in {"sh", "unshare", "mount"}:
                    return child
        return None

    def kill(self, reason: str = "") -> None:
        """Ends the container as the kernel does."""
        self.reason = reason or self.reason
        if self.process is not None:
            for process in (self.first(), psutil.Process(self.process.pid)):
                with suppress(psutil.Error, AttributeError):
                    process.kill()  # type: ignore[union-attr]  # there may be none

    def _end(self, code: int) -> None:
        message = (self.place / "message").read_text()
        ended = {"exitCode": code, "reason": self.reason or ("Error" if code else "Completed"), "finishedAt": now()}
        self._report(
            "Failed" if code else "Succeeded", {"terminated": ended | ({"message": message} if message else {})}
        )

    def _report(self, phase: str, container: Resource, **status: str) -> None:
        if self.silent:
            return
        with self.state.changed:
            entry = {"name": self.pod["spec"]["containers"][0]["name"], "state": container}
            self.pod["status"] |= {"phase": phase, "containerStatuses": [entry], **status}
            self.state.touch()

    def evict(self, message: str) -> None:
        """As under pressure on the node."""
        with self.state.changed:
            self.pod["status"] |= {"reason": "Evicted", "message": message}
            set_condition(self.pod, "DisruptionTarget", "True", "TerminationByKubelet", message)
        self.kill()

    def log(self) -> str:
        file = self.place / "log"
        return file.read_text(errors="replace") if file.is_file() else ""

    def clean(self) -> None:
        self.network.remove(self.name)
        shutil.rmtree(self.place, ignore_errors=True)
