"""A process group of torch.distributed whose processes share memory. The collectives of data parallel training use this memory, all
others use gloo.

An operation lays out this process's data when it is called, and consumes the result when it is waited for; within a backward pass,
at the end of that. So nothing waits while there are gradients to compute.
"""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist

from smdistributed.dataparallel.torch.exchange import Exchange, Members, ResultsDue

_ADD: dict[str, Callable[..., torch.Tensor]] = {
    "SUM": torch.add,
    "AVG": torch.add,
    "PRODUCT": torch.mul,
    "MIN": torch.minimum,
    "MAX": torch.maximum,
    "BAND": torch.bitwise_and,
    "BOR": torch.bitwise_or,
    "BXOR": torch.bitwise_xor,
}


class SharedGroup(dist.ProcessGroup):
    """`rest`: the gloo group for all other operations. Raises NoSharedMemory."""

    def __init__(self, members: Members, rest: Any) -> None:
        super().__init__(members.rank, members.size)  # type: ignore[call-arg]  # of its two forms the stub has one
        self.exchange, self._rest = Exchange(members), rest
        self._members, self._others = members, 0
        self._rank, self._size = members.rank, members.size
        self._open: deque[_Operation] = deque()
        self._flushing, self._due = False, -1
        self._register_backend(torch.device("cpu"), dist.ProcessGroup.BackendType.GLOO, rest)
        self._set_default_backend(dist.ProcessGroup.BackendType.GLOO)

    def another_exchange(self, largest: int, smallest: int) -> Exchange:
        """Returns another exchange among the same processes. Raises NoSharedMemory."""
        self._others += 1
        store = dist.PrefixStore(f"exchange-{self._others}", self._members.store)
        return Exchange(replace(self._members, store=store), largest, smallest)

    def getBackendName(self) -> str:  # noqa: N802 - torch's name
        return "smddp"

    def allreduce(self, tensors: list[torch.Tensor] | torch.Tensor, opts: Any = None) -> dist.Work:  # type: ignore[override]
        tensors = [tensors] if isinstance(tensors, torch.Tensor) else list(tensors)
        how = _name(getattr(opts, "reduceOp", None))
        if how not in _ADD or not all(map(_plain, tensors)):
            return self._by_gloo("allreduce", tensors, opts)
        for tensor in tensors:
            for piece in self._pieces(tensor):
                self._lay("allreduce", how, piece, piece, lambda laid, out, how=how: self._add(laid, out, how))
        return self._work(tensors)

    def allreduce_coalesced(self, tensors: list[torch.Tensor], opts: Any = None) -> dist.Work:
        return self.allreduce(tensors, opts)

    def reduce(self, tensors: list[torch.Tensor], opts: Any = None) -> dist.Work:  # type: ignore[override]
        how, root = _name(opts.reduceOp), int(opts.rootRank)
        if how not in _ADD or not all(map(_plain, tensors)):
            return self._by_gloo("reduce", tensors, opts)

        def take(laid: _Operation, out: torch.Tensor) -> None:
            if root == self._rank:
                self._add(laid, out, how)

        for piece in self._pieces(tensors[0]):
            self._lay("reduce", f"{how}{root}", piece, piece, take)
        return self._work(tensors)

    def broadcast(self, tensors: list[torch.Tensor] | torch.Tensor, opts: Any = None) -> dist.Work:  # type: ignore[override]
        tensors = [tensors] if isinstance(tensors, torch.Tensor) else list(tensors)
        root = int(getattr(opts, "rootRank", 0))
        if not _plain(tensors[0]):
            return self._by_gloo("broadcast", tensors, opts)

        def take(laid: _Operation, out: torch.Tensor) -> None:
            if root != self._rank:
                out.copy_(self._theirs(laid, root))

        for piece in self._pieces(tensors[0]):
            self._lay("broadcast", str(root), piece if root == self._rank else None, piece, take)
        return self._work(tensors)

    def allgather(self, outputs: list[list[torch.Tensor]], inputs: list[torch.Tensor], opts: Any = None) -> dist.Work:  # type: ignore[override]
        given = inputs[0]
        if not _plain(given) or self._too_large(given):
            return self._by_gloo("allgather", outputs, inputs, opts)

        def take(laid: _Operation, _out: torch.Tensor) -> None:
            for peer, out in enumerate(outputs[0]):
                out.copy_(self._theirs(laid, peer).view(out.shape))

        self._lay("allgather", "", given, given, take)
        return self._work(outputs)

    def _allgather_base(self, output: torch.Tensor, given: torch.Tensor, opts: Any = None) -> dist.Work:
        if not _plain(given) or self._too_large(given):
            return self._by_gloo("_allgather_base", output, given, opts)

        def take(laid: _Operation, _out: torch.Tensor) -> None:
            for peer, out in enumerate(output.view(-1).chunk(self._size)):
                out.copy_(self._theirs(laid, peer).view(-1))

        self._lay("allgather_base", "", given, given, take)
        return self._work([output])

    def _reduce_scatter_base(self, output: torch.Tensor, given: torch.Tensor, opts: Any = None) -> dist.Work:
        how = _name(getattr(opts, "reduceOp", None))
        if how not in _ADD or not _plain(given) or self._too_large(given):
            return self._by_gloo("_reduce_scatter_base", output, given, opts)

        def take(laid: _Operation, _out: torch.Tensor) -> None:
            parts = [self._theirs(laid, peer).view(-1).chunk(self._size)[self._rank] for peer in range(self._size)]
            output.view(-1).copy_(_summed(parts, how))

        self._lay("reduce_scatter_base", how, given, given, take)
        return self._work([output])

    def barrier(self, opts: Any = None) -> dist.Work:  # noqa: ARG002 - torch's signature
        def take(laid: _Operation, _out: torch.Tensor) -> None:
            for peer in range(self._size):
                self._theirs(laid, peer)

        self._lay("barrier", "", _NOTHING, _NOTHING, take)
        return self._work([])

    def take_until(self, last: _Operation | None) -> None:
        """Consumes the results of all open operations up to `last`, in their order."""
        while self._open and (last is None or not last.taken):
            self._take(self._open[0])

    def take_what_is_there(self) -> None:
        while self._open and self._open[0].complete(self.exchange):
            self._take(self._open[0])

    def _take(self, laid: _Operation) -> None:
        with torch.no_grad():
            laid.take(laid, laid.out)
        self.exchange.take(laid.number)
        laid.taken = True
        self._open.popleft()
        if laid.work is not None:
            laid.work.finish()

    def _lay(
        self, name: str, detail: str, given: torch.Tensor | None, out: torch.Tensor, take: Callable[..., None]
    ) -> None:
        """Begins an operation. `given` is None if this process contributes nothing to it."""
        length = 0 if given is None else given.numel() * given.element_size()
        while True:
            try:
                place = self.exchange.reserve(length)
                break
            except ResultsDue:
                self._take(self._open[0])
        if given is not None and length:
            with torch.no_grad():
                self.exchange.view(self._rank, place, given).copy_(given)
        kind = zlib.crc32(f"{name} {detail} {out.dtype}".encode())
        number = self.exchange.give(kind, place, length)
        self._open.append(_Operation(number, kind, out, take))

    def _theirs(self, laid: _Operation, peer: int) -> torch.Tensor:
        length = laid.out.numel() * laid.out.element_size()
        place = self.exchange.find(peer, laid.number, laid.kind, length)
        return self.exchange.view(peer, place, laid.out) if length else laid.out

    def _add(self, laid: _Operation, out: torch.Tensor, how: str) -> None:
        """Adds in the order of the processes, so that all get the same bits."""
        parts = [self._theirs(laid, peer) for peer in range(self._size)]
        _ADD[how](parts[0], parts[1], out=out)
        for part in parts[2:]:
            _ADD[how](out, part, out=out)
        if how == "AVG":
            _divide(out, self._size)

    def _pieces(self, tensor: torch.Tensor) -> list[torch.Tensor]:
        """Returns the tensor, or the pieces of it that fit at a time; of a non-contiguous one the rows."""
        if not self._too_large(tensor):
            return [tensor]
        if not tensor.is_contiguous():
            return [piece for row in tensor.unbind(0) for piece in self._pieces(row)]
        return list(tensor.view(-1).split(self.exchange.largest // tensor.element_size()))

    def _too_large(self, tensor: torch.Tensor) -> bool:
        return tensor.numel() * tensor.element_size() > self.exchange.largest

    def _work(self, result: list[Any]) -> dist.Work:
        """Returns the work of the operation that was laid out last."""
        last = self._open[-1] if self._open else None
        work = _Work(self, last, result)
        if last is not None:
            last.work = work
        if self._flushing:
            self.take_until(last)
        elif (backward := _backward()) >= 0:
            if self._due != backward:
                torch.autograd.Variable._execution_engine.queue_callback(self._flush)
                self._due = backward
            self.take_what_is_there()
        return work

    def is_lazy(self) -> bool:
        """True if open operations finish without a caller waiting for them."""
        return not self._flushing and self._due == _backward() != -1

    def _flush(self) -> None:
        """Runs at the end of a backward pass. Operations called from here (a hook's next step) are waited for at once."""
        self._flushing, self._due = True, -1
        try:
            self.take_until(None)
        finally:
            self._flushing = False

    def _by_gloo(self, name: str, *arguments: Any) -> dist.Work:
        self.take_until(None)
        given = [argument for argument in arguments if argument is not None]
        work: dist.Work = getattr(self._rest, name)(*given)
        return work


class _Operation:
    """A laid-out operation, whose result is not consumed yet unless `taken`."""

    __slots__ = ("kind", "number", "out", "take", "taken", "work")

    def __init__(self, number: int, kind: int, out: torch.Tensor, take: Callable[..., None]) -> None:
        self.number, self.kind, self.out, self.take = number, kind, out, take
        self.taken = False
        self.work: _Work | None = None

    def complete(self, exchange: Exchange) -> bool:
        return all(exchange.is_there(peer, self.number) for peer in range(exchange.size))


class _Work(dist.Work):
    def __init__(self, group: SharedGroup, last: _Operation | None, result: list[Any]) -> None:
        super().__init__()
        self._group, self._last, self._result = group, last, result
        self._future: Any = None

    def wait(self, timeout: timedelta | None = None) -> bool:  # noqa: ARG002 - the group's own counts
        if self._last is not None:
            self._group.take_until(self._last)
        return True

    def is_completed(self) -> bool:
        self._group.take_what_is_there()
        return self._last is None or self._last.taken

    def is_success(self) -> bool:
        return self.is_completed()

    def exception(self) -> None:
        return None

    def result(self) -> list[Any]:
        self.wait()
        return self._result

    def get_future(self) -> Any:
        if self._future is None:
            if not self._group.is_lazy():
                self.wait()
            self._future = _Future(self)
            if self._last is None or self._last.taken:
                self.finish()
        return self._future

    def finish(self) -> None:
        if self._future is not None and not self._future.done():
            self._future.set_result(self._result)


class _Future(torch.futures.Future):  # type: ignore[type-arg]
    """A future whose wait or continuation in Python first consumes the result, since nothing else would do so meanwhile."""

    def __new__(cls, _work: _Work) -> _Future:
        return super().__new__(cls)

    def __init__(self, work: _Work) -> None:
        super().__init__()
        self._work = work

    def wait(self) -> Any:
        self._work.wait()
        return super().wait()

    def then(self, callback: Callable[..., Any]) -> Any:
        self._work.wait()
        return super().then(callback)


_NOTHING = torch.empty(0, dtype=torch.uint8)


def _plain(tensor: torch.Tensor) -> bool:
    return tensor.device.type == "cpu" and tensor.layout == torch.strided


def _name(how: Any) -> str:
    """Returns the name of a torch.distributed.ReduceOp; empty for one that is not supported here."""
    if how is None:
        return "SUM"
    return next((name for name in _ADD if how == getattr(dist.ReduceOp, name)), "")


def _summed(parts: list[torch.Tensor], how: str) -> torch.Tensor:
    total = parts[0].clone()
    for part in parts[1:]:
        _ADD[how](total, part, out=total)
    if how == "AVG":
        _divide(total, len(parts))
    return total


def _divide(tensor: torch.Tensor, by: int) -> None:
    if tensor.dtype.is_floating_point or tensor.dtype.is_complex:
        tensor.div_(by)
    else:
        tensor.div_(by, rounding_mode="trunc")


def _backward() -> int:
    """Returns the number of the backward pass in which this thread computes gradients, -1 outside of any. Work after the gradients
    (PyTorch's reducer of a static graph) counts as outside: deferred operations would finish too late for it.
    """
    if torch._C._current_autograd_node() is None:
        return -1
    return int(torch._C._current_graph_task_id())
