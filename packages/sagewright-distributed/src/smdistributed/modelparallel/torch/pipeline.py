"""Runs a model whose modules lie in several processes, in microbatches.

The process of the root partition runs the script's step, each microbatch in a separate thread. Where the model calls a module of
another partition, the thread sends the inputs there and waits, while others compute; `backward` takes the same way back. The other
processes serve: for each microbatch a thread runs the requested calls, in the order of the microbatches (`turns`). This is Huang et
al. 2019 (GPipe) with the schedule left to what is ready, and with any Python in the model's `forward`.
"""

from __future__ import annotations

import itertools
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from smdistributed.modelparallel.torch import parcels, ranks
from smdistributed.modelparallel.torch.partition import Unit
from smdistributed.modelparallel.torch.turns import Turns


class PartitionFailed(RuntimeError):
    """A module failed in another process; the message has its traceback."""


class Pipeline:
    """The units of a model that are not in the root's partition. A process has at most one pipeline."""

    def __init__(self, units: list[Unit], root: int, device: torch.device) -> None:
        self._units = units
        self._root = root
        self._device = device
        self._turns: Turns | None = None
        self.mine = ranks.pp_rank()
        self._lane = threading.local()
        if self.mine == root:
            for index, unit in enumerate(units):
                _Elsewhere(self, index, unit)

    @property
    def leads(self) -> bool:
        """True if this process runs the script's step."""
        return self.mine == self._root

    def run(self, count: int, microbatch: Callable[[int], Any]) -> list[Any]:
        """Returns the results of `microbatch(number)` for each number, on all processes of the pipeline.

        Raises its exceptions, and PartitionFailed.
        """
        self._turns = turns = Turns(count)
        state = _Modes.now()
        work = microbatch if self.leads else self._serve
        results = _in_threads(count, lambda number: self._in_lane(number, state, work))
        turns.close()
        members = ranks.members("PP")
        group = ranks.place().lanes[0]["PP"]
        if self.leads:
            results = [_detached(result) for result in results]
            for other in members:
                if other != ranks.rank():
                    parcels.send(results, other, group)
            return results
        found: list[Any] = parcels.receive(members[self._root], group, self._device)
        return found

    def _in_lane(self, number: int, state: _Modes, work: Callable[[int], Any]) -> Any:
        turns = self._turns
        assert turns is not None
        ranks.lane(number, lambda: turns.waiting(number))
        self._lane.number = number
        try:
            if not self.leads:
                return work(number)
            turns.begin(number)
            try:
                with state.entered():
                    return work(number)
            finally:
                turns.end(number)
                turns.finish(number)
                for other in self._others():
                    parcels.send(None, other, ranks.group("PP"))
        finally:
            ranks.lane(None)

    def _others(self) -> list[int]:
        used = sorted({unit.partition for unit in self._units})
        return [ranks.members("PP")[partition] for partition in range(ranks.pp_size()) if partition in used]

    def call(self, index: int, arguments: Any) -> Any:
        """Returns the unit's outputs, from the process that has it. For the root's threads."""
        frame, tensors = parcels.taken_apart(arguments)
        remote = _Call(self, index, frame)
        anchor = torch.zeros((), requires_grad=torch.is_grad_enabled())
        outputs = _Remote.apply(remote, anchor, *tensors)
        return parcels.put_together(remote.frame_out, list(outputs))

    def ask(self, partition: int, request: Any) -> Any:
        """Returns a partition's response to a request of this thread's microbatch; others compute meanwhile."""
        number = getattr(self._lane, "number", None)
        if number is None or self._turns is None:
            raise RuntimeError("With pipeline_parallel_degree > 1 the model can be called in a smp.step function only.")
        other, group = ranks.members("PP")[partition], ranks.group("PP")
        with self._turns.waiting(number):
            parcels.send(request, other, group)
            failed, answer = parcels.receive(other, group, self._device)
        if failed:
            raise PartitionFailed(f"partition {partition}:\n{answer}")
        return answer

    def _serve(self, number: int) -> None:
        assert self._turns is not None
        root, group = ranks.members("PP")[self._root], ranks.group("PP")
        calls: dict[int, tuple[list[Tensor], list[Tensor]]] = {}
        if self.mine not in {unit.partition for unit in self._units}:
            return
        while (request := parcels.receive(root, group, self._device)) is not None:
            self._turns.begin(number)
            try:
                answer = self._answer(request, calls)
            except Exception:
                parcels.send((True, traceback.format_exc()), root, group)
                raise
            finally:
                self._turns.end(number)
            parcels.send((False, answer), root, group)
        self._turns.finish(number)

    def _answer(self, request: Any, calls: dict[int, tuple[list[Tensor], list[Tensor]]]) -> Any:
        if request[0] == "backward":
            _kind, key, grads = request
            inputs, outputs = calls.pop(key)
            pairs = [(output, grad) for output, grad in zip(outputs, grads) if grad is not None]
            if pairs:
                torch.autograd.backward([output for output, _ in pairs], [grad for _, grad in pairs])
            return [tensor.grad for tensor in inputs]
        _kind, key, index, (arguments, named), modes = request
        _frame, inputs = parcels.taken_apart((arguments, named))
        with modes.entered():
            found = self._units[index].module(*arguments, **named)
        _frame, outputs = parcels.taken_apart(found)
        if any(output.requires_grad for output in outputs):
            calls[key] = (inputs, outputs)
        return found


