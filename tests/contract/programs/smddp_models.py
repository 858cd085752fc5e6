"""DistributedDataParallel with its options, PyTorch's and the library's own, beside PyTorch's over gloo."""

import contextlib
import os

import torch
import torch.distributed as dist
from smdistributed.dataparallel.torch.parallel.distributed import DistributedDataParallel as Own
from torch.distributed.algorithms.ddp_comm_hooks import default_hooks, powerSGD_hook
from torch.distributed.algorithms.join import Join
from torch.distributed.fsdp import fully_shard
from torch.nn.parallel import DistributedDataParallel as Torch

torch.set_default_dtype(torch.float64)  # what is left of a difference is not rounding
gloo = dist.new_group(backend="gloo")
rank, size = dist.get_rank(), dist.get_world_size()


class Plain(torch.nn.Sequential):
    def __init__(self):
        super().__init__(torch.nn.Linear(6, 300), torch.nn.BatchNorm1d(300), torch.nn.ReLU(), torch.nn.Linear(300, 4))

    def forward(self, x, _step):
        return super().forward(x)


class Changing(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b, self.norm = torch.nn.Linear(6, 4), torch.nn.Linear(6, 4), torch.nn.BatchNorm1d(4)

    def forward(self, x, step):
        return self.norm(self.a(x) if step % 2 else self.b(x))


def train(wrap, module, passes, **options):
    torch.manual_seed(1)
    model = wrap(module(), **options)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    torch.manual_seed(100 + rank)
    for step in range(6):
        optimizer.zero_grad()
        for number in range(passes):
            with model.no_sync() if number < passes - 1 else contextlib.nullcontext():
                output = model(torch.randn(16, 6), step)
                with torch.no_grad():
                    model.module.eval()
                    model(torch.randn(16, 6), step)
                    model.module.train()
                output.square().mean().backward()
        optimizer.step()
    weights = torch.cat([one.detach().flatten() for one in model.parameters()])
    everywhere = [torch.zeros_like(weights) for _ in range(size)]
    dist.all_gather(everywhere, weights)
    assert all(torch.equal(weights, one) for one in everywhere), f"{wrap} {options}: not the same weights"
    return weights


for name, (module, passes, options) in {
    "plain": (Plain, 1, {}),
    "accumulated": (Plain, 3, {}),
    "unused": (Changing, 1, {"find_unused_parameters": True}),
    "views": (Plain, 1, {"gradient_as_bucket_view": True}),
    "static": (Plain, 1, {"static_graph": True}),
}.items():
    expected = train(Torch, module, passes, process_group=gloo, **options)
    for wrap in (Torch, Own):
        assert torch.allclose(train(wrap, module, passes, **options), expected, atol=1e-9), (name, wrap)
for wrap in (Torch, Own):
    model = wrap(torch.nn.Linear(3, 1))
    with Join([model]):  # uneven inputs
        for _ in range(3 + rank):
            model(torch.ones(2, 3)).sum().backward()
    model = wrap(torch.nn.Linear(30, 20))
    model.register_comm_hook(None, default_hooks.fp16_compress_hook)
    model(torch.full((2, 30), float(rank))).sum().backward()
    assert (model.module.weight.grad == sum(range(size)) * 2 / size).all()
    model = wrap(torch.nn.Linear(30, 20))
    state = powerSGD_hook.PowerSGDState(None, start_powerSGD_iter=2, min_compression_rate=0.1)
    model.register_comm_hook(state, powerSGD_hook.powerSGD_hook)
    for _ in range(5):
        model(torch.randn(2, 30)).sum().backward()
assert Own(torch.nn.Linear(3, 1))._gradients is not None
model = Own(Changing())
try:
    model(torch.randn(8, 6), 0).sum().backward()
    raise AssertionError("a parameter without a gradient was not noticed")
except RuntimeError as error:
    assert "2 of 6 parameters got no gradient" in str(error), error
sharded = torch.nn.Linear(8, 8)
fully_shard(sharded)
for _ in range(3):
    sharded(torch.ones(2, 8)).sum().backward()
os.write(1, f"models of rank {rank} are right\n".encode())
