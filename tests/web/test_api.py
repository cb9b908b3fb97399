"""The service says what the run says: every call beside the run's own method, in JSON, in floats and as a picture."""

import base64
from io import BytesIO
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch.testing import assert_close

from helpers.served import PIXELS, get, post, refused, unlimited
from helpers.small_table import KINDS, fitted, table
from latentia.runs import Run

FLOATS = {"accept": "application/octet-stream"}
PNG = {"accept": "image/png"}
Z = [[0.5, -1.0], [0.0, 2.0]]


@pytest.fixture(scope="module")
def table_run() -> Run:
    return fitted(epochs=3)


@pytest.fixture(scope="module")
def table_app(table_run: Run) -> Any:
    return unlimited(table_run)


def png(pixels: np.ndarray) -> bytes:
    file = BytesIO()
    Image.fromarray(pixels).save(file, format="png")
    return file.getvalue()


def pixels_of(content: bytes) -> np.ndarray:
    with Image.open(BytesIO(content)) as picture:
        assert picture.format == "PNG"
        return np.asarray(picture)


def test_info_says_what_the_run_is_and_no_path_of_it(run: Run, app: Any, table_app: Any) -> None:
    told = get(app, "/v1/info").json()
    assert (told["kind"], told["x_shape"], told["z_shape"], told["latents"]) == ("image", [1, 4, 3], [2], "real")
    assert told["limits"]["rows"] == 1000
    assert told["x_range"] == [0, 1]
    assert told["columns"] is None
    of_table = get(table_app, "/v1/info").json()
    assert of_table["kind"] == "table"
    assert [column["name"] for column in of_table["columns"]] == list(KINDS)


def test_decode_is_the_runs_decode_in_every_form(run: Run, app: Any) -> None:
    want = run.decode(torch.tensor(Z))
    told = post(app, "/v1/decode", {"z": Z})
    assert told.headers["content-type"] == "application/json"
    assert_close(torch.tensor(told.json()["x"]), want)
    assert list(told.json()) == ["x"]
    floats = post(app, "/v1/decode", {"z": Z}, headers=FLOATS)
    assert floats.headers["x-shape"] == "2,1,4,3"
    assert np.array_equal(np.frombuffer(floats.content, "<f4").reshape(2, 1, 4, 3), want.numpy())
    raw = np.array(Z, "<f4").tobytes()
    both = post(app, "/v1/decode", headers={**FLOATS, "content-type": FLOATS["accept"]}, content=raw)
    assert both.content == floats.content
    drawn = pixels_of(post(app, "/v1/decode", {"z": Z}, headers=PNG).content)
    assert np.array_equal(drawn, np.concatenate([(x[0].numpy() * 255).round().astype(np.uint8) for x in want], 1))


def test_many_rows_make_a_grid_of_sixteen_across(app: Any) -> None:
    drawn = pixels_of(post(app, "/v1/decode", {"z": Z * 10}, headers=PNG).content)
    assert drawn.shape == (2 * 4, 16 * 3)


def test_encode_takes_numbers_floats_and_pictures(run: Run, app: Any) -> None:
    x = PIXELS[:3].astype(np.float32)
    mean, sd = run.encode_with_sd(x)
    told = post(app, "/v1/encode", {"x": x.tolist()}).json()
    assert_close(torch.tensor(told["mean"]), mean)
    assert_close(torch.tensor(told["sd"]), sd)
    assert told["notes"] == []
    raw = {"content": x.tobytes(), "headers": {"content-type": FLOATS["accept"], **FLOATS}}
    assert np.array_equal(np.frombuffer(post(app, "/v1/encode", **raw).content, "<f4").reshape(2, 3, 2)[0], mean.numpy())
    files = [png(PIXELS[k, 0] * 255) for k in range(3)]
    coded = [base64.b64encode(file).decode() for file in files]
    assert_close(torch.tensor(post(app, "/v1/encode", {"png": coded}).json()["mean"]), mean)
    data_uri = "data:image/png;base64," + coded[0]
    assert_close(torch.tensor(post(app, "/v1/encode", {"png": [data_uri]}).json()["mean"]), mean[:1])
    one = post(app, "/v1/encode", content=files[1], headers={"content-type": "image/png"}).json()
    assert_close(torch.tensor(one["mean"]), mean[1:2])


