"""The page brings a picture to the run's form as the library does, to a step of 255; asked of the file that is built."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch.testing import assert_close

from helpers import in_node
from helpers.browsing import png
from helpers.in_node import needs_node
from helpers.served import SMALL, post, unlimited
from latentia.data.reading.image_files import brought
from latentia.runs import fit_recipe
from latentia.web.service.pictures import rows_of_pictures

# Height and width of what comes, and of what is wanted: alike, smaller, larger, wider, longer, a line.
SIZES = [
    ((8, 8), (8, 8)),
    ((40, 33), (8, 8)),
    ((5, 7), (28, 28)),
    ((31, 90), (12, 20)),
    ((64, 10), (9, 16)),
    ((1, 3), (4, 4)),
]


def rgba(picture: np.ndarray) -> dict[str, Any]:
    """(height, width, 3) bytes as a canvas would have them."""
    height, width, _ = picture.shape
    whole = np.concatenate([picture, np.full((height, width, 1), 255, np.uint8)], 2)
    return {"width": width, "height": height, "data": whole.ravel().tolist()}


@needs_node
@pytest.mark.parametrize("aspect", ["crop", "pad", "stretch"])
def test_a_picture_is_resized_as_pillow_does(aspect: Any, tmp_path: Path) -> None:
    random = np.random.default_rng(2)
    given, want = [], []
    for come, (height, width) in SIZES:
        picture = random.integers(0, 256, (*come, 3), dtype=np.uint8)
        for channels, colour in ((1, "grey"), (3, "rgb")):
            about = {"channels": channels, "height": height, "width": width, "aspect": aspect}
            given.append({"source": rgba(picture), "about": about})
            want.append(brought(Image.fromarray(picture), colour, (height, width), aspect).ravel())
    got = in_node.asked(
        "brought.js", tmp_path, "given.all.map((one) => rules.brought(one.source, one.about))", {"all": given}
    )
    for one, x, bytes_ in zip(given, got, want, strict=True):
        away = np.abs(np.rint(255 * np.array(x)) - bytes_)
        # Pillow rounds between its two ways, whose order its versions choose differently.
        assert away.max() <= 1, one["about"]
        assert (away > 0).mean() < 0.3, one["about"]
        if one["source"]["width"] == one["about"]["width"]:
            assert not away.any()


@needs_node
@pytest.mark.parametrize("levels", [None, 2, 3, 17, 256])
def test_greys_are_brought_to_the_levels_as_the_service_brings_them(levels: int | None, tmp_path: Path) -> None:
    """Every byte there is: to the nearest level, of bits from half light on."""
    bytes_ = np.arange(256, dtype=np.uint8).reshape(16, 16)
    file = tmp_path / "all.png"
    Image.fromarray(bytes_).save(file)
    want = rows_of_pictures([file.read_bytes()], (1, 16, 16), levels, 256)[0].ravel()
    about = {"channels": 1, "height": 16, "width": 16, "levels": levels, "low": 0, "high": 1}
    source = rgba(np.repeat(bytes_[..., None], 3, 2))
    x, turned = in_node.asked(
        "brought.js",
        tmp_path,
        "[false, true].map((turn) => rules.brought(given.source, given.about, turn))",
        {"source": source, "about": about},
    )
    np.testing.assert_allclose(x, want, atol=1e-7)
    np.testing.assert_allclose(turned, want[::-1], atol=1e-7)
    if levels == 2:
        np.testing.assert_array_equal(x, bytes_.ravel() >= 128)


@needs_node
@pytest.mark.parametrize("turned", [False, True])
def test_what_lies_beside_a_picture_is_black_also_where_light_and_dark_change_places(turned: bool, tmp_path: Path) -> None:
    source = rgba(np.full((4, 8, 3), 0 if turned else 255, np.uint8))
    about = {"channels": 1, "height": 8, "width": 8, "aspect": "pad"}
    given = {"source": source, "about": about, "turned": turned}
    x = in_node.asked("brought.js", tmp_path, "rules.brought(given.source, given.about, given.turned)", given)
    np.testing.assert_array_equal(np.reshape(x, (8, 8)).max(1), [0, 0, 1, 1, 1, 1, 0, 0])


@pytest.mark.parametrize("aspect", ["crop", "pad"])
def test_a_picture_is_brought_to_the_bits_and_the_shape_of_the_rows(aspect: Any, tmp_path: Path) -> None:
    """As the run's own pictures were, from half light on; greys that come as numbers are drawn."""
    random = np.random.default_rng(0)
    folder = tmp_path / "rows"
    folder.mkdir()
    for k in range(30):
        Image.fromarray(random.integers(0, 256, (4, 3), dtype=np.uint8)).save(folder / f"{k:02d}.png")
    section = {"path": str(folder), "binarize": "static", "aspect": aspect}
    run = fit_recipe({**SMALL, "data": section}, progress=False)
    app = unlimited(run)
    wide = random.integers(0, 256, (8, 30), dtype=np.uint8)
    told = post(app, "/v1/encode", content=png(wide), headers={"content-type": "image/png"}).json()
    greys = brought(Image.fromarray(wide), "grey", (4, 3), aspect)
    assert (greys[:, 0] == 0).all() == (aspect == "pad")
    assert_close(torch.tensor(told["mean"]), run.encode((greys >= 128).astype(np.float32)[None]))
    assert told["notes"] == []
    drawn = post(app, "/v1/encode", {"x": [(greys / 255).tolist()]}).json()
    assert "drawn as bits" in drawn["notes"][0]
