"""The page: complete, whole, escaped, self-contained, the same every time, and polite to its caller."""

import re
from collections.abc import Callable
from math import inf, nan
from pathlib import Path
from typing import Any

import pytest
import torch

from latentia.core.errors import LatentiaError
from latentia.evaluation import Figure, Ladder, Rung
from latentia.posteriors import Posterior
from latentia.report import ReportContent, write_report
from latentia.report.page import page
from latentia.report.sections import SECTIONS

Make = Callable[..., ReportContent]
Read = Callable[[str], Any]
CASES = [
    pytest.param("grey", 3, "standard-normal", id="grey"),
    pytest.param("grey", 2, "standard-normal", id="two-latents"),
    pytest.param("grey", 1, "standard-normal", id="one-latent"),
    pytest.param("grey", 45, "standard-normal", id="many-latents"),
    pytest.param("grey", 3, "mixture", id="mixture-prior"),
    pytest.param("odd", 2, "standard-normal", id="odd-size-no-labels"),
    pytest.param("colour", 4, "standard-normal", id="colour"),
    pytest.param("vector", 3, "standard-normal", id="vector"),
    pytest.param("vector", 2, "mixture", id="vector-plane"),
    pytest.param("vector", 3, "ppca", id="exact"),
]


@pytest.mark.parametrize(("kind", "latents", "prior"), CASES)
def test_every_kind_of_run_gives_a_whole_page(make_content: Make, read: Read, kind: str, latents: int, prior: str) -> None:
    html = page(make_content(kind, latents, prior))
    found = read(html)
    wanted = {name for name in SECTIONS if name not in ("ladder", "columns") and (name != "manifold" or latents == 2)}
    assert wanted <= set(found.ids)
    assert ("manifold" in found.ids) == (latents == 2)
    assert len(found.ids) == len(set(found.ids))
    assert "Left out" not in found.text
    assert html.startswith("<!DOCTYPE html>")


@pytest.mark.parametrize(("kind", "latents", "prior"), CASES)
def test_nothing_is_loaded_from_elsewhere(make_content: Make, read: Read, kind: str, latents: int, prior: str) -> None:
    html = page(make_content(kind, latents, prior))
    found = read(html)
    for key, value in found.attributes:
        if key in ("src", "href", "srcset", "action", "data", "xlink:href"):
            assert value.startswith(("data:image/png;base64,", "#"))
    assert not set(found.tags) & {"link", "iframe", "object", "embed", "base"}
    assert "@import" not in html
    assert not re.search(r"https?:", html)
    assert all(target == "none" or target.startswith("#") for target in re.findall(r"url\(([^)]*)\)", html))


def test_strings_from_outside_are_escaped(make_content: Make, read: Read) -> None:
    evil = "<script>alert(1)</script>"
    content = make_content()
    assert content.data is not None
    data = type(content.data)(**{**vars(content.data), "name": evil, "label_names": (evil, "</script>", '"><b>')})
    recipe = {"about": evil, "latents": 2, "model": {"name": evil, "prior": evil, "family": {"name": evil, evil: evil}}}
    html = page(make_content(title=evil, recipe=recipe, data=data, notes=(evil,), environment={evil: evil}))
    assert evil not in html
    assert "alert(1)</script" not in html
    found = read(html)
    assert found.tags.count("script") == 2
    assert '"><b>' in found.text
    assert found.text.count(evil) >= 6


def test_without_data_what_needs_rows_says_so(make_content: Make, read: Read) -> None:
    found = read(page(make_content(data=None)))
    assert found.text.count("The data could not be found") == 3
    assert {"samples", "traversals", "numbers"} <= set(found.ids)
    assert "the mean of the prior has them" in found.text
    assert "map-data" not in found.ids


def test_without_evaluation_the_rows_at_hand_order_the_latents(make_content: Make, read: Read) -> None:
    found = read(page(make_content(evaluation=None)))
    assert "has not been evaluated" in found.text
    assert "On validation rows the bound reached" in found.text
    assert "KL, nats a row" in found.text


def test_a_posterior_that_cannot_answer_is_quoted(make_content: Make, read: Read) -> None:
    class Mute(Posterior):
        def infer(self, model, batch):
            raise LatentiaError("these rows were never seen.")

    found = read(page(make_content(posterior=Mute())))
    assert "The posterior has no answer for these rows: these rows were never seen." in found.text
    assert "samples" in found.ids


