"""Trains one model over the job's processes and beside it the same model whole; they must agree to rounding.

Runs inside a job. Prints what each process holds, and a line when all was as it should be.
"""

import copy
import os

import torch
import torch.distributed as dist
from torch.distributed.tensor import DTensor

import smdistributed.modelparallel.torch as smp
from smdistributed.modelparallel.torch.ranks import options

PLACE = "/opt/ml/checkpoints"
smp.init()
torch.set_num_threads(1)
torch.set_default_dtype(torch.float64)
GIVEN = options()
BY_HAND = not GIVEN.auto_partition


def say(line: str) -> None:
    os.write(1, f"{line}\n".encode())  # lines of processes that share an output must not mix


class Block(torch.nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = torch.nn.LayerNorm(width)
        self.inner = torch.nn.Linear(width, 4 * width)
        self.out = torch.nn.Linear(4 * width, width)

    def forward(self, x, scale=1.0):
        return x + scale * self.out(torch.relu(self.inner(self.norm(x))))


class Net(torch.nn.Module):
    """With a parameter of its own, blocks in a loop, an argument by name, a buffer, and a head tied to the embedding."""

    def __init__(self, width: int = 16, words: int = 24) -> None:
        super().__init__()
        self.words = torch.nn.Embedding(words, width)
        self.shift = torch.nn.Parameter(torch.randn(width) / 10)
        self.blocks = torch.nn.ModuleList()
        for number in range(4):
            with smp.partition(number * smp.pp_size() // 4):
                self.blocks.append(Block(width))
        self.head = torch.nn.Linear(width, words, bias=False)
        self.head.weight = self.words.weight
        self.register_buffer("scales", 1 / torch.arange(1, 5))

    def forward(self, ids):
        x = self.words(ids) + self.shift
        for number, block in enumerate(self.blocks):
            x = block(x, scale=float(self.scales[number]) if not self.scales.is_meta else 1 / (number + 1))
        return self.head(x)


def batches(count: int):
    """The training data, and this process's part of it. Tensor-parallel processes share a part if the batch is prescaled."""
    source = torch.Generator().manual_seed(7)
    parts, mine = (smp.rdp_size(), smp.rdp_rank()) if GIVEN.prescaled_batch else (smp.dp_size(), smp.dp_rank())
    for _ in range(count):
        x, y = (torch.randint(24, (parts * 8, 5), generator=source) for _ in range(2))
        yield x, y, x[mine * 8 :][:8], y[mine * 8 :][:8]


@smp.step
def train_step(model, x, y):
    out = model(x)
    loss = torch.nn.functional.cross_entropy(out.flatten(0, 1), y.flatten())
    model.backward(loss)
    return loss, {"out": out}


@smp.step(non_split_inputs=["factor"])
def evaluate(model, x, factor):
    return model(x) * factor


torch.manual_seed(0)
with smp.model_creation(tensor_parallelism=smp.tp_size() > 1):
    net = Net()
whole = copy.deepcopy(net)
size = sum(parameter.numel() for parameter in whole.parameters())
optimizer = torch.optim.AdamW(net.parameters(), lr=0.01)  # before the model is spread, as AWS's examples do
other = torch.optim.AdamW(whole.parameters(), lr=0.01)
model = smp.DistributedModel(net)
optimizer = smp.DistributedOptimizer(optimizer)


def train(steps) -> None:
    for all_x, all_y, x, y in steps:
        optimizer.zero_grad()
        other.zero_grad()
        loss, found = train_step(model, x, y)
        due = torch.nn.functional.cross_entropy(whole(all_x).flatten(0, 1), all_y.flatten())
        due.backward()
        mean = loss.reduce_mean().clone()
        dist.all_reduce(mean)
        assert torch.allclose(mean / smp.size(), due.detach()), (mean / smp.size(), due)
        assert found["out"].concat().shape == (8, 5, 24)
        optimizer.step()
        other.step()


def agree() -> None:
    state = model.state_dict()
    assert set(state) == set(whole.state_dict())
    for name, value in whole.state_dict().items():
        assert torch.allclose(state[name], value, atol=1e-9), name


def zero() -> None:
    with torch.no_grad():
        for parameter in model.local_parameters():
            parameter.zero_()
    assert not any(model.state_dict()[name].any() for name, _ in whole.named_parameters())


data = list(batches(6))
train(data[:4])
agree()
held = sum((p.to_local() if isinstance(p, DTensor) else p).numel() for p in model.local_parameters())
smp.save_checkpoint(PLACE, "parts", partial=True, model=model, optimizer=optimizer, user_content={"step": 4})
smp.save_checkpoint(PLACE, "whole", partial=False, model=model, optimizer=optimizer, user_content={"step": 4})
kept, local = copy.deepcopy(optimizer.local_state_dict()), copy.deepcopy(model.local_state_dict())
assert local["_smp_is_partial"]
assert kept["_smp_is_partial"]
if smp.local_size() == smp.size():  # else each host has its own directory
    for partial, tag in ((True, "parts"), (False, "whole")):
        zero()
        assert smp.resume_from_checkpoint(PLACE, tag=tag, partial=partial) == {"step": 4}
        agree()
    say("resumed")
zero()
model.load_state_dict(local)
optimizer.load_state_dict(kept)
train(data[4:])
agree()
model.eval()
with torch.no_grad():
    answers = evaluate(model, data[0][2], torch.tensor([2.0])).concat()
assert torch.allclose(answers, 2 * whole(data[0][2]), atol=1e-9)
if smp.pp_size() > 1:
    try:
        model(data[0][2])
    except RuntimeError as error:
        if smp.pp_rank() == 0:
            say(f"outside of a step: {error}")
assert smp.allgather(smp.rank(), smp.WORLD) == list(range(smp.size()))
if smp.size() > 1 and smp.rank() < 2:
    if smp.rank() == 0:
        smp.send({"hello": [1, 2]}, 1, smp.RankType.WORLD_RANK)
    else:
        assert smp.recv_from(0, smp.RankType.WORLD_RANK) == {"hello": [1, 2]}
smp.save(model.state_dict(), "/opt/ml/model/model.pt", partial=False)
smp.barrier()
place = f"pp {smp.pp_rank()}/{smp.pp_size()} tp {smp.tp_rank()}/{smp.tp_size()}"
say(f"rank {smp.rank()} of {smp.size()} holds {held} of {size}; {place}")
smp.barrier()
