"""Data with a known truth, made anew by each seed. Everything is float32."""

from __future__ import annotations

import numpy as np


def spectrum(rows: int, columns: int, decay: float, seed: int) -> np.ndarray:
    """(rows, columns) whose principal components' standard deviations fall as i to the power of -`decay`, about a mean."""
    random = np.random.default_rng(seed)
    basis = np.linalg.qr(random.standard_normal((columns, columns)))[0]
    mixing = (basis * np.arange(1, columns + 1) ** -decay).T.astype(np.float32)
    return random.standard_normal((rows, columns), np.float32) @ mixing + random.uniform(-1, 1, columns).astype(
        np.float32
    )


def heavy_tailed(rows: np.ndarray, seed: int, degrees: float = 2.5) -> np.ndarray:
    """`rows` with each one's distance from the mean stretched as Student's t with so many degrees of freedom has it."""
    random = np.random.default_rng(seed)
    stretch = np.sqrt(degrees / random.chisquare(degrees, len(rows))).astype(np.float32)
    mean = rows.mean(axis=0)
    return (rows - mean) * stretch[:, None] + mean


def shifted(rows: np.ndarray, by: float = 1000.0) -> np.ndarray:
    """`rows` with every column's mean moved by that many of its standard deviations."""
    return rows + np.float32(by) * rows.std(axis=0)


def clustered(rows: np.ndarray, seed: int) -> np.ndarray:
    """An order, (n,): by the rows' places along a random direction, so that what comes early is all of one kind."""
    return np.argsort(
        rows @ np.random.default_rng(seed).standard_normal(rows.shape[1]).astype(np.float32), kind="stable"
    )


def rings(rows: int, columns: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """(rows, columns) of which the first two lie on one of four noisy circles, the others are noise; and which circle, float32."""
    random = np.random.default_rng(seed)
    which = random.integers(4, size=rows)
    angle, radius = random.uniform(0, 2 * np.pi, rows), 1 + which + random.normal(0, 0.2, rows)
    out = random.normal(0, 0.3, (rows, columns)).astype(np.float32)
    out[:, 0], out[:, 1] = radius * np.cos(angle), radius * np.sin(angle)
    return out, which.astype(np.float32)


def clouds(rows: int, columns: int, centres: int, seed: int, *, uneven: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """(rows, columns) of normal clouds of different widths, and which each row is of, float32; `uneven`: sizes fall as 1 / i."""
    random = np.random.default_rng(seed)
    share = 1 / np.arange(1, centres + 1) if uneven else np.ones(centres)
    which = random.choice(centres, rows, p=share / share.sum())
    points = random.normal(0, 4, (centres, columns)).astype(np.float32)
    widths = random.uniform(0.5, 2, centres).astype(np.float32)
    out = random.standard_normal((rows, columns), np.float32) * widths[which, None] + points[which]
    return out, which.astype(np.float32)


def sparse(rows: np.ndarray, seed: int, kept: float = 0.05) -> np.ndarray:
    """`rows` with all but so large a share of the numbers set to 0."""
    return rows * (np.random.default_rng(seed).random(rows.shape, np.float32) < kept)


def series(rows: int, window: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """(rows, window) of a seasonal series with spikes and shifts, and whether a window's last point is in one."""
    random = np.random.default_rng(seed)
    time = np.arange(rows + window - 1)
    values = 10 * np.sin(time * 2 * np.pi / 48) + 4 * np.sin(time * 2 * np.pi / 336) + random.normal(0, 1, len(time))
    strange = np.zeros(len(time), int)
    for start in random.choice(len(time) - 10, max(3, rows // 1000), replace=False):
        length = random.integers(1, 8)
        values[start : start + length] += random.choice([-1, 1]) * random.uniform(8, 20)
        strange[start : start + length] = 1
    return np.lib.stride_tricks.sliding_window_view(values, window).astype(np.float32), strange[window - 1 :]


def documents(rows: int, words: int, topics: int, length: int, seed: int, *, spread: float = 0.1) -> np.ndarray:
    """(rows, words) counts of documents of about so many words, drawn from a model of topics with mixtures' prior `spread`."""
    random = np.random.default_rng(seed)
    common = 1 / np.arange(1, words + 1)
    beta = random.dirichlet(0.05 * words * common / common.sum(), topics)
    lengths = np.maximum(6, random.poisson(length, rows))
    mixtures = random.dirichlet(np.full(topics, spread), rows)
    return np.stack([random.multinomial(n, each @ beta) for n, each in zip(lengths, mixtures, strict=True)]).astype(
        np.float32
    )


def visits(count: int, users: int, seed: int, *, bits: int = 16, popular: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """`count` visits, by time: the user's number, and an address (uint32) from one of the user's two networks (their first `bits`),
    or, of a tenth, from any. `popular`: users' shares fall as i to the power of minus that.
    """
    random = np.random.default_rng(seed)
    networks = random.integers(1 << (bits - 8), (1 << bits) - 1, max(10, users // 5))
    homes = random.integers(0, len(networks), (users, 2))
    share = np.arange(1, users + 1) ** -popular
    user = random.choice(users, count, p=share / share.sum())
    home = homes[user, random.integers(0, 2, count)]
    home = np.where(random.random(count) < 0.1, random.integers(0, len(networks), count), home)
    host = random.integers(0, 1 << (32 - bits), count)
    return user, ((networks[home] << (32 - bits)) + host).astype(np.uint32)


def bursts(rows: int, words: int, topics: int, length: int, seed: int) -> np.ndarray:
    """(rows, words) counts as `documents` has, but that a word that is there comes again (Dirichlet-multinomial)."""
    random = np.random.default_rng(seed)
    beta = random.dirichlet(np.full(words, 0.05), topics)
    mixtures = random.dirichlet(np.full(topics, 0.1), rows) @ beta
    own = random.gamma(np.maximum(mixtures * 40, 1e-9))
    own /= own.sum(axis=1, keepdims=True)
    return np.stack([random.multinomial(length, each) for each in own]).astype(np.float32)


def themes(rows: int, words: int, count: int, length: int, seed: int) -> np.ndarray:
    """(rows, words) counts of documents of one theme each, and a third of their words of none."""
    random = np.random.default_rng(seed)
    common = random.dirichlet(np.full(words, 0.3))
    own = random.dirichlet(np.full(words, 0.02), count)
    which = random.integers(count, size=rows)
    return np.stack([random.multinomial(length, (2 * own[each] + common) / 3) for each in which]).astype(np.float32)


def offices(count: int, users: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """`count` visits of users who share their office's few addresses, and have one of their own."""
    random = np.random.default_rng(seed)
    desks = max(4, users // 20)
    shared = random.integers(1 << 24, 1 << 32, desks, dtype=np.uint32) & np.uint32(0xFFFFFF00)
    home = random.integers(1 << 24, 1 << 32, users, dtype=np.uint32)
    user = random.integers(0, users, count)
    at_work = random.random(count) < 0.6
    address = np.where(at_work, shared[user % desks] + random.integers(1, 5, count).astype(np.uint32), home[user])
    return user, address.astype(np.uint32)


def movers(count: int, users: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """`count` visits, by time, of users who move to another network now and then."""
    random = np.random.default_rng(seed)
    user = random.integers(0, users, count)
    networks = random.integers(1 << 8, 1 << 16, max(10, users // 4))
    period = (np.arange(count) * 3 // count + random.integers(0, 3, users)[user]) // 2
    network = networks[(user * 7 + period * 13) % len(networks)]
    return user, ((network << 16) + random.integers(0, 1 << 16, count)).astype(np.uint32)
