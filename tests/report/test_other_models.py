"""Models beyond the usual: conditions, counts for latents, one z for all rows, missing cells, a prior without moments."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Size, nn
from torch.distributions import Categorical, Distribution, Independent, Normal, Poisson, TransformedDistribution
from torch.distributions.transforms import TanhTransform

from latentia.data import from_arrays
from latentia.models import GenerativeModel, LatentDirichlet
from latentia.posteriors import Posterior, VariationalFactor
from latentia.report import ReportContent, save_pictures
from latentia.report.page import page

Make = Callable[..., ReportContent]
Read = Callable[[str], Any]


def unit(*shape: int) -> Distribution:
    return Independent(Normal(torch.zeros(shape), torch.ones(shape)), len(shape))


class Conditional(GenerativeModel):
    """The prior's mean is the condition; without one there is no prior."""

    def __init__(self) -> None:
        super().__init__()
        self.x_shape, self.z_shape = Size((4,)), Size((2,))
        self.out = nn.Linear(3, 4)

    def prior(self, given=None) -> Distribution:
        assert given is not None
        return Independent(Normal(given.expand(-1, 2), 1.0), 1)

    def likelihood(self, z, given=None) -> Distribution:
        assert given is not None
        return Independent(Normal(self.out(torch.cat([z, given.expand(*z.shape[:-1], 1)], -1)), 1.0), 1)


class Simple(GenerativeModel):
    def __init__(self, prior: Distribution, z_shape: tuple[int, ...], classes: int = 0) -> None:
        super().__init__()
        self.x_shape, self.z_shape = Size((4,)), Size(z_shape)
        self.classes, self.p_z = classes, prior
        self.out = nn.Linear(self.z_shape.numel(), 4 * max(1, classes))

    def prior(self, given=None) -> Distribution:
        return self.p_z

    def likelihood(self, z, given=None) -> Distribution:
        raw = self.out(z.flatten(2))
        if self.classes:
            return Independent(Categorical(logits=raw.unflatten(-1, (4, self.classes))), 1)
        return Independent(Normal(raw, 1.0), 1)


class Says(Posterior):
    def __init__(self, answer: Callable[[int], Distribution]) -> None:
        super().__init__()
        self.answer = answer

    def infer(self, model, batch) -> Distribution:
        return self.answer(len(batch.x))


def content(make: Make, model: GenerativeModel, posterior: Posterior, **data) -> ReportContent:
    rows = from_arrays(torch.randn(30, 4), name="rows", splits=(0.6, 0.2, 0.2), **data)
    return make("vector", model=model, posterior=posterior, data=rows, evaluation=None)


def test_a_condition_comes_from_the_rows(make_content: Make, read: Read) -> None:
    posterior = Says(lambda n: unit(2).expand((n,)))
    found = read(page(content(make_content, Conditional(), posterior, given=torch.randn(30, 1))))
    assert {"samples", "manifold", "traversals", "interpolation"} <= set(found.ids)
    assert "Left out" not in found.text


def test_counts_for_latents_are_not_walked(make_content: Make, read: Read, tmp_path) -> None:
    counts = Independent(Poisson(torch.ones(2)), 1)
    made = content(make_content, Simple(counts, (2,)), Says(lambda n: counts.expand((n,))))
    text = read(page(made)).text
    assert "so there is no walk" in text
    assert "for something to lie in between" in text
    assert [p.name for p in save_pictures(tmp_path, made)] == ["samples.png", "reconstructions.png"]


def test_shares_are_not_moved_one_by_one(make_content: Make, read: Read) -> None:
    model = LatentDirichlet(2, 4)
    rows = from_arrays(torch.poisson(torch.rand(30, 4) * 3), name="words", splits=(0.6, 0.2, 0.2))
    found = read(page(make_content("vector", model=model, posterior=VariationalFactor(), data=rows, evaluation=None)))
    assert "These latents are shares that sum to 1, so there is no walk." in found.text
    assert {"samples", "interpolation", "map"} <= set(found.ids)
    assert "manifold" not in found.ids
    assert "Left out" not in found.text


def test_one_z_for_all_rows_has_no_map(make_content: Make, read: Read) -> None:
    text = read(page(content(make_content, Simple(unit(3), (3,)), Says(lambda _: unit(3))))).text
    assert "there is no plane to draw" in text
    assert "3 of 3 latents" in text
    assert "are switched off" in text


def test_z_of_any_shape_and_classes_for_values(make_content: Make, read: Read) -> None:
    model = Simple(unit(2, 3), (2, 3), classes=5)
    found = read(page(content(make_content, model, Says(lambda n: unit(2, 3).expand((n,))))))
    assert "Left out" not in found.text
    assert "z₅" in found.text


def test_a_prior_without_moments_is_drawn_from(make_content: Make, read: Read) -> None:
    prior = TransformedDistribution(unit(2), [TanhTransform()])
    found = read(page(content(make_content, Simple(prior, (2,)), Says(lambda n: unit(2).expand((n,))))))
    assert "manifold" in found.ids
    assert "Left out" not in found.text


def test_missing_cells_do_no_harm(make_content: Make, read: Read) -> None:
    model, posterior = Simple(unit(2), (2,)), Says(lambda n: unit(2).expand((n,)))
    mask = torch.rand(30, 4) < 0.7
    found = read(page(content(make_content, model, posterior, mask=mask)))
    assert "Left out" not in found.text


def test_without_test_rows_the_validation_rows_are_shown(make_content: Make, read: Read) -> None:
    made = make_content()
    assert made.data is not None
    data = replace(made.data, test=made.data.test.take(torch.arange(0)))
    text = read(page(replace(made, data=data, evaluation=None))).text
    assert "valid row" in text
