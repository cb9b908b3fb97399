"""What is shown of an event: bytes, polarity, scale; and the files for the run's folder."""

from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Size

from latentia.report import ReportContent, save_pictures
from latentia.report.pictures import Pictures
from latentia.report.png import png_bytes
from latentia.report.profiles import Profiles
from latentia.report.save import save_grid, save_pairs, spaced

Make = Callable[..., ReportContent]


@pytest.mark.parametrize("channels", [1, 3])
def test_a_png_holds_exactly_the_pixels(channels: int) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, channels), dtype=np.uint8)
    back = np.asarray(Image.open(BytesIO(png_bytes(pixels)))).reshape(5, 7, -1)
    assert np.array_equal(back, pixels)


def test_ink_is_dark_whatever_the_data_s_ground() -> None:
    light_on_black = torch.zeros(4, 1, 3, 3)
    light_on_black[:, :, 1, 1] = 1.0
    for sample, ink in ((light_on_black, 0), (1 - light_on_black, 0)):
        shown = Pictures(Size((1, 3, 3)), sample)
        pixels = shown.pixels(sample)
        assert pixels[0, 1, 1, 0] == ink
        assert pixels[0, 0, 0, 0] == 255
        assert shown.ink


def test_colour_and_half_tones_are_shown_as_they_are() -> None:
    dark = torch.full((4, 3, 2, 2), 0.1)
    assert Pictures(Size((3, 2, 2)), dark).pixels(dark)[0, 0, 0].tolist() == [26, 26, 26]
    grey = torch.full((4, 1, 2, 2), 0.5)
    assert not Pictures(Size((1, 2, 2)), grey).ink


def test_values_beyond_the_scale_are_clipped() -> None:
    sample = torch.tensor([0.4, 0.5, 0.6, 0.5]).reshape(1, 1, 2, 2)
    shown = Pictures(Size((1, 2, 2)), sample).pixels(torch.tensor([-1.0, 0.0, 1.0, 9.0]).reshape(1, 1, 2, 2))
    assert shown.flatten().tolist() == [0, 0, 255, 255]


def test_a_sheet_has_its_first_row_at_the_top() -> None:
    xs = torch.arange(4.0).reshape(2, 2, 1, 1, 1).expand(2, 2, 1, 2, 2) / 4
    grid = spaced(Pictures(Size((1, 2, 2)), xs.flatten(0, 1) + 0.0).pixels(xs.flatten(0, 1)), 2, 0)
    assert grid[[0, 0, 2, 2], [0, 2, 0, 2], 0].tolist() == [0, 64, 128, 191]


def test_features_of_unlike_size_are_brought_to_one_scale() -> None:
    rows = torch.randn(50, 3) * torch.tensor([1.0, 1000.0, 1.0])
    unlike, like = Profiles(Size((3,)), rows), Profiles(Size((3,)), rows / torch.tensor([1.0, 1000.0, 1.0]))
    assert unlike.standardized
    assert "divided by its spread" in unlike.key
    assert not like.standardized


def test_a_long_event_is_averaged_and_says_so() -> None:
    shown = Profiles(Size((2, 900)), torch.randn(10, 2, 900))
    assert "1,800 values are drawn as 300 averages" in shown.key
    assert shown.cells(torch.randn(1, 2, 900), ["x"]).count("L") == 299


@pytest.mark.parametrize("kind", ["grey", "odd", "colour", "vector"])
@pytest.mark.parametrize("latents", [2, 3])
def test_pictures_are_saved_with_the_plane_where_there_are_two_latents(
    make_content: Make, tmp_path: Path, kind: str, latents: int
) -> None:
    state = torch.get_rng_state()
    written = save_pictures(tmp_path / "pictures", make_content(kind, latents))
    names = ["samples.png", "reconstructions.png"] + (["manifold.png"] if latents == 2 else [])
    assert [path.name for path in written] == names
    for path in written:
        picture = np.asarray(Image.open(BytesIO(path.read_bytes())))
        assert min(picture.shape[:2]) > 100
        assert picture.std() > 0
    assert torch.equal(torch.get_rng_state(), state)


def test_without_data_there_are_no_reconstructions_to_save(make_content: Make, tmp_path: Path) -> None:
    assert [path.name for path in save_pictures(tmp_path, make_content(data=None))] == ["samples.png"]


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 5, 4), (12,)])
def test_rows_and_pairs_of_any_shape_are_drawn_into_files(shape: tuple[int, ...], tmp_path: Path) -> None:
    xs = torch.rand(14, *shape)
    grid, both = save_grid(tmp_path / "a.png", xs), save_pairs(tmp_path / "b.png", xs, xs)
    (wide, tall), (wide2, tall2) = (Image.open(BytesIO(path.read_bytes())).size for path in (grid, both))
    assert wide == wide2
    assert tall < tall2
