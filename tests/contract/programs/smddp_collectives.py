"""Every collective over three or more hosts, with what tensors they may be called."""

import os

import torch
import torch.distributed as dist

rank, size = dist.get_rank(), dist.get_world_size()
assert type(dist.group.WORLD).__name__ == "SharedGroup"
everybody = sum(range(size))

for dtype in (torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int32, torch.int64, torch.uint8):
    tensor = torch.full((5, 3), rank, dtype=dtype)
    dist.all_reduce(tensor)
    assert (tensor == everybody).all() and tensor.dtype == dtype
large = torch.arange(30_000_000, dtype=torch.float32).remainder_(1000).add_(rank)
dist.all_reduce(large)
assert torch.equal(large, torch.arange(30_000_000.0).remainder_(1000).mul_(size).add_(everybody))
strided = torch.ones(4000, 3000).t()[::2] * (rank + 1)
dist.all_reduce(strided, op=dist.ReduceOp.AVG)
assert (strided == (everybody + size) / size).all()
torch.manual_seed(0)
drawn = torch.randn(size, 7, 5)
expected = {
    "AVG": drawn.mean(0), "MIN": drawn.amin(0), "MAX": drawn.amax(0), "PRODUCT": drawn.prod(0), "SUM": drawn.sum(0),
}  # fmt: skip
for name, result in expected.items():
    tensor = drawn[rank].clone()
    dist.all_reduce(tensor, op=getattr(dist.ReduceOp, name))
    assert torch.allclose(tensor, result, atol=1e-6), name
    seen = [torch.zeros_like(tensor) for _ in range(size)]
    dist.all_gather(seen, tensor)
    assert all(torch.equal(one, tensor) for one in seen), f"{name}: not the same bits everywhere"
works = [(tensor, dist.all_reduce(tensor, async_op=True)) for tensor in [torch.ones(n) for n in range(1, 300)]]
for tensor, work in reversed(works):
    work.wait()
    assert (tensor == size).all()
leaf = torch.tensor([float(rank)], requires_grad=True)
dist.broadcast(leaf, 1)
assert leaf.item() == 1
whole = torch.zeros(3 * size)
dist.all_gather_into_tensor(whole, torch.full((3,), float(rank)))
assert torch.equal(whole, torch.arange(float(size)).repeat_interleave(3))
part = torch.zeros(2)
dist.reduce_scatter_tensor(part, torch.arange(2.0 * size))
assert torch.equal(part, size * torch.arange(2.0 * rank, 2 * rank + 2))
reduced = torch.ones(2)
dist.reduce(reduced, 0)
assert rank != 0 or (reduced == size).all()
# what gloo does
objects = [None] * size
dist.all_gather_object(objects, {"rank": rank})
assert [one["rank"] for one in objects] == list(range(size))
swapped = torch.zeros(size)
dist.all_to_all_single(swapped, torch.full((size,), float(rank)))
assert torch.equal(swapped, torch.arange(float(size)))
mine = torch.zeros(2)
dist.scatter(mine, [torch.full((2,), float(n)) for n in range(size)] if rank == 0 else None, 0)
assert (mine == rank).all()
gathered = [torch.zeros(2) for _ in range(size)] if rank == 0 else None
dist.gather(mine, gathered, 0)
if rank == 0:
    dist.send(torch.ones(3), 1)
elif rank == 1:
    received = torch.zeros(3)
    dist.recv(received, 0)
    assert received.sum() == 3
for turn in range(20):  # groups come and go: their parts of the memory are used again
    group = dist.new_group([0, 1])
    if rank < 2:
        tensor = torch.full((3,), float(rank + turn))
        dist.all_reduce(tensor, group=group)
        assert (tensor == 1 + 2 * turn).all()
        dist.destroy_process_group(group)
if rank < 2:
    pair = dist.new_group([0, 1], use_local_synchronization=True)
    dist.barrier(group=pair)
dist.barrier()
os.write(1, f"collectives of rank {rank} are right\n".encode())