def test_null_is_a_missing_value(table_run: Run, table_app: Any) -> None:
    x = table_run.dataset().test.values()[:2]
    hidden = x.clone()
    hidden[0, 1] = torch.nan
    told = post(table_app, "/v1/encode", {"x": [[None if v != v else v for v in row] for row in hidden.tolist()]}).json()
    assert_close(torch.tensor(told["mean"]), table_run.encode(hidden))
    assert not np.allclose(told["mean"][0], table_run.encode(x)[0])


def test_a_tables_rows_are_read_and_told_by_its_own_rules(table_run: Run, table_app: Any) -> None:
    frame = table(6, seed=3, holes=0.2)
    rows = [{name: None if cell != cell else cell for name, cell in row.items()} for row in _plain(frame)]
    told = post(table_app, "/v1/encode", {"rows": rows}).json()
    assert_close(torch.tensor(told["mean"]), table_run.encode(frame))
    odd = post(table_app, "/v1/encode", {"rows": [{**rows[0], "job": "pilot", "note": "x", "age": "1,234.5"}]}).json()
    assert any("pilot" in note for note in odd["notes"])
    assert any("'note' is no column" in note for note in odd["notes"])
    back = post(table_app, "/v1/reconstruct", {"rows": rows}).json()
    want = table_run.reconstruct(frame)
    assert [row["job"] for row in back["rows"]] == want["job"].tolist()
    assert [row["age"] for row in back["rows"]] == pytest.approx(want["age"].tolist())
    drawn = post(table_app, "/v1/decode", {"z": Z}).json()
    assert list(drawn["rows"][0]) == list(KINDS)
    assert np.shape(drawn["x"]) == (2, table_run.model.x_shape[0])
    scored = post(table_app, "/v1/score", {"rows": rows, "draws": 20}).json()
    assert_close(torch.tensor(scored["log_px"]), table_run.score(frame, draws=20).log_px.float(), rtol=1e-4, atol=1e-4)


def _plain(frame: Any) -> list[dict[str, Any]]:
    return [{k: v.item() if hasattr(v, "item") else v for k, v in row.items()} for row in frame.astype(object).where(
        frame.notna(), None).to_dict("records")]  # fmt: skip


def test_reconstruct_is_the_runs(run: Run, app: Any) -> None:
    x = PIXELS[:4].astype(np.float32)
    assert_close(torch.tensor(post(app, "/v1/reconstruct", {"x": x.tolist()}).json()["x"]), run.reconstruct(x))


def test_samples_come_again_by_their_seed_and_are_scaled_by_the_temperature(run: Run, app: Any) -> None:
    first = post(app, "/v1/sample", {"n": 5}).json()
    again = post(app, "/v1/sample", {"n": 5, "seed": first["seed"]}).json()
    assert again == first
    assert_close(torch.tensor(first["x"]), run.decode(first["z"]))
    half = post(app, "/v1/sample", {"n": 5, "seed": first["seed"], "temperature": 0.5}).json()
    assert_close(torch.tensor(half["z"]), 0.5 * torch.tensor(first["z"]))
    cold = post(app, "/v1/sample", {"n": 2, "temperature": 0.0}).json()
    assert cold["z"] == [[0.0, 0.0]] * 2
    assert len(post(app, "/v1/sample", {"n": 3.0}).json()["x"]) == 3, "JSON has one kind of number"
    bits = post(app, "/v1/sample", {"n": 50, "mean": False, "seed": 1}).json()["x"]
    assert set(np.unique(bits)) == {0.0, 1.0}
    assert_close(torch.tensor(bits), run.sample(50, seed=1))
    assert post(app, "/v1/sample", {}).json()["seed"] != first["seed"]


