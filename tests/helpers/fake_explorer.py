"""A scene for the explorer's page that needs no fit: a decoder of one formula, whose every answer a test can repeat."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

SIDE = 8
LABELS = ("ant", "bee", "cat")
# Of one code.
STATES = 3
COLUMNS = [
    {
        "name": "age",
        "kind": "real",
        "dtype": "int64",
        "shift": 40.0,
        "scale": 12.0,
        "low": 18.0,
        "high": 80.0,
        "whole": True,
    },
    {"name": "income", "kind": "positive", "dtype": "float64", "shift": 8.0, "scale": 0.5, "low": 500.0, "high": 20000.0},
    {"name": "member", "kind": "binary", "dtype": "object", "states": ["no", "yes"]},
    {"name": "town", "kind": "category", "dtype": "object", "states": ["Aachen", "Bonn", "Cologne"]},
]


@dataclass
class FakeModel:
    """x = sigmoid(z W + c) and a linear encoder, in float32.

    Attributes:
        n_latents: D.
        x_shape: of one event.
    """

    n_latents: int
    x_shape: tuple[int, ...]
    weight: np.ndarray = field(init=False)
    bias: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        rng = np.random.default_rng(5)
        n = int(np.prod(self.x_shape))
        self.weight = (1.5 * rng.standard_normal((self.n_latents, n))).astype(np.float32)
        self.bias = rng.standard_normal(n).astype(np.float32)

    def decode(self, z: Any) -> np.ndarray:
        """(n, D) -> (n, prod x_shape), the likelihood's mean."""
        logits = np.asarray(z, np.float32) @ self.weight + self.bias
        return (1 / (1 + np.exp(-logits))).astype(np.float32)

    def encode(self, x: Any) -> tuple[np.ndarray, np.ndarray]:
        """(n, ...) -> mean and sd, (n, D)."""
        flat = np.asarray(x, np.float32).reshape(len(x), -1)
        mean = (flat - 0.5) @ self.weight.T / self.weight.shape[1]
        return mean, np.full_like(mean, 0.25) * (1 + np.arange(self.n_latents))

    def write_onnx(self, folder: Path) -> dict[str, Any]:
        """decoder.onnx and encoder.onnx; what scene.json says of them."""
        import onnx
        from onnx import TensorProto, helper, numpy_helper

        d, n = self.weight.shape

        def save(name: str, nodes: list[Any], inputs: dict[str, int], outputs: dict[str, int], held: dict[str, Any]) -> None:
            ports = [
                [helper.make_tensor_value_info(k, TensorProto.FLOAT, ["n", v]) for k, v in of.items()]
                for of in (inputs, outputs)
            ]
            tensors = [numpy_helper.from_array(np.asarray(v, np.float32), k) for k, v in held.items()]
            graph = helper.make_graph(nodes, name, ports[0], ports[1], tensors)
            model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
            onnx.save(model, str(folder / f"{name}.onnx"))

        gemm, sigmoid = helper.make_node("Gemm", ["z", "w", "c"], ["a"]), helper.make_node("Sigmoid", ["a"], ["mean"])
        save("decoder", [gemm, sigmoid], {"z": d}, {"mean": n}, {"w": self.weight, "c": self.bias})
        w = self.weight.T / n
        sds = 0.25 * (1 + np.arange(d))
        nodes = [
            helper.make_node("Gemm", ["x", "w", "c"], ["mean"]),
            helper.make_node("Mul", ["mean", "zero"], ["nil"]),
            helper.make_node("Add", ["nil", "sds"], ["sd"]),
        ]
        held = {"w": w, "c": -0.5 * w.sum(0), "zero": np.zeros(1), "sds": sds}
        save("encoder", nodes, {"x": n}, {"mean": d, "sd": d}, held)
        return {
            "decoder": "decoder.onnx",
            "decoder_input": "z",
            "decoder_output": "mean",
            "encoder": "encoder.onnx",
            "encoder_inputs": ["x"],
            "encoder_mean": "mean",
            "encoder_sd": "sd",
            "no_encoder": None,
            "ort": "./ort/",
        }