class _Elsewhere:
    """Redirects calls of a unit's module to its partition."""

    def __init__(self, pipeline: Pipeline, index: int, unit: Unit) -> None:
        self._pipeline, self._index = pipeline, index
        unit.module.forward = self._forward  # type: ignore[method-assign]

    def _forward(self, *arguments: Any, **named: Any) -> Any:
        return self._pipeline.call(self._index, (arguments, named))


_keys = itertools.count()


class _Call:
    """One call of a unit by one microbatch."""

    def __init__(self, pipeline: Pipeline, index: int, frame: Any) -> None:
        self._pipeline, self._index, self._frame = pipeline, index, frame
        self._partition = pipeline._units[index].partition
        self._key = next(_keys)
        self.frame_out: Any = None

    def forward(self, tensors: list[Tensor], needs: list[bool], modes: _Modes) -> list[Tensor]:
        sent = [tensor.detach().requires_grad_(need) for tensor, need in zip(tensors, needs)]
        arguments = parcels.put_together(self._frame, sent)
        found = self._pipeline.ask(self._partition, ("forward", self._key, self._index, arguments, modes))
        self.frame_out, outputs = parcels.taken_apart(found)
        return outputs

    def backward(self, grads: list[Tensor | None]) -> list[Tensor | None]:
        found: list[Tensor | None] = self._pipeline.ask(self._partition, ("backward", self._key, grads))
        return found


class _Remote(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, call: _Call, _anchor: Tensor, *tensors: Tensor) -> Any:
        needs = list(ctx.needs_input_grad[2:])
        modes = _Modes.now(grad=ctx.needs_input_grad[1])
        outputs = call.forward(list(tensors), needs, modes)
        ctx.call, ctx.needs = call, needs
        ctx.set_materialize_grads(False)
        ctx.mark_non_differentiable(*[output for output in outputs if not output.requires_grad])
        return tuple(output.detach() for output in outputs)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> Any:
        found = ctx.call.backward(list(grads))
        return (None, None, *[grad if need else None for grad, need in zip(found, ctx.needs)])


@dataclass(frozen=True)
class _Modes:
    """PyTorch's per-thread modes, which other processes should have as the script set them."""

    grad: bool
    autocast: torch.dtype | None
    device_type: str

    @classmethod
    def now(cls, grad: bool | None = None) -> _Modes:
        device_type = "cuda" if torch.cuda.is_available() else "cpu"
        on = torch.is_autocast_enabled(device_type)
        return cls(
            torch.is_grad_enabled() if grad is None else grad,
            torch.get_autocast_dtype(device_type) if on else None,
            device_type,
        )

    def entered(self) -> Any:
        from contextlib import ExitStack

        stack = ExitStack()
        stack.enter_context(torch.set_grad_enabled(self.grad))
        if self.autocast is not None:
            stack.enter_context(torch.autocast(self.device_type, dtype=self.autocast))
        return stack


def _in_threads(count: int, work: Callable[[int], Any]) -> list[Any]:
    """Returns the results of `work(0)` … in threads. Raises the first error at once; the process is expected to end with it."""
    results: list[Any] = [None] * count
    left = threading.Semaphore(0)
    failures: list[BaseException] = []

    def one(number: int) -> None:
        try:
            results[number] = work(number)
        except BaseException as error:
            failures.append(error)
        left.release()

    for number in range(count):
        threading.Thread(target=one, args=(number,), name=f"microbatch {number}", daemon=True).start()
    for _ in range(count):
        left.acquire()
        if failures:
            raise failures[0]
    return results


def _detached(result: Any) -> Any:
    return torch.utils._pytree.tree_map_only(torch.Tensor, lambda tensor: tensor.detach(), result)
