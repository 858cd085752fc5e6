"""Batch transform on one host: sends its share of the objects, record by record, through the model's server, and uploads the
results.

Source: AWS's developer guide, "Use Batch Transform"; log lines and reasons: the contract's errors.md, section 5.
"""

from __future__ import annotations

import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, BinaryIO

from sagewright.agent.causes import cause
from sagewright.agent.control import Control
from sagewright.agent.errors import AlgorithmError, ClientError, JobError, JobGone, JobStopped
from sagewright.agent.hostfile import HostFile
from sagewright.agent.inputs.channels import ChannelMember, InputChannel, members
from sagewright.agent.inputs.pipe_writers import PipeWriter, gunzip
from sagewright.agent.inputs.records import BadRecord, Payload, pack, split
from sagewright.agent.inputs.sources import Stored, choose_source
from sagewright.agent.s3 import JobS3, S3Failed, parse_uri
from sagewright.agent.transform.invoking import SEE_LOG, AnswerBody, Body, Invoking, RequestFailed
from sagewright.agent.transform.row_filters import BadRow, RowFilter
from sagewright.agent.transform.transformed import OutputPrefix, TransformOutput, capture
from sagewright.model.jobs.brief import InputBrief, Transform

SCRATCH = "transformed"
"""Directory in HOST_DIRECTORY for answers in progress."""
_DEFAULT_PAYLOAD_MB = 6
_MOST_CONCURRENCY = 100
_PROGRESS_S = 10.0
_LINE = 1000
_LINES = 20
_MOST_TOLD = 200


@dataclass(frozen=True)
class TransformPlan:
    """Parameters for sending objects, as answered by the server: `limit` in bytes, 0 for any."""

    several: bool
    limit: int
    concurrency: int

    @classmethod
    def of(cls, transform: Transform, said: dict[str, Any]) -> TransformPlan:
        payload_mb = transform.payload_mb
        if payload_mb is None:
            payload_mb = _number(said.get("MaxPayloadInMB"), _DEFAULT_PAYLOAD_MB)
        several = transform.several
        if several is None:
            several = str(said.get("BatchStrategy", "")).replace("_", "").lower() != "singlerecord"
        concurrency = transform.concurrency or _number(said.get("MaxConcurrentTransforms"), 1)
        return cls(several, payload_mb << 20, min(max(concurrency, 1), _MOST_CONCURRENCY))

    @property
    def line(self) -> str:
        strategy = "MULTI_RECORD" if self.several else "SINGLE_RECORD"
        return (
            f"MaxConcurrentTransforms={self.concurrency}, MaxPayloadInMB={self.limit >> 20}, BatchStrategy={strategy}"
        )


