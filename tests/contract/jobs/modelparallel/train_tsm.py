"""PyTorch's FSDP and tensors divided by torch.sagemaker, beside the same model whole. Runs inside a job."""

import copy
import os
import warnings

import torch
import torch.distributed as dist
import torch.sagemaker as tsm
from torch.distributed.fsdp import FullStateDictConfig, StateDictType
from torch.distributed.fsdp import FullyShardedDataParallel as FSDP  # noqa: N817 - its name in every script
from torch.sagemaker.grad_norm import clip_grad_norm_

warnings.simplefilter("ignore")
torch.set_num_threads(1)
tsm.init({"tensor_parallel_degree": 64})  # the job's own options come first
state = tsm.state


class Net(torch.nn.Module):
    def __init__(self, width: int = 16, words: int = 24) -> None:
        super().__init__()
        self.words = torch.nn.Embedding(words, width)
        self.inner = torch.nn.Linear(width, 4 * width)
        self.norm = torch.nn.LayerNorm(4 * width)
        self.out = torch.nn.Linear(4 * width, width)
        self.head = torch.nn.Linear(width, words, bias=False)

    def forward(self, ids):
        x = self.words(ids)
        return self.head(x + self.out(torch.relu(self.norm(self.inner(x)))))


torch.manual_seed(0)
net = Net()
whole = copy.deepcopy(net)
model = FSDP(tsm.transform(net), use_orig_params=True, device_id=torch.device("cpu"))
optimizer, other = (torch.optim.SGD(m.parameters(), lr=0.5) for m in (model, whole))
source = torch.Generator().manual_seed(7)
for _ in range(3):
    x, y = (torch.randint(24, (state.dp_size * 4, 5), generator=source) for _ in range(2))
    mine = slice(state.dp_rank * 4, state.dp_rank * 4 + 4)
    optimizer.zero_grad()
    other.zero_grad()
    loss = torch.nn.functional.cross_entropy(model(x[mine]).flatten(0, 1), y[mine].flatten())
    loss.backward()
    due = torch.nn.functional.cross_entropy(whole(x).flatten(0, 1), y.flatten())
    due.backward()
    norms = clip_grad_norm_(model, 0.3), torch.nn.utils.clip_grad_norm_(whole.parameters(), 0.3)
    mean = loss.detach().clone()
    dist.all_reduce(mean)
    assert torch.allclose(mean / state.world_size, due.detach(), atol=1e-6)
    assert torch.allclose(*norms, rtol=1e-4), norms
    optimizer.step()
    other.step()
with FSDP.state_dict_type(model, StateDictType.FULL_STATE_DICT, FullStateDictConfig(rank0_only=False)):
    found = model.state_dict()
    for name, value in whole.state_dict().items():
        assert torch.allclose(found[name], value, atol=1e-5), name
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    model.load_state_dict(found)
    again = model.state_dict()
assert all(torch.equal(again[name], value) for name, value in found.items())
if dist.get_rank() == 0:
    torch.save(found, "/opt/ml/model/model.pt")
held = sum(parameter.numel() for parameter in model.parameters())
size = sum(parameter.numel() for parameter in whole.parameters())
how = f"tp {state.tp_size}, shards {state.hybrid_shard_degree}, {model.sharding_strategy.name}"
line = f"rank {state.rank} of {state.world_size} holds {held} of {size}, {how}"
os.write(1, f"{line}\n".encode())
dist.barrier()
dist.destroy_process_group()
