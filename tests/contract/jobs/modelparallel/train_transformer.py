"""smp.nn's transformer over two tensor-parallel processes, beside PyTorch's own layers. Runs inside a job."""

import os

import torch

import smdistributed.modelparallel.torch as smp

smp.init()
torch.set_num_threads(1)
torch.set_default_dtype(torch.float64)
WIDTH, HEADS, INNER = 16, 4, 32
torch.manual_seed(0)


class Custom(torch.nn.Module):
    """A class of the script's own, registered with its divided counterpart."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.map = torch.nn.Linear(width, width)

    def forward(self, states, mask=None):
        return self.map(states)


SHAPE = {
    "num_attention_heads": HEADS,
    "attention_head_size": WIDTH // HEADS,
    "hidden_size": WIDTH,
    "intermediate_size": INNER,
    "attention_dropout_prob": 0.0,
    "hidden_dropout_prob": 0.0,
    "activation": "relu",
}
smp.tp_register_with_module(
    Custom,
    smp.nn.DistributedTransformerLayer,
    init_hook=lambda width: ((), SHAPE),
    forward_hook=lambda states, mask=None: (((states, mask),), {}),
    return_hook=lambda found: found[0],
)


class Net(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        with smp.tensor_parallelism():
            self.layer = Custom(WIDTH)
            with smp.tensor_parallelism(enabled=False):
                self.plain = torch.nn.Linear(WIDTH, WIDTH)

    def forward(self, states):
        return self.plain(self.layer(states))


model = smp.DistributedModel(Net())
kinds = [type(module).__name__ for module in model.distributed_modules()]
assert "DistributedTransformerLayer" in kinds, kinds
assert type(model.module.plain).__name__.endswith("Linear")
assert not any(model.is_distributed_parameter(p) for p in model.module.plain.parameters())
state = model.state_dict()
reference = torch.nn.TransformerEncoderLayer(WIDTH, HEADS, INNER, dropout=0.0, batch_first=True)
theirs = {"linear1": "output.inner", "linear2.weight": "output.out.weight", "linear2.bias": "output.out_bias"}
prefix = next(name for name in state if name.endswith("attention.query.weight")).removesuffix("attention.query.weight")
found = {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
parts = [[found[f"attention.{name}.{kind}"] for name in ("query", "key", "value")] for kind in ("weight", "bias")]
reference.load_state_dict(
    {
        "self_attn.in_proj_weight": torch.cat(parts[0]),
        "self_attn.in_proj_bias": torch.cat(parts[1]),
        "self_attn.out_proj.weight": found["attention.out.weight"],
        "self_attn.out_proj.bias": found["attention.out_bias"],
        "linear1.weight": found["output.inner.weight"],
        "linear1.bias": found["output.inner.bias"],
        "linear2.weight": found["output.out.weight"],
        "linear2.bias": found["output.out_bias"],
        "norm1.weight": found["attention.norm_after.weight"],
        "norm1.bias": found["attention.norm_after.bias"],
        "norm2.weight": found["output.norm_after.weight"],
        "norm2.bias": found["output.norm_after.bias"],
    }
)
plain = torch.nn.Linear(WIDTH, WIDTH)
plain.load_state_dict({name: state[f"plain.{name}"] for name in ("weight", "bias")})
data = torch.randn(4 * smp.dp_size(), 6, WIDTH, generator=torch.Generator().manual_seed(1))
own = data[4 * smp.dp_rank() :][:4]
due = plain(reference(data))
got = model(own)
assert torch.allclose(got, due[4 * smp.dp_rank() :][:4]), (got - due[4 * smp.dp_rank() :][:4]).abs().max()
model.backward(got.square().mean())
due.square().mean().backward()
grads = {name: p.grad.full_tensor() for name, p in model.local_named_parameters()}
assert torch.allclose(grads[prefix + "output.inner.weight"], reference.linear1.weight.grad)
assert torch.allclose(grads[prefix + "attention.out.weight"], reference.self_attn.out_proj.weight.grad)
assert torch.allclose(grads["plain.weight"], plain.weight.grad)

head = smp.nn.DistributedTransformerLMHead(
    num_layers=2, vocab_size=24, num_positions=8, causal_mask_size=8, pre_layernorm=True, **SHAPE
)
head = smp.DistributedModel(head)
optimizer = smp.DistributedOptimizer(torch.optim.AdamW(head.parameters(), lr=0.01))
ids = torch.randint(24, (4, 8), generator=torch.Generator().manual_seed(smp.dp_rank()))
losses = []
for _ in range(40):
    optimizer.zero_grad()
    loss, logits = head((ids, torch.zeros_like(ids), None, None, ids.roll(-1, 1)))
    head.backward(loss)
    optimizer.step()
    losses.append(loss.item())
assert logits.shape == (4, 8, 24)
assert losses[-1] < losses[0] / 2, losses
changed = ids.clone()
changed[:, -1] = (changed[:, -1] + 1) % 24
before, after = (head((x, None, None, None, None)) for x in (ids, changed))
assert torch.allclose(before[:, :-1], after[:, :-1])  # causal: later words change nothing before them
assert not torch.allclose(before[:, -1], after[:, -1])
smp.barrier()
os.write(1, f"transformer agrees on rank {smp.rank()}, loss {losses[0]:.2f} to {losses[-1]:.2f}\n".encode())
smp.barrier()
