"""The order in which rows on disk come out: every row once, by the seed alone, and as well mixed as is claimed."""

import numpy as np
import pytest
import torch

from helpers.chance import assert_mean_is, z_limit
from latentia.data.streaming.order import Plan, plan

COUNTS = np.array([5, 0, 7, 3, 4, 8, 1, 6, 2, 5, 5, 5])
CHAINS = np.array([0, 0, 0, 1, 1, 2, 3, 3, 4, 5, 6, 6])


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def rows_of(way: Plan, counts: np.ndarray) -> list[int]:
    """Row numbers in the order in which a plan gives them."""
    first = np.concatenate([[0], np.cumsum(counts)])
    out: list[int] = []
    for group, (start, stop) in enumerate(zip(way.cuts[:-1], way.cuts[1:], strict=True)):
        lie = np.concatenate([np.arange(int(first[b]), int(first[b + 1])) for b in way.blocks[start:stop].tolist()])
        mixed = way.mixed(group)
        out += (lie if mixed is None else lie[mixed.numpy()]).tolist()
    return out


@pytest.mark.parametrize("chains", [None, CHAINS], ids=["blocks", "chains"])
@pytest.mark.parametrize("room", [1, 9, 20, 1000])
@pytest.mark.parametrize("shuffle", [False, True])
def test_every_row_comes_once_and_no_filling_exceeds_the_room_by_more_than_a_block(
    chains: np.ndarray | None, room: int, shuffle: bool
) -> None:
    way = plan(COUNTS, chains, 3, room, generator(0), shuffle)
    rows = rows_of(way, COUNTS)
    assert sorted(rows) == list(range(COUNTS.sum()))
    assert way.largest <= room + COUNTS.max()
    assert way.ends[-1] == COUNTS.sum()
    if not shuffle:
        assert rows == sorted(rows)


def test_the_order_is_the_seeds_and_another_epoch_has_another() -> None:
    one, two = generator(3), generator(3)
    orders = [rows_of(plan(COUNTS, None, 3, 20, g, True), COUNTS) for g in (one, two, one, two)]
    assert orders[0] == orders[1]
    assert orders[2] == orders[3]
    assert orders[0] != orders[2]


def test_a_chain_is_read_front_to_back_beside_no_more_than_the_lanes() -> None:
    counts, chains = np.full(60, 2), np.repeat(np.arange(12), 5)
    way = plan(counts, chains, 4, 1000, generator(1), True)
    under_way: set[int] = set()
    most = 0
    for chain in range(12):
        places = np.flatnonzero(chains[way.blocks] == chain)
        assert (np.diff(way.blocks[places]) == 1).all()
    for at, block in enumerate(way.blocks):
        under_way.add(int(chains[block]))
        most = max(most, len(under_way))
        if chains[block] not in chains[way.blocks[at + 1 :]]:
            under_way.discard(int(chains[block]))
    assert most == 4


def test_fillings_are_of_one_size_so_that_none_at_the_end_is_poor() -> None:
    way = plan(np.full(101, 10), None, 16, 500, generator(0), True)
    assert np.diff(way.ends).min() >= 300


def test_a_row_is_as_likely_at_any_place() -> None:
    # 600 seeds; a false alarm in a million.
    counts = np.full(16, 4)
    places = torch.stack(
        [torch.argsort(torch.tensor(rows_of(plan(counts, None, 16, 20, generator(s), True), counts))) for s in range(600)]
    ).double()
    assert_mean_is(places, torch.full((64,), 31.5), "mean place of each row", size=31.5 * 8)


def test_the_noise_of_a_batch_of_a_sorted_file_is_that_of_a_two_stage_sample() -> None:
    """Blocks drawn without return, then rows from them: the textbook's variance (Cochran 1977, Sampling Techniques, ch. 10).

    1,000 seeds; a false alarm in a million. Were the buffer not mixed, or blocks taken as they lie, the variance would be
    many times this one.
    """
    blocks, each, batch, seeds = 64, 8, 16, 1000
    counts, x = np.full(blocks, each), np.arange(blocks * each) / 100
    means = []
    for seed in range(seeds):
        way = plan(counts, None, 16, 16 * each, generator(seed), True)
        means.append(x[rows_of(way, counts)[:batch]].mean())
    filled = 16
    of_blocks = x.reshape(blocks, each)
    between, within = of_blocks.mean(1).var(ddof=1), of_blocks.var(1).mean() * each
    spread = (filled * within + each * (filled - 1) * between) / (filled * each - 1)
    want = (1 - filled / blocks) * between / filled + (1 - batch / (filled * each)) * spread / batch
    got = np.var(means)
    assert abs(got / want - 1) < z_limit(1) * (2 / seeds) ** 0.5 * 1.1  # a little beyond normal tails
    assert want / (x.var() / batch) < 1.8  # what it costs beside a full shuffle: about 1 + batch / blocks in the buffer