@dataclass
class FakeScene:
    """What was written.

    Attributes:
        folder: that holds scene.json.
        model: who answers.
        about: scene.json.
        codes: (N, D).
        points: (N, 2).
        labels: (N,).
        support: what values z takes.
    """

    folder: Path
    model: FakeModel
    about: dict[str, Any]
    codes: np.ndarray
    points: np.ndarray
    labels: np.ndarray
    support: str = "real"

    def settled(self, z: Any) -> np.ndarray:
        """The possible z that is meant by one (D,), in float32."""
        z = np.asarray(z, np.float32)
        if self.support == "bits":
            return (z >= 0.5).astype(np.float32)
        if self.support == "shares":
            return np.maximum(z, 0) / np.maximum(z, 0).sum()
        if self.support == "codes":
            return np.eye(STATES, dtype=np.float32)[z.reshape(-1, STATES).argmax(1)].ravel()
        return z


def write_scene(
    folder: Path,
    kind: str = "image",
    n_latents: int = 6,
    rows: int = 240,
    backend: str = "http",
    support: str = "real",
    names: tuple[str, ...] = LABELS,
    spread: float = 1.0,
) -> FakeScene:
    """A scene with a cluster of rows for each label; with a small spread all of them are in one place."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(3)
    shape = (1, SIDE, SIDE) if kind == "image" else (6,)
    # A vector for the graphs of the in-browser back end.
    model = FakeModel(n_latents, (SIDE * SIDE,) if kind == "image" and backend == "onnx" else shape)
    labels = np.arange(rows) % len(names)
    middles = 2 * rng.standard_normal((len(names), n_latents))
    codes = (spread * (middles[labels] + 0.6 * rng.standard_normal((rows, n_latents)))).astype(np.float32)
    codes[:, n_latents - (n_latents > 2) :] *= 0.02
    bank = None
    if support != "real":
        codes, bank = _possible(support, codes), _possible(support, rng.standard_normal((500, n_latents)), whole=True)
    center = codes.mean(0) if n_latents > 2 and rows else np.zeros(n_latents)
    axes = np.linalg.qr(rng.standard_normal((n_latents, 2)))[0].T if n_latents > 2 else np.eye(2)[:, :n_latents]
    points = ((codes - center) @ axes.T).astype(np.float32)
    x = model.decode(codes)
    files = {"points": points, "codes": codes, "labels": labels.astype(np.int16), "scores": (-20 - 9 * rng.random(rows))}
    files["scores"] = files["scores"].astype(np.float32)
    if bank is not None:
        files["prior"] = bank
    for name, values in files.items():
        (folder / f"{name}.bin").write_bytes(values.tobytes())
    about: dict[str, Any] = {
        "version": 1,
        "name": f"fake-{kind}",
        "backend": backend,
        "recipe": "fake",
        "kind": kind,
        "why_not": "This is sound, which the page cannot draw yet." if kind == "other" else "",
        "x_shape": list(model.x_shape),
        "z_shape": [n_latents],
        "n_latents": n_latents,
        "support": support,
        "image": None,
        "columns": None,
        "latents": _latents(codes, support),
        "plane": {
            "axes": axes.tolist(),
            "center": center.tolist(),
            "names": ["first axis", "second axis"],
            "share": 0.8 if n_latents > 2 else None,
        },
        "prior": {"kind": "normal"} if bank is None else {"kind": "bank", "draws": len(bank), "temperature": False},
        "rows": rows,
        "rows_of": f"all {rows} rows",
        "splits": {"train": [0, rows // 2], "test": [rows // 2, rows]},
        "label_names": list(names),
        "score_name": "ELBO, nats",
        "thumbs": None,
        "python": 'import latentia\n\nrun = latentia.load("runs/fake")',
        "manifold": None,
        "table_rows": None,
        "encodes": True,
        "has_labels": True,
        "has_scores": True,
        "notes": [],
    }
    if kind == "image":
        about["image"] = {
            "channels": 1, "height": SIDE, "width": SIDE, "low": 0.0, "high": 1.0, "invert": True, "ground": "dark",
        }  # fmt: skip
        about["thumbs"] = _thumbs(folder, x) if rows else None
        if n_latents == 2 and support == "real":
            about["manifold"] = _manifold(folder, model)
    if kind == "table":
        about["columns"] = COLUMNS
        about["table_rows"] = "rows.json"
        ages, towns = (x[:, 0] * 24 + 28).round().tolist(), x[:, 3:].argmax(1).tolist()
        cells = [ages, np.exp(x[:, 1] + 8).round(2).tolist(), (x[:, 2] > 0.5).astype(int).tolist(), towns]
        (folder / "rows.json").write_text(json.dumps({"columns": cells}))
    if backend == "onnx":
        about["onnx"] = model.write_onnx(folder)
    (folder / "scene.json").write_text(json.dumps(about))
    return FakeScene(folder, model, about, codes, points, labels, support)


def _latents(codes: np.ndarray, support: str) -> list[dict[str, Any]]:
    size = STATES if support == "codes" else 1
    steps = support in ("bits", "codes")
    low, high = (-4.0, 4.0) if support == "real" else (0.0, max(1.0, size - 1.0))
    n = codes.shape[1] // size
    out = []
    for i in range(n):
        active = i < n - 1 or n <= 2 or support != "real"
        held = codes[:, i * size] if len(codes) else np.zeros(1)
        said = {"index": i, "kl": float(n - i) if active else 0.0, "active": active, "mean": float(held.mean())}
        ends = {"low": low, "high": high, "start": i * size, "size": size, "step": int(steps)}
        out.append({**said, "sd": float(held.std()), **ends})
    return out


def _possible(support: str, values: np.ndarray, whole: bool = False) -> np.ndarray:
    """(n, D) of any numbers -> means of a posterior over this support, or values of it where they are to be whole."""
    if support == "bits":
        chances = 1 / (1 + np.exp(-values))
        return ((chances > 0.5) if whole else chances).astype(np.float32)
    blocks = values.reshape(len(values), -1, STATES if support == "codes" else values.shape[1])
    if whole and support == "codes":
        return np.eye(STATES, dtype=np.float32)[blocks.argmax(2)].reshape(values.shape)
    odds = np.exp(blocks)
    return (odds / odds.sum(2, keepdims=True)).reshape(values.shape).astype(np.float32)


def grey(x: np.ndarray) -> np.ndarray:
    """(n, SIDE²) in [0, 1] -> bytes (n, SIDE, SIDE)."""
    return np.round(x.reshape(-1, SIDE, SIDE) * 255).astype(np.uint8)


def _thumbs(folder: Path, x: np.ndarray, across: int = 10, per_file: int = 100) -> dict[str, Any]:
    files = []
    for start in range(0, len(x), per_file):
        held = grey(x[start : start + per_file])
        sheet = np.zeros((-(-per_file // across) * SIDE, across * SIDE), np.uint8)
        for k, picture in enumerate(held):
            top, left = k // across * SIDE, k % across * SIDE
            sheet[top : top + SIDE, left : left + SIDE] = picture
        files.append(f"thumbs-{start // per_file}.png")
        Image.fromarray(sheet).save(folder / files[-1])
    return {"files": files, "per_file": per_file, "across": across, "cell": [SIDE, SIDE]}


def _manifold(folder: Path, model: FakeModel, side: int = 20) -> dict[str, Any]:
    steps = (np.arange(side) + 0.5) / side * 8 - 4
    z = np.stack(np.meshgrid(steps, steps[::-1]), -1).reshape(-1, 2)
    pictures = grey(model.decode(z)).reshape(side, side, SIDE, SIDE)
    Image.fromarray(pictures.transpose(0, 2, 1, 3).reshape(side * SIDE, side * SIDE)).save(folder / "manifold.png")
    return {"file": "manifold.png", "low": [-4, -4], "high": [4, 4], "side": side}
