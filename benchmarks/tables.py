"""Holes in a table and rows that never were: the census of 1994 (adult), here and by the tools that are at hand.

    LATENTIA_DATA=... python benchmarks/tables.py impute                 # 10, 30, 50 % of cells; 8,000 + 4,000 rows, 3 seeds
    LATENTIA_DATA=... python benchmarks/tables.py synthetic              # four classifiers, trained on synthetic rows
    LATENTIA_DATA=... python benchmarks/tables.py impute --rows 500 --test 200 --epochs 3 --seeds 1 --shares 0.3

impute: cells are hidden at random, the same share in the rows to learn from and in those that are filled; every method
learns from the first and is measured at the hidden cells of the second. Numbers by their root mean squared error in standard
deviations of the column, averaged over columns; categories (the class among them) by the share filled rightly. What is
missing in the file itself is hidden too, and counts for nobody. KNNImputer sees numbers standardized and categories one-hot,
and the largest of a category's values is its answer. IterativeImputer does so, too, where each state is guessed from its
siblings, which are missing with it and hold it at its mean; and once more with categories as the numbers of their states,
ordered by mean age, education and hours, its answers rounded. "trees" is the latter with twenty random trees in place of a
linear regression, the closest to missForest. Our numbers are means. Seconds are processor seconds.

synthetic: a model of the training rows draws as many rows; classifiers learn from these, and are tested on the real test
rows: F1 of an income above 50K. They are those of Xu, Skoularidou, Cuesta-Infante & Veeramachaneni (2019), Modeling Tabular
Data using Conditional GAN, whose TVAE has 0.626 here and whose real rows 0.669, by another cut of the rows.
"""

import argparse
import os
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from rich.console import Console
from rich.table import Table
from sklearn.ensemble import AdaBoostClassifier, ExtraTreesRegressor
from sklearn.experimental import enable_iterative_imputer  # noqa: F401  scikit-learn's way to ask for it
from sklearn.impute import IterativeImputer, KNNImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.neural_network import MLPClassifier
from sklearn.tree import DecisionTreeClassifier

from latentia.data import infer_schema, read_data
from latentia.runs import Run, fit_recipe

NAMES = [
    *("age", "workclass", "fnlwgt", "education", "education_num", "marital", "occupation", "relationship", "race", "sex"),
    *("capital_gain", "capital_loss", "hours", "country", "income"),
]
NUMBERS = ["age", "fnlwgt", "education_num", "capital_gain", "capital_loss", "hours"]
WORDS = [name for name in NAMES if name not in NUMBERS]
KINDS = {"age": "real", "fnlwgt": "real", "education_num": "real", "hours": "hurdle"}
KINDS |= {"capital_gain": "hurdle", "capital_loss": "hurdle"}
RICH = ">50K"
METHODS = "mean and mode,KNNImputer,iterative/one-hot,iterative/ordinal,trees,latentia"
Fill = Callable[[pd.DataFrame, pd.DataFrame], pd.DataFrame]
console = Console()


