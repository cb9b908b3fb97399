"""``latentia topics`` as a user types it, after fits by both learners, on documents that stand in for the published ones."""

import json
from pathlib import Path

import numpy as np
import pytest

from latentia.cli import main
from latentia.data import newsgroups

N, V = 600, 100
LDA = ("model=lda", "posterior=variational", "latents=2", "evaluation_draws=2", "epochs=4", "batch_size=60")


def latentia(*arguments: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    """(exit status, what was printed, what was complained)."""
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    said = capsys.readouterr()
    return int(ended.value.code or 0), said.out, said.err


@pytest.fixture(autouse=True)
def documents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Documents of two topics: the words below 50, and the others."""
    monkeypatch.setenv("LATENTIA_DATA", str(tmp_path))
    monkeypatch.setattr(newsgroups, "N_DOCUMENTS", N)
    (tmp_path / "newsgroups_w100").mkdir()
    random = np.random.default_rng(0)
    kind = random.integers(0, 2, N)
    chance = np.where((np.arange(V) < 50)[None] == (kind == 0)[:, None], 0.1, 0.005)
    np.savez(
        tmp_path / "newsgroups_w100" / "20news_w100.npz",
        documents=(random.random((N, V)) < chance).astype(np.uint8),
        newsgroups=kind,
        wordlist=np.array([f"{'low' if w < 50 else 'high'}{w}" for w in range(V)]),
        groupnames=np.array(["a", "b", "c", "d"]),
    )


@pytest.mark.parametrize("learner", ["coordinate-ascent", "natural-gradient"])
def test_a_fit_s_topics_are_printed_and_are_json(learner: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sets = [part for one in (*LDA, f"learner={learner}") for part in ("--set", one)]
    folder = str(tmp_path / "run")
    code, said, complaint = latentia("fit", "newsgroups_w100", *sets, "--out", folder, capsys=capsys)
    assert code == 0, complaint
    assert "ELBO" in said
    code, said, complaint = latentia("topics", folder, "--top", "3", capsys=capsys)
    assert code == 0, complaint
    assert "NPMI" in said
    assert "perplexity" in said
    _, said, _ = latentia("topics", folder, "--top", "10", "--split", "valid", "--json", capsys=capsys)
    told = json.loads(said)
    assert (told["split"], told["documents"], told["diversity"]) == ("valid", 60, 1.0)
    kinds = [{word.rstrip("0123456789") for word in topic["words"]} for topic in told["topics"]]
    assert sorted(kinds, key=str) == [{"high"}, {"low"}]
    assert 1 < told["perplexity_at_means"] < told["perplexity"]
    code, said, _ = latentia("evaluate", folder, "--draws", "3", "--json", capsys=capsys)
    assert json.loads(said)["elbo"]["value"] <= json.loads(said)["log_px"]["value"]
    assert latentia("topics", folder, "--top", "101", capsys=capsys)[0] == 1


def test_a_run_without_topics_says_so_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = str(tmp_path / "run")
    latentia("fit", "newsgroups_w100", "--set", "epochs=1", "--set", "evaluation_draws=1", "--out", folder, capsys=capsys)
    code, _, complaint = latentia("topics", folder, capsys=capsys)
    assert code == 1
    assert complaint == "latentia: Decoded has no topics; fit model=lda, or one with model.network=topics.\n"
