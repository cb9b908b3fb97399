"""What is asked of a run, in the thread of ``worker.Worker``: torch's random state is one for the process."""

import logging
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from latentia.core.errors import LatentiaError
from latentia.data import Split, no_downloads
from latentia.distributions import discrete_columns, has_mean
from latentia.evaluation import Metric, Neighbors, WalkPath, between, draws_of_x, expected_x, means_of_x, neighbors, quiet
from latentia.runs import Part, Run, Scored, rows_for
from latentia.web.service.about import About

log = logging.getLogger("latentia.web")
ROWS_AT_ONCE = 1000
# Of the run's own rows, while other requests wait.
ROWS_IN_BETWEEN = 2000
DRAWS_FOR_A_MEAN = 4096


class Encoded(NamedTuple):
    """Means and spreads of rows, (n, *z_shape) each, and sentences about what could not be read."""

    mean: Tensor
    sd: Tensor
    notes: list[str]


class NotHere(Exception):
    """The run's own rows cannot be had, and why."""


class Asked:
    """The calls of one run. None may be made while another is.

    Args:
        run: the run.
        about: what it takes.
    """

    def __init__(self, run: Run, about: About) -> None:
        self._run, self._about = run, about
        self._own: dict[str, Split | NotHere] = {}
        self._codes: dict[str, list[Tensor]] = {}

    def decode(self, parts: list[np.ndarray]) -> Sequence[Tensor | Exception]:
        """x at each z: (n, *z_shape) each -> (n, *x_shape) each."""
        return _together(self._run.decode, [torch.from_numpy(z) for z in parts], self._about.decodes_alone)

    def encode(self, parts: list[Any]) -> Sequence[Encoded | Exception]:
        """Each part's encodings, as if it had been asked alone."""
        answers: list[Encoded | Exception | None] = [None] * len(parts)
        read: dict[bool, list[tuple[int, Split, list[str]]]] = {False: [], True: []}
        for place, part in enumerate(parts):
            try:
                rows = rows_for(self._run, part)
            except Exception as error:
                answers[place] = error
            else:
                read[rows.split.mask is not None].append((place, rows.split, rows.notes))
        for found in read.values():
            splits = [split for _, split, _ in found]
            for (place, _, notes), answer in zip(found, self._encode_splits(splits), strict=True):
                answers[place] = answer if isinstance(answer, Exception) else Encoded(*answer, notes)
        return [answer for answer in answers if answer is not None]

    def reconstruct(self, rows: Any) -> tuple[Tensor, list[str]]:
        """Rows to their encoding and back: (n, *x_shape), and sentences."""
        found = rows_for(self._run, rows)
        if not self._about.discrete:
            return self._run.decode(self._run.encode(found.split)), found.notes
        model, posterior = self._run.model, self._run.posterior
        with quiet(model, posterior, seed=0):
            batches = found.split.batches(ROWS_AT_ONCE)
            back = [expected_x(model, posterior.infer(model, batch), batch.given).cpu() for batch in batches]
        return torch.cat(back), found.notes

    def sample(self, n: int, temperature: float, mean: bool, seed: int) -> tuple[Tensor, Tensor]:
        """New z (n, *z_shape), and what they decode to (n, *x_shape): the mean, or a draw.

        Raises:
            LatentiaError: a temperature under a prior that cannot be scaled.
        """
        model = self._run.model
        with quiet(model, self._run.posterior, seed):
            prior, z = model.prior(), model.sample_prior(n)
            if temperature != 1:
                if discrete_columns(prior) is not None:
                    raise LatentiaError("z is discrete here, and cannot be scaled; leave out the temperature.")
                center = prior.mean if has_mean(prior) else model.sample_prior(DRAWS_FOR_A_MEAN).mean(0)
                z = center + temperature * (z - center)
                support = prior.support
                if support is not None and not bool(support.check(z).all()):
                    raise LatentiaError(f"a temperature of {temperature:g} leads out of the prior's support; use 1.")
            x = (means_of_x if mean else draws_of_x)(model, z)
        return z.cpu(), x.float().cpu()

    def interpolate(self, ends: Sequence[Any], steps: int, path: WalkPath | None) -> tuple[Tensor, Tensor]:
        """Points (steps, *z_shape) between two z's or rows, and what they decode to (steps, *x_shape)."""
        run = self._run
        a, b = (end.z if end.z is not None else run.encode(rows_for(run, end.rows).split) for end in ends)
        first, last = (torch.as_tensor(z, dtype=torch.float32)[0].to(run.device) for z in (a, b))
        with quiet(run.model, run.posterior, seed=0):
            z = between(run.model.prior(), first, last, steps, path).cpu()
        return z, run.decode_walk(z)

    def score(self, rows: Any, draws: int, seed: int, top: int) -> tuple[Scored, list[list[Part]]]:
        """log p(x) of rows, and of each the ``top`` parts that make it unlikely."""
        found = self._run.score(rows, draws=draws, seed=seed)
        return found, found.heaviest(top) if top else []

    def know_some(self, split: str) -> bool:
        """Encode some more of the run's own rows; whether all are known now.

        Raises:
            NotHere: there are none on this machine, or none in this split, or they stay on disk.
        """
        if split not in self._own:
            self._own[split] = self._found(split)
        rows, known = self._own[split], self._codes.setdefault(split, [])
        if isinstance(rows, NotHere):
            raise rows
        done = sum(len(part) for part in known)
        if done < len(rows):
            some = torch.arange(done, min(done + ROWS_IN_BETWEEN, len(rows)), device=rows.device)
            known.append(self._run.encode(rows.take(some)).flatten(1))
            return done + len(some) == len(rows)
        if len(known) > 1:
            known[:] = [torch.cat(known)]
        return True

    def neighbors(self, z: Any, rows: Any, k: int, split: str, metric: Metric) -> tuple[Neighbors, list[Any] | None]:
        """The k nearest of the run's own rows, all of which are known, and their labels."""
        of = self._run.encode(rows_for(self._run, rows).split) if z is None else torch.from_numpy(z)
        found = neighbors(torch.cat(self._codes[split]), of.flatten(1), k, metric, "exact")
        data = self._run.dataset()
        labels, names = data.split(split).labels, data.label_names
        if labels is None:
            return found, None
        numbers = labels.cpu()[found.rows].tolist()
        return found, [[names[label] if names is not None else label for label in each] for each in numbers]

    def _found(self, split: str) -> Split | NotHere:
        """A split of the run's own rows, or why it cannot be had, which is not looked into again."""
        try:
            with no_downloads():
                self._run.dataset().split(split)
        except (LatentiaError, OSError) as error:
            if self._run.data is not None:
                return NotHere(str(error))
            # The reason may name files, which are nobody else's business.
            log.warning("no neighbors: %s", error)
            return NotHere("this run's rows are not on this machine, so that none are near; its log says more.")
        try:
            return rows_for(self._run, None, split).split
        except LatentiaError as error:
            return NotHere(str(error))

    def _encode_splits(self, splits: list[Split]) -> Sequence[tuple[Tensor, Tensor] | Exception]:
        if not splits:
            return []
        if not self._about.encodes_alone or len(splits) == 1:
            return [_outcome(self._run.encode_with_sd, split) for split in splits]
        masks = [split.mask for split in splits if split.mask is not None]
        whole = Split(torch.cat([split.values() for split in splits]), mask=torch.cat(masks) if masks else None)
        try:
            mean, sd = self._run.encode_with_sd(whole)
        except Exception:
            return [_outcome(self._run.encode_with_sd, split) for split in splits]
        sizes = [len(split) for split in splits]
        return list(zip(mean.split(sizes), sd.split(sizes), strict=True))


def _together(call: Callable[[Tensor], Tensor], parts: list[Tensor], alone: bool) -> Sequence[Tensor | Exception]:
    """One call for all parts; where it fails each by itself, so that nobody pays for what somebody else sent."""
    if alone and len(parts) > 1:
        try:
            return call(torch.cat(parts)).split([len(part) for part in parts])
        except Exception:  # told below, to whom it concerns
            pass
    return [_outcome(call, part) for part in parts]


def _outcome(call: Callable[[Any], Any], part: Any) -> Any:
    try:
        return call(part)
    except Exception as error:
        return error