def test_a_walk_goes_between_points_and_rows(run: Run, app: Any) -> None:
    a, b = PIXELS[0].astype(np.float32), PIXELS[1].astype(np.float32)
    told = post(app, "/v1/interpolate", {"a": {"x": a.tolist()}, "b": {"x": b.tolist()}, "steps": 5}).json()
    assert_close(torch.tensor(told["z"]), run.walk(a, b, 5))
    assert_close(torch.tensor(told["x"]), run.interpolate(a, b, 5))
    straight = {"a": {"z": Z[0]}, "b": {"z": Z[1]}, "steps": 3, "path": "linear"}
    assert_close(torch.tensor(post(app, "/v1/interpolate", straight).json()["z"][1]), torch.tensor(Z).mean(0))
    assert pixels_of(post(app, "/v1/interpolate", {**straight, "steps": 30}, headers=PNG).content).shape == (4, 90)


def test_scores_are_the_runs(run: Run, app: Any) -> None:
    x = PIXELS[:3].astype(np.float32)
    told = post(app, "/v1/score", {"x": x.tolist(), "draws": 30, "seed": 4, "top": 2}).json()
    want = run.score(x, draws=30, seed=4)
    assert_close(torch.tensor(told["log_px"]), want.log_px.float(), rtol=1e-5, atol=1e-5)
    assert told["unusual"][0][0]["name"] == want.heaviest(2)[0][0].name


def test_neighbors_are_the_runs_and_carry_no_labels_where_there_are_none(run: Run, app: Any) -> None:
    x = PIXELS[:2].astype(np.float32)
    want = run.neighbors(x, k=3, split="train")
    told = post(app, "/v1/neighbors", {"x": x.tolist(), "k": 3}).json()
    assert told["rows"] == want.rows.tolist()
    assert_close(torch.tensor(told["distances"]).double(), want.distances, rtol=1e-5, atol=1e-5)
    assert "labels" not in told
    z = run.encode(x).tolist()
    assert post(app, "/v1/neighbors", {"z": z, "k": 3, "metric": "cosine"}).status_code == 200


def test_rows_that_are_elsewhere_are_said_to_be(run: Run, tmp_path: Any) -> None:
    from latentia.runs import load

    alone = load(run.save(tmp_path / "run"))
    sentence = refused(post(unlimited(alone), "/v1/neighbors", {"z": Z}), 409)
    assert "not on this machine" in sentence
    assert str(tmp_path) not in sentence


def test_what_is_not_finite_is_null(run: Run) -> None:
    from latentia.web.service.answers import json_of

    assert json_of({"x": torch.tensor([[1.0, float("nan")], [float("inf"), 2.0]])}) == b'{"x":[[1.0,null],[null,2.0]]}'


def test_the_schema_names_every_path_with_sizes_of_this_run(app: Any) -> None:
    told = get(app, "/openapi.json").json()
    names = ("decode", "encode", "info", "interpolate", "neighbors", "reconstruct", "sample", "score")
    assert sorted(told["paths"]) == [f"/v1/{name}" for name in names]
    z = told["components"]["schemas"]["Decode"]["properties"]["z"]
    assert (z["maxItems"], z["items"]["minItems"], z["items"]["maxItems"]) == (1000, 2, 2)
    assert "image/png" in told["paths"]["/v1/decode"]["post"]["responses"]["200"]["content"]


def test_healthz_and_metrics(app: Any) -> None:
    assert get(app, "/healthz").json() == {"status": "ok"}
    post(app, "/v1/decode", {"z": Z})
    get(app, "/v1/nowhere")
    told = get(app, "/metrics")
    assert told.headers["content-type"].startswith("text/plain; version=0.0.4")
    lines = told.text.splitlines()
    assert any(line.startswith('latentia_requests_total{path="/v1/decode",method="POST",status="200"}') for line in lines)
    assert any(line.startswith('latentia_requests_total{path="other",method="GET",status="404"}') for line in lines)
    values = {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in lines if not line.startswith("#")}
    assert values["process_resident_memory_bytes"] > 1e7
    assert values['latentia_model_rows_total{call="decode"}'] >= 2
    buckets = [value for name, value in values.items() if name.startswith('latentia_model_seconds_bucket{call="decode"')]
    assert buckets == sorted(buckets)
    assert buckets[-1] == values['latentia_model_seconds_count{call="decode"}']
