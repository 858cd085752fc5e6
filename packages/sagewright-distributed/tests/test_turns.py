"""Microbatches compute one at a time, in the same order and with the same random numbers in every run."""

from __future__ import annotations

import random
import threading
import time

import torch

from smdistributed.modelparallel.torch.turns import Turns


def _run(count: int, segments: int, jitter: random.Random) -> tuple[list[tuple[int, int]], list[float], float]:
    """Returns the order of the segments, the numbers that each microbatch drew, and the next one outside."""
    torch.manual_seed(5)
    turns, order, at_once = Turns(count), [], []
    drawn = [0.0] * count
    pauses = [[jitter.random() / 200 for _ in range(segments)] for _ in range(count)]

    def microbatch(number: int) -> None:
        turns.begin(number)
        for segment in range(segments):
            at_once.append(1)
            assert len(at_once) == 1
            order.append((segment, number))
            drawn[number] += float(torch.rand(()))
            at_once.pop()
            if segment + 1 < segments:
                with turns.waiting(number):
                    time.sleep(pauses[number][segment])
        turns.end(number)
        turns.finish(number)

    threads = [threading.Thread(target=microbatch, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    turns.close()
    return order, drawn, float(torch.rand(()))


def test_every_run_is_alike() -> None:
    first = _run(4, 5, random.Random(1))
    second = _run(4, 5, random.Random(2))
    assert first[1:] == second[1:]
    assert len(set(first[1])) == 4
    for segment in range(5):
        for order in (first[0], second[0]):
            assert [number for part, number in order if part == segment] == [0, 1, 2, 3]
