"""Known models by name: found, refused where missing or damaged, and the published ones as they are known to be."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from latentia.core import Batch
from latentia.core.errors import DataError
from latentia.data import KNOWN_MODELS, known_model
from latentia.data.health_graph import BASE_RATE, LEAK
from latentia.models import MODELS, BayesNet, NoisyOr

Real = Callable[[str, str], Path]
TABLE = 'Diseases,Symptoms\rflu,"fever (0.5), pain, or worse (0.25)"\rcold,"cough (0.125)"\r'
NET = "variable a { type discrete [2] { x, y }; } probability (a) { table 0.5 0.5; }"


def put(folder: Path, home: str, name: str, content: str) -> Path:
    path = folder / home / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(content, newline="")
    return path


@pytest.mark.parametrize("name", KNOWN_MODELS)
def test_a_missing_file_is_named_with_where_to_get_it_and_put_it(name: str) -> None:
    home = KNOWN_MODELS[name].home
    with pytest.raises(DataError, match=rf"not found on this machine.*https://.*\$LATENTIA_DATA/{home}/"):
        known_model(name)
    assert KNOWN_MODELS[name].model in MODELS
    assert KNOWN_MODELS[name].about


def test_a_name_that_is_none_is_refused() -> None:
    with pytest.raises(DataError, match="no model 'alram'; did you mean 'alarm'"):
        known_model("alram")
    with pytest.raises(DataError, match="no file nowhere"):
        known_model("nowhere.bif")


def test_a_network_is_found_packed_or_not_in_either_folder(own: Path, tmp_path: Path) -> None:
    put(own, "bayes_nets", "asia.bif", NET)
    name, options = known_model("asia")
    assert name == "bayes-net"
    assert BayesNet(**options).sizes == [2]
    put(tmp_path, "bayes_nets", "child.bif", NET)
    assert known_model("child", folder=tmp_path) == (name, options)


def test_the_health_graph_is_read_as_published(own: Path) -> None:
    put(own, "health_knowledge_graph", "DerivedKnowledgeGraph_final.csv", TABLE)
    name, options = known_model("health_knowledge_graph")
    assert name == "noisy-or"
    assert options == {
        "causes": ["cold", "flu"],
        "effects": ["cough", "fever", "pain, or worse"],
        "edges": [(0, 0, 0.125), (1, 1, 0.5), (1, 2, 0.25)],
        "base_rate": BASE_RATE,
        "leak": LEAK,
    }


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("flu,", "cold,", "row 3: wanted a new disease"),
        (' (0.125)"', '"', "row 3: wanted a new disease and its symptoms"),
        ("(0.5)", "(0.5.1)", "row 2: a chance is no number"),
    ],
)
def test_a_damaged_table_is_told_by_its_row(own: Path, old: str, new: str, message: str) -> None:
    put(own, "health_knowledge_graph", "DerivedKnowledgeGraph_final.csv", TABLE.replace(old, new))
    with pytest.raises(DataError, match=message):
        known_model("health_knowledge_graph")


def test_a_damaged_array_is_refused(own: Path) -> None:
    path = own / "health_knowledge_graph" / "noisy_or.npz"
    path.parent.mkdir()
    for strength, message in ((np.full((1, 3), 0.5), r"wanted \(1, 2\)"), (np.full((1, 2), 1.5), "outside of 0 to 1")):
        np.savez(path, activation=strength, diseases=np.array(["flu"]), symptoms=np.array(["fever", "cough"]))
        with pytest.raises(DataError, match=message):
            known_model("health_knowledge_graph")


@pytest.mark.parametrize(
    ("name", "variables", "arcs", "free"),
    [("asia", 8, 8, 18), ("child", 20, 25, 230), ("alarm", 37, 46, 509), ("hepar2", 70, 123, 1453)],
)
def test_published_networks_have_their_published_size(real: Real, name: str, variables: int, arcs: int, free: int) -> None:
    """Nodes, arcs and free parameters as the Bayesian network repository states them; and they answer for themselves."""
    real("bayes_nets", f"{name}.bif.gz")
    model = BayesNet(**known_model(name)[1])
    assert len(model.nodes) == variables
    assert sum(len(v.parents) for v in model.nodes) == arcs
    assert sum(len(v.table) * (len(v.states) - 1) for v in model.nodes) == free
    x = model.sample(20)
    mask = model.draw_mask(torch.linspace(0, 0.9, 20))
    batch = Batch(x, torch.arange(20), 20, mask=mask)
    found = model.exact_marginals(batch)
    # The derivative at one state against two sums, with and without that state as evidence.
    here = model.sizes[0] + model.sizes[1]
    seen, more = mask.clone(), x.clone()
    seen[:, here : here + model.sizes[2]] = True
    more[:, here : here + model.sizes[2]] = torch.eye(model.sizes[2])[0]
    ratio = model.log_evidence(batch._replace(x=more, mask=seen)) - model.log_evidence(batch)
    free_rows = ~mask[:, here]
    assert bool(free_rows.any())
    torch.testing.assert_close(ratio.exp()[free_rows], found[free_rows, here], rtol=1e-11, atol=1e-14)


def test_the_health_graph_is_the_one_that_was_published(real: Real) -> None:
    real("health_knowledge_graph", "noisy_or.npz")
    model = NoisyOr(**known_model("health_knowledge_graph")[1])
    assert (len(model.causes), len(model.effects), len(model.edges)) == (156, 330, 3709)
    i, j = model.causes.index("abscess"), model.effects.index("pain")
    assert (i, j, 0.318) in model.edges
    x, mask = model.evidence({"pain": "yes", "fever": "yes", "redness": "yes"})
    answers = model.answers(model.exact_marginals(Batch(x[None], torch.arange(1), 1, mask=mask[None]))[0])
    best = max(answers, key=lambda answer: answer[2])[0]
    assert best in ("abscess", "cellulitis")
