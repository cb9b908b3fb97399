"""In which order blocks are read and rows come out: a function of the generator and of the sizes alone.

A file that is larger than memory is read in stretches, since single rows from all over it would cost a seek each. Blocks are
put in a random order, a buffer takes as many of them as it holds, and its rows come out in a random order while the next
buffer is filled. Every row comes once an epoch.
"""

from dataclasses import dataclass

import numpy as np
import torch


@dataclass(frozen=True)
class Plan:
    """One pass over a split.

    Attributes:
        blocks: (n,) in the order in which they are read.
        cuts: (n_groups + 1,) places in ``blocks`` between two fillings of the buffer.
        ends: (n_groups + 1,) how many rows have come out before each filling, and at last all.
        seed: of the order within each filling; None for rows as they lie.
    """

    blocks: np.ndarray
    cuts: np.ndarray
    ends: np.ndarray
    seed: int | None

    @property
    def largest(self) -> int:
        """Rows of the largest filling."""
        return int(np.diff(self.ends).max(initial=0))

    def mixed(self, group: int) -> torch.Tensor | None:
        """(rows,) the order within a filling."""
        if self.seed is None:
            return None
        rows = int(self.ends[group + 1] - self.ends[group])
        return torch.randperm(rows, generator=torch.Generator().manual_seed(self.seed + group))


def plan(
    counts: np.ndarray,
    chains: np.ndarray | None,
    lanes: int,
    room: int,
    generator: torch.Generator | None = None,
    shuffle: bool = False,
) -> Plan:
    """A pass over blocks.

    Args:
        counts: (n_blocks,) rows of each that belong to the split.
        chains: see ``Source``.
        lanes: likewise.
        room: rows that the buffer holds; a filling may be larger by a block.
        generator: of the order; torch's own where it is None.
        shuffle: or else the blocks as they lie.
    """
    blocks, seed = np.flatnonzero(counts), None
    if shuffle:
        own = None if chains is None else chains[blocks]
        blocks = blocks[_mixed(len(blocks), generator) if own is None else _side_by_side(own, lanes, generator)]
        seed = int(torch.randint(2**62, (), generator=generator))
    rows = np.concatenate([[0], np.cumsum(counts[blocks])])
    n_groups = max(1, -(-int(rows[-1]) // max(1, room)))
    # Fillings of one size, so that none at the end mixes a few blocks only.
    wanted = rows[-1] * np.arange(1, n_groups) / n_groups
    cuts = np.unique(np.concatenate([[0], np.searchsorted(rows, wanted), [len(blocks)]]))
    return Plan(blocks, cuts, rows[cuts], seed)


def _mixed(n: int, generator: torch.Generator | None) -> np.ndarray:
    return torch.randperm(n, generator=generator).numpy()


def _side_by_side(chains: np.ndarray, lanes: int, generator: torch.Generator | None) -> np.ndarray:
    """(n,) an order in which chains, themselves in random order, run in lanes, a block of each lane in turn."""
    names, codes = np.unique(chains, return_inverse=True)
    turn = np.empty(len(names), int)
    turn[_mixed(len(names), generator)] = np.arange(len(names))
    lane, after = turn[codes] % lanes, turn[codes] // lanes
    place = np.empty(len(chains), int)
    for one in np.unique(lane):
        inside = np.flatnonzero(lane == one)
        place[inside[np.argsort(after[inside], kind="stable")]] = np.arange(len(inside))
    return np.lexsort((lane, place))