class BatchTransform:
    """Runs in a separate thread from `start`, when the server is healthy for the first time, until its work is done; then it ends
    the job's process. `log` accepts lines."""

    def __init__(self, host: HostFile, transform: Transform, control: Control, log: Callable[[str], None]) -> None:
        self._host, self._transform, self._control, self._line = host, transform, control, log
        self._closed = False
        self._s3 = JobS3(host, self._check)
        self._invoking = Invoking(host.directory, transform, host.directory / SCRATCH, self._check)
        self._thread = threading.Thread(target=self._run, name="transform", daemon=True)
        self._failures: list[JobError] = []

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Ends the requests: the job's process has ended."""
        self._closed = True
        self._invoking.close()
        if self._thread.ident is not None:
            self._thread.join(5)

    def _log(self, text: str) -> None:
        self._line(f"[sagemaker logs]: {text}")

    def _check(self) -> None:
        """Raises JobGone, JobStopped or the job's failure."""
        self._control.check()
        if self._closed:
            raise JobStopped

    def _run(self) -> None:
        try:
            self._transform_all()
        except (JobGone, JobStopped):
            return
        except JobError as error:
            self._control.fail(error)
        except (S3Failed, OSError) as error:
            self._control.fail(ClientError(f"Data download failed:{cause(error)}"))
        except Exception as error:
            traceback.print_exc(file=sys.stderr)
            self._control.fail(JobError(f"{type(error).__name__}: {error}"))
        else:
            self._control.finish()

    def _transform_all(self) -> None:
        """Transforms all objects. Raises ClientError or AlgorithmError at the end if one could not be transformed."""
        self._invoking.await_all()
        said = {} if self._is_told_everything() else self._invoking.parameters()
        plan = TransformPlan.of(self._transform, said)
        self._log(plan.line)
        source = choose_source(self._host, self._s3, self._check)
        channel = self._channel()
        chosen = channel.share(members(channel, source, self._s3))
        writer = PipeWriter(self._s3, source, self._host.directory)
        with ThreadPoolExecutor(plan.concurrency, "invoke") as pool:
            try:
                target = self._target()
                objects = _Objects(self._transform, plan, pool, self._invoking, writer, self._check)
                objects.run(chosen, target, self._failed, self._progress(len(chosen)))
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        if self._transform.capture:
            capture(self._transform, target, chosen)
        if self._failures:
            raise next((each for each in self._failures if isinstance(each, AlgorithmError)), self._failures[0])

    def _is_told_everything(self) -> bool:
        own = self._transform
        return own.several is not None and own.payload_mb is not None and own.concurrency is not None

    def _channel(self) -> InputChannel:
        data = self._transform.data
        requested = InputBrief("Transform input", "", data=data)
        return InputChannel(requested, data, self._host.hosts.index(self._host.host), len(self._host.hosts))

    def _target(self) -> TransformOutput:
        try:
            bucket, key = parse_uri(self._transform.uri)
        except ValueError as error:
            raise ClientError(f"S3OutputPath: {error}") from error
        return TransformOutput(
            self._s3, OutputPrefix(bucket, key.rstrip("/")), self._host.directory / SCRATCH, self._check
        )

    def _failed(self, stored: Stored, error: Exception) -> None:
        """Logs the failure of one object; the others go on."""
        ours = isinstance(error, RequestFailed) and not error.is_the_clients
        self._failures.append(AlgorithmError(SEE_LOG) if ours else ClientError(SEE_LOG))
        name = f"{stored.bucket}/{stored.key}"
        if len(self._failures) > _MOST_TOLD:
            return
        if len(self._failures) == _MOST_TOLD:
            self._log(f"{_MOST_TOLD} objects have failed; failures after {name} are not listed.")
        if isinstance(error, RequestFailed) and error.status:
            self._log(f"{name}: Bad HTTP status received from algorithm: {error.status}")
            self._log(f"{name}: ")
            self._log(f"{name}: Message:")
            for line in error.body.splitlines()[:_LINES]:
                self._log(f"{name}: {line[:_LINE]}")
        else:
            self._log(f"{name}: {error.body if isinstance(error, RequestFailed) else cause(error)}")

    def _progress(self, count: int) -> Callable[[int], None]:
        described = time.monotonic()

        def tell(done: int) -> None:
            nonlocal described
            if done == count or time.monotonic() - described > _PROGRESS_S:
                described = time.monotonic()
                failed = f", {len(self._failures)} of them failed" if self._failures else ""
                self._log(f"{done} of {count} objects are done{failed}.")

        return tell


@dataclass(frozen=True)
class _Sent:
    """A payload in progress; `number`: of its object among those of this host; `last`: True for the last payload of its object."""

    number: int
    answer: Future[AnswerBody] | None
    error: Exception | None = None
    last: bool = False