def adult(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Training and test rows as the file has them, "?" as missing."""
    options: dict[str, Any] = {"names": NAMES, "skipinitialspace": True, "na_values": "?", "comment": "|"}
    train, test = (pd.read_csv(folder / "adult" / f"adult.{part}.gz", **options) for part in ("data", "test"))
    test["income"] = test["income"].str.rstrip(".")
    return train, test


def recipe(options: argparse.Namespace, holes: bool) -> dict[str, Any]:
    """A decoder of mixed columns; the encoder sees what is missing."""
    hidden = [options.width] * options.layers
    return {
        "name": "adult",
        "latents": options.latents,
        "model": {
            "network": {"name": "mlp", "hidden": hidden},
            "family": {"name": "columns", "smallest_scale": options.floor},
        },
        "posterior": {"see_mask": holes, "network": {"name": "mlp", "hidden": hidden}},
        "bound": {"name": "iwae"} if options.draws > 1 else {"name": "elbo"},
        "draws": options.draws,
        "fit": {
            "epochs": options.epochs,
            "batch_size": options.batch,
            "lr": options.lr,
            "lr_decay": "cosine",
            "beta": options.beta,
            "device": options.device,
        },
    }


def learned(rows: pd.DataFrame, options: argparse.Namespace, seed: int) -> Run:
    """Nine tenths to learn from, one by which the best epoch is chosen."""
    made = infer_schema(rows, KINDS).schema
    data = read_data(rows, "adult", made, splits=(0.9, 0.1, 0.0))
    said = recipe(options, bool(rows.isna().to_numpy().any()))
    return fit_recipe(said, [f"fit.seed={seed}"], data=data, progress=False)


def ours(options: argparse.Namespace, seed: int) -> Fill:
    def fill(train: pd.DataFrame, test: pd.DataFrame) -> pd.DataFrame:
        run = learned(train, options, seed)
        return run.impute(test, draws=options.weighted, answer="mean").values

    return fill


def mean_and_mode(train: pd.DataFrame, test: pd.DataFrame) -> pd.DataFrame:
    """What a column is without looking at the row."""
    answer: dict[str, Any] = {name: float(train[name].mean()) for name in NUMBERS}
    answer |= {name: train[name].value_counts().index[0] for name in WORDS}
    return test.fillna(answer)


class Coding:
    """Numbers standardized, categories one-hot, a missing cell as NaN in all of its values; and back."""

    def __init__(self, train: pd.DataFrame) -> None:
        self.mean, self.sd = train[NUMBERS].mean(), train[NUMBERS].std()
        rank = ((train[NUMBERS] - self.mean) / self.sd)[["age", "education_num", "hours"]].mean(axis=1)
        self.states = {name: list(rank.groupby(train[name]).mean().sort_values().index) for name in WORDS}

    def encode(self, frame: pd.DataFrame) -> np.ndarray:
        parts = [((frame[NUMBERS] - self.mean) / self.sd).to_numpy()]
        for name, states in self.states.items():
            codes = frame[name].to_numpy()[:, None] == np.array(states)[None]
            parts.append(np.where(frame[name].isna().to_numpy()[:, None], np.nan, codes))
        return np.concatenate(parts, 1)

    def decode(self, x: np.ndarray) -> pd.DataFrame:
        out = pd.DataFrame(x[:, : len(NUMBERS)], columns=pd.Index(NUMBERS)) * self.sd + self.mean
        at = len(NUMBERS)
        for name, states in self.states.items():
            out[name] = np.array(states)[x[:, at : at + len(states)].argmax(1)]
            at += len(states)
        return out


class Ordinal(Coding):
    """Categories as the numbers of their states, from 0 to about 3."""

    def encode(self, frame: pd.DataFrame) -> np.ndarray:
        parts = [((frame[NUMBERS] - self.mean) / self.sd).to_numpy()]
        for name, states in self.states.items():
            codes = np.array([states.index(v) if v in states else np.nan for v in frame[name]])
            parts.append((3 * codes / len(states))[:, None])
        return np.concatenate(parts, 1)

    def decode(self, x: np.ndarray) -> pd.DataFrame:
        out = pd.DataFrame(x[:, : len(NUMBERS)], columns=pd.Index(NUMBERS)) * self.sd + self.mean
        for at, (name, states) in enumerate(self.states.items(), len(NUMBERS)):
            codes = np.round(x[:, at] * len(states) / 3).astype(int)
            out[name] = np.array(states)[codes.clip(0, len(states) - 1)]
        return out


def by(imputer: Any, coded: type[Coding] = Coding) -> Fill:
    def fill(train: pd.DataFrame, test: pd.DataFrame) -> pd.DataFrame:
        coding = coded(train)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that ten rounds have not converged
            imputer.fit(coding.encode(train))
            filled = coding.decode(imputer.transform(coding.encode(test)))
        return test.reset_index(drop=True).fillna(filled)

    return fill


def trees(seed: int) -> ExtraTreesRegressor:
    """As many as make a difference, each with leaves of five rows."""
    return ExtraTreesRegressor(20, min_samples_leaf=5, random_state=seed)


def hide(frame: pd.DataFrame, share: float, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows with holes, and which cells were there before (N, columns)."""
    hidden = np.random.default_rng(seed).random(frame.shape) < share
    holed = frame.astype(dict.fromkeys(NUMBERS, float)).mask(pd.DataFrame(hidden, frame.index, frame.columns))
    return holed, pd.DataFrame(hidden & frame.notna().to_numpy(), frame.index, frame.columns)


def errors(truth: pd.DataFrame, filled: pd.DataFrame, where: pd.DataFrame, sd: pd.Series) -> dict[str, float]:
    """One figure a column: standardized root mean squared error of a number, share of right states of a category."""
    out = {}
    for name in NAMES:
        at = where[name].to_numpy()
        want, got = truth[name].to_numpy()[at], filled[name].to_numpy()[at]
        out[name] = (
            float(np.sqrt(np.mean((want.astype(float) - got.astype(float)) ** 2)) / sd[name])
            if name in NUMBERS
            else float(np.mean(want == got))
        )
    return out


def impute(options: argparse.Namespace) -> None:
    """The table of the first half."""
    all_train, all_test = adult(options.data)
    sd: Any = all_train[NUMBERS].std()
    methods = options.methods.split(",")
    for share in options.shares:
        found: dict[str, list[dict[str, float]]] = {name: [] for name in methods}
        seconds: dict[str, float] = dict.fromkeys(methods, 0.0)
        for seed in range(options.seeds):
            train, test = (
                frame.sample(min(n, len(frame)), random_state=seed).reset_index(drop=True)
                for frame, n in ((all_train, options.rows), (all_test, options.test))
            )
            (holed_train, _), (holed, where) = hide(train, share, seed), hide(test, share, seed + 1000)
            ways: dict[str, Callable[[], Fill]] = {
                "latentia": lambda seed=seed: ours(options, seed),
                "mean and mode": lambda: mean_and_mode,
                "KNNImputer": lambda: by(KNNImputer(n_neighbors=10)),
                "iterative/one-hot": lambda seed=seed: by(IterativeImputer(max_iter=10, random_state=seed)),
                "iterative/ordinal": lambda seed=seed: by(IterativeImputer(max_iter=10, random_state=seed), Ordinal),
                "trees": lambda seed=seed: by(IterativeImputer(trees(seed), max_iter=5, random_state=seed), Ordinal),
            }
            for name in methods:
                start = time.process_time()
                filled = ways[name]()(holed_train, holed)
                seconds[name] += (time.process_time() - start) / options.seeds
                found[name].append(errors(test, filled, where, sd))
                now = found[name][-1]
                console.print(f"{share:.0%} seed {seed} {name}: {averages(now)}", highlight=False)
                if options.columns:
                    console.print("  ".join(f"{key} {value:.3f}" for key, value in now.items()), highlight=False)
        show(share, found, seconds, options)


def averages(one: dict[str, float]) -> str:
    return f"{np.mean([one[n] for n in NUMBERS]):.4f}, {np.mean([one[n] for n in WORDS]):.4f}"


def show(share: float, found: dict[str, list[dict[str, float]]], seconds: dict[str, float], o: argparse.Namespace) -> None:
    title = f"{share:.0%} of cells hidden; {o.rows} rows to learn from, {o.test} filled, {o.seeds} seeds (± over them)"
    table = Table("method", "error of numbers", "categories right", "seconds", title=title, title_justify="left")
    for name, many in found.items():
        cells = [[float(np.mean([one[n] for n in names])) for one in many] for names in (NUMBERS, WORDS)]
        table.add_row(name, *(_told(c) for c in cells), f"{seconds[name]:.0f}")
    console.print(table)


def features(frame: pd.DataFrame, coding: Coding) -> np.ndarray:
    """One-hot and standardized, the class left out; a missing category is no state."""
    return np.nan_to_num(coding.encode(frame.assign(income=np.nan)))


def judged(train: pd.DataFrame, test: pd.DataFrame, coding: Coding, seed: int) -> dict[str, float]:
    """F1 of each classifier, learned from ``train``."""
    many: dict[str, Any] = {
        "AdaBoost": AdaBoostClassifier(random_state=seed),
        "decision tree": DecisionTreeClassifier(max_depth=15, class_weight="balanced", random_state=seed),
        "logistic regression": LogisticRegression(class_weight="balanced", max_iter=50),
        "MLP": MLPClassifier((50,), max_iter=50, random_state=seed),
    }
    (x, y), (x_test, y_test) = ((features(f, coding), (f["income"] == RICH).to_numpy()) for f in (train, test))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that so few rounds have not converged
        return {name: float(f1_score(y_test, model.fit(x, y).predict(x_test))) for name, model in many.items()}


def synthetic(options: argparse.Namespace) -> None:
    """The table of the second half."""
    train, test = (frame.dropna().reset_index(drop=True) for frame in adult(options.data))
    train, test = train.head(options.rows), test.head(options.test)
    coding = Coding(train)
    real = judged(train, test, coding, 0)
    found = []
    for seed in range(options.seeds):
        drawn = learned(train, options, seed).sample(len(train), seed=seed)
        found.append(judged(drawn, test, coding, seed))
        console.print(f"seed {seed}: {np.mean(list(found[-1].values())):.4f}", highlight=False)
    title = f"F1 on {len(test)} real rows; {len(train)} rows to learn from, {options.seeds} seeds"
    table = Table("classifier", "from real rows", "from synthetic rows", title=title, title_justify="left")
    for name in real:
        table.add_row(name, f"{real[name]:.3f}", f"{np.mean([f[name] for f in found]):.3f}")
    mean = np.mean([list(f.values()) for f in found], 1)
    table.add_row("mean", f"{np.mean(list(real.values())):.3f}", f"{mean.mean():.3f} ± {mean.std():.3f}")
    table.add_row("TVAE as published", "0.669", "0.626")
    console.print(table)


def _told(values: list[float]) -> str:
    """Their mean and, of several seeds, the spread."""
    return f"{np.mean(values):.4f}" + (f" ± {np.std(values, ddof=1):.4f}" if len(values) > 1 else "")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("what", choices=["impute", "synthetic"])
    parser.add_argument("--data", type=Path, default=None, help="the folder that holds adult/; LATENTIA_DATA by default")
    parser.add_argument("--rows", type=int, help="to learn from; 8,000, or all")
    parser.add_argument("--test", type=int, help="to fill or to test on; 4,000, or all")
    parser.add_argument("--shares", type=float, nargs="+", default=[0.1, 0.3, 0.5])
    parser.add_argument("--methods", default=METHODS)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--columns", action="store_true", help="print every column's figure")
    for name, kind, default in (
        *(("latents", int, 16), ("width", int, 256), ("layers", int, 2), ("epochs", int, 300), ("batch", int, 64)),
        *(("lr", float, 1e-3), ("draws", int, 1), ("beta", float, 1.0), ("floor", float, 0.05), ("weighted", int, 500)),
    ):
        parser.add_argument(f"--{name}", type=kind, default=default)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    options.data = options.data or Path(os.environ["LATENTIA_DATA"])
    whole = options.what == "synthetic"
    options.rows = options.rows or (10**9 if whole else 8000)
    options.test = options.test or (10**9 if whole else 4000)
    torch.set_num_threads(1)
    (synthetic if whole else impute)(options)


if __name__ == "__main__":
    main()
