"""Look at what the README's main job left behind, as a user would: is it all there, does it load, is it any good?"""

import json
import sys
from pathlib import Path

import latentia

SECONDS_PROMISED = 90.0
# Five seeds gave -83.67 to -84.11 nats; a model that learned nothing lies 30 nats below them.
ELBO_EXPECTED = -86.0

folder = Path(sys.argv[1])
wanted = ("recipe.json", "model.safetensors", "metrics.csv", "environment.json", "evaluation.json", "report.html")
missing = [name for name in (*wanted, "samples.png", "reconstructions.png") if not (folder / name).is_file()]
assert not missing, f"{folder} lacks {missing}"

about = json.loads((folder / "environment.json").read_text())["training"]
assert about["ended"] == "done", about
assert about["seconds"] < SECONDS_PROMISED, f"training took {about['seconds']} s"

page = (folder / "report.html").read_text(encoding="utf-8")
assert "<html" in page
assert 'src="http' not in page, "the report reaches for the network"

run = latentia.load(folder)
assert run.evaluation is not None
assert run.evaluation.elbo.value > ELBO_EXPECTED, run.evaluation.elbo
assert run.evaluation.elbo.value < run.evaluation.log_px.value
assert run.sample(4).shape == (4, 1, 8, 8)
print(f"{folder}: ELBO {run.evaluation.elbo} nats, {about['seconds']:.1f} s of training, report of {len(page) // 1024} KiB")