def test_a_run_that_was_cut_short_says_so(make_content: Make, read: Read) -> None:
    assert "did not run to its end: it stopped after 3 epochs" in read(page(make_content(interrupted=True))).text
    assert "did not run to its end" not in read(page(make_content())).text


@pytest.mark.parametrize("epochs", [0, 1, 400])
def test_any_number_of_epochs(make_content: Make, read: Read, epochs: int) -> None:
    found = read(page(make_content(epochs=epochs, best_epoch=epochs or None)))
    assert ("There is no history" in found.text) == (epochs == 0)
    assert_no_broken_number(found)


@pytest.mark.parametrize("bad", [nan, inf, -inf])
def test_values_that_are_not_finite_are_left_blank(make_content: Make, read: Read, bad: float) -> None:
    rows = make_content().history
    some = [dict(rows[0]), {**rows[1], "valid_bound": bad, "train_rate": bad, "seconds": bad}, dict(rows[2])]
    all_of_it = [dict.fromkeys(row, bad) for row in rows]
    for history in (some, all_of_it, [{}]):
        assert_no_broken_number(read(page(make_content(history=history))))


def assert_no_broken_number(found: Any) -> None:
    assert not re.search(r"\b(nan|NaN|inf|None)\b", found.text)
    shown = [v for k, v in found.attributes if k in ("d", "x", "y", "x1", "x2", "y1", "y2", "cx", "cy", "width", "height")]
    assert shown
    assert not re.search(r"nan|inf", " ".join(shown))


def test_the_same_content_gives_the_same_bytes(make_content: Make, tmp_path: Path) -> None:
    for name in ("a.html", "b.html"):
        write_report(tmp_path / name, make_content("grey", 2))
        torch.rand(7)
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()


def test_the_caller_finds_everything_as_it_was(make_content: Make) -> None:
    content = make_content()
    content.model.train()
    content.posterior.eval()
    state = torch.get_rng_state()
    page(content)
    assert torch.equal(torch.get_rng_state(), state)
    assert content.model.training
    assert not content.posterior.training
    assert all(p.grad is None and p.requires_grad for p in content.model.parameters())


def test_the_headline_and_the_dead_latents_are_the_evaluation_s(make_content: Make, read: Read) -> None:
    found = read(page(make_content()))
    assert "log p(x) is at least −17.25 ± 0.50 nats a row" in found.text  # noqa: RUF001  a true minus sign
    assert "2 of 3 latents are in use" in found.text
    assert "1 of 3 latents (z₂) is switched off" in found.text
    assert "The bound lies 0.75 nats below the weighted estimate" in found.text
    assert "z₁ alone accounts for 3.00 of 5.00 nats" in found.text


def test_latents_are_walked_in_the_order_of_their_kl(make_content: Make) -> None:
    html = page(make_content())
    walks = html[html.index('id="traversals"') : html.index('id="interpolation"')]
    assert re.findall(r"<b>(z.)</b>", walks) == ["z₁", "z₀"]


def test_every_dot_of_the_map_is_on_the_page_without_a_script(make_content: Make) -> None:
    html = page(make_content())
    dots = re.findall(r'class="points[^"]*" d="([^"]*)"', html)
    assert sum(d.count("h0") for d in dots) == 12  # the test split


def test_a_ladder_is_a_section_with_its_picture_and_its_bottleneck(make_content: Make, read: Read) -> None:
    def rung(name: str, gap: float) -> Rung:
        return Rung(name, "a sentence", Figure(-18 - gap, 0.5), Figure(gap, 0.1), 0.2, 100, 6)

    one = Ladder(
        "test",
        20,
        50,
        False,
        Figure(-18.0, 0.5),
        "exact",
        {"exact": Figure(-18.0, 0.5)},
        (rung("encoder", 3.0), rung("per-datum", 0.5)),
    )
    found = read(page(make_content(ladders=(one,))))
    assert "ladder" in found.ids
    assert "2.50 nats that a search of its own family finds" in found.text
    assert "the encoder is the bottleneck" in found.text
    assert "a sentence" in found.text