class _Objects:
    """Payloads of all objects in order: several are in progress at once, answers are written in order."""

    def __init__(
        self,
        transform: Transform,
        plan: TransformPlan,
        pool: ThreadPoolExecutor,
        invoking: Invoking,
        writer: PipeWriter,
        check: Callable[[], None],
    ) -> None:
        self._transform, self._plan, self._pool = transform, plan, pool
        self._invoking, self._writer, self._check = invoking, writer, check
        self._filter = RowFilter(transform.rows, transform.content_type, by_line=transform.split == "Line")
        self._filtering = threading.Lock()
        self._bad: set[int] = set()

    def run(
        self,
        chosen: list[ChannelMember],
        target: TransformOutput,
        failed: Callable[[Stored, Exception], None],
        done: Callable[[int], None],
    ) -> None:
        waiting: deque[_Sent] = deque()
        sending = self._sent(chosen)
        output: BinaryIO | None = None
        more = True
        while more or waiting:
            while more and len(waiting) <= self._plan.concurrency:
                sent = next(sending, None)
                more = sent is not None
                if sent is not None:
                    waiting.append(sent)
            if not waiting:
                break
            one = waiting.popleft()
            try:
                output = output or target.file(one.number).open("wb")
                self._keep(one, output, target)
            except (RequestFailed, BadRecord, BadRow, ClientError, S3Failed, OSError) as error:
                if one.number not in self._bad:
                    self._bad.add(one.number)
                    failed(chosen[one.number].stored, error)
            if one.last:
                if output is not None:
                    output.close()
                    output = None
                if one.number not in self._bad:
                    target.upload(one.number, chosen[one.number].path)
                target.file(one.number).unlink(missing_ok=True)
                done(one.number + 1)

    def _keep(self, one: _Sent, output: BinaryIO, target: TransformOutput) -> None:
        if one.error is not None:
            raise one.error
        if one.answer is None or one.number in self._bad:
            return
        answer = one.answer.result()
        try:
            piece = b""
            for piece in answer.pieces():
                self._check()
                target.disk.spend(len(piece))
                output.write(piece)
            if self._transform.lined and not piece.endswith(b"\n"):
                output.write(b"\n")
        finally:
            answer.close()

    def _sent(self, chosen: list[ChannelMember]) -> Iterator[_Sent]:
        for number, member in enumerate(chosen):
            try:
                for act in self._acts(member.stored):
                    if number in self._bad:
                        break
                    self._check()
                    yield _Sent(number, self._pool.submit(act))
            except (BadRecord, BadRow, ClientError, S3Failed, OSError) as error:
                yield _Sent(number, None, error)
            yield _Sent(number, None, last=True)

    def _acts(self, stored: Stored) -> Iterator[Callable[[], AnswerBody]]:
        """Yields the action for each payload of an object. Raises BadRecord, BadRow and the exceptions of reading."""
        if self._plan.limit == 0 and self._transform.split == "None" and self._filter.does_nothing:
            yield partial(self._invoking.invoke, partial(self._pieces, stored))
            return
        records = split(self._pieces(stored), self._transform.split, self._plan.limit)
        for payload in pack(records, self._transform.split, self._plan.limit, several=self._plan.several):
            yield partial(self._answer, payload)

    def _answer(self, payload: Payload) -> AnswerBody:
        """Returns the answer to a payload. Raises RequestFailed, BadRow, DiskFull."""
        data: Body = payload.data
        if not self._filter.does_nothing:
            between = b"\n" if self._transform.split == "Line" else b""
            data = between.join(self._filter.before(record) for record in payload.records)
        answer = self._invoking.invoke(data)
        if self._filter.keeps_output:
            return answer
        if answer.file is None:
            return AnswerBody(self._filter.after(payload, answer.data))
        with self._filtering:  # only one large answer at a time is in memory
            try:
                return self._invoking.kept(self._filter.after(payload, answer.whole()))
            finally:
                answer.close()

    def _pieces(self, stored: Stored) -> Iterator[bytes]:
        pieces = self._writer.chunks(stored)
        return gunzip(pieces, stored.uri) if self._transform.gzip else pieces


def _number(value: Any, default: int) -> int:
    """Returns a number from the server, if it is usable."""
    try:
        number = int(value)
    except (TypeError, ValueError, OverflowError):
        return default
    return number if 0 <= number <= 1 << 20 else default
