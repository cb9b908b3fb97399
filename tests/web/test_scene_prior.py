"""The page offers walks around the prior's centre where the library does."""

from pathlib import Path

import numpy as np

from helpers.explored import a_run, pictures
from latentia.evaluation import usual_path
from latentia.web.scene import write_scene


def test_any_prior_of_independent_normals_comes_by_its_moments(tmp_path: Path) -> None:
    part = {"name": "laplace-dirichlet", "concentration": 0.25}
    run = a_run(pictures(), model={"name": "decoded", "network": {"name": "mlp", "hidden": [8]}, "prior": part})
    said = write_scene(run, tmp_path).about
    assert usual_path(run.model.prior()) == "spherical", "so the page offers it, too"
    assert said["prior"]["kind"] == "normal"
    np.testing.assert_allclose(said["prior"]["mean"], np.zeros(3), atol=1e-7)
    np.testing.assert_allclose(said["prior"]["sd"], np.full(3, ((1 - 1 / 3) / 0.25) ** 0.5), rtol=1e-6)
    assert not (tmp_path / "prior.bin").exists()
