"""What the speed results rest on: the same network and bound for every contestant, and the arithmetic of the figures."""

import io
import json
import math
from dataclasses import replace

import pytest
import torch
from torch.distributions import Normal, kl_divergence
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.speed import figures
from benchmarks.speed.cases import CONV, IWAE_5, LSTM, MLP_100, MLP_512
from benchmarks.speed.contestants.latentia_parts import parts_for
from benchmarks.speed.figures import TARGETS, agree, gflop_a_row, share_of_peak, slope, to_bare
from benchmarks.speed.results import write_results
from benchmarks.speed.task import LENGTH, WORDS
from benchmarks.speed.torch_networks import BOUNDS, decoder, encoder, log_likelihood
from benchmarks.speed.worker import Turns
from latentia.core import Batch

TASKS = {"mlp": MLP_100, "conv": CONV, "lstm": LSTM, "iwae": IWAE_5}


def some_rows(task, n=3):
    if task.network == "lstm":
        return torch.randint(WORDS, (n, LENGTH))
    return (torch.rand(n, *((1, 28, 28) if task.network == "conv" else (784,))) < 0.3).float()


def put(weights, into):
    """Weights of one network in another, in order; shapes may differ by axes of one."""
    ours = list(into.parameters())
    assert len(weights) == len(ours)
    with torch.no_grad():
        for a, b in zip(weights, ours, strict=True):
            assert a.numel() == b.numel()
            b.copy_(a.reshape(b.shape))


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_latentia_and_the_bare_loop_have_the_same_networks(task):
    model, posterior = parts_for(task)
    encode, decode, x = encoder(task), decoder(task), some_rows(task)
    put(list(posterior.parameters()), encode)
    put(list(model.parameters()), decode)
    q = posterior.infer(model, Batch(x.float(), torch.arange(3), 3))
    z = q.sample((1,))
    mean = encode(x).chunk(2, -1)[0]
    torch.testing.assert_close(q.mean, mean, rtol=1e-4, atol=1e-5)
    ours = log_likelihood(decode, z[0], x, task)
    torch.testing.assert_close(model.log_likelihood(z, Batch(x.float(), torch.arange(3), 3))[0], ours, rtol=1e-5, atol=1e-3)


@pytest.mark.parametrize("task", [MLP_100, CONV], ids=["mlp", "conv"])
def test_jax_has_the_same_networks(task):
    jax = pytest.importorskip("jax")
    from benchmarks.speed.contestants import jax_networks

    shape = (28, 28, 1) if task.network == "conv" else (784,)
    x = some_rows(task)
    for theirs, ours, given in (
        (jax_networks.encoder(task), encoder(task), x),
        (jax_networks.decoder(task), decoder(task), torch.randn(3, task.latents)),
    ):
        out_shape, parts = theirs[0](jax.random.key(0), shape)
        torch_parts = {name: p.detach() for name, p in ours.named_parameters()}
        assert sum(p.numel() for p in torch_parts.values()) == sum(leaf.size for leaf in jax.tree.leaves(parts))
        entering = given.permute(0, 2, 3, 1) if given.dim() == 4 else given
        out = theirs[1](from_torch(jax, parts, ours), entering.numpy())
        assert tuple(out.shape[1:]) == tuple(out_shape)
        back = torch.from_numpy(jax.device_get(out).copy())
        back = back.permute(0, 3, 1, 2) if back.dim() == 4 else back
        torch.testing.assert_close(back, ours(given), rtol=1e-3, atol=1e-4)


def from_torch(jax, parts, network):
    """torch's weights in JAX's order of axes; rows of a dense layer that reads or writes an image in JAX's order, too."""
    weights = iter([(module, name, p) for module in network.modules() for name, p in module.named_parameters(recurse=False)])
    by_kind = {"dense": [], "conv": [], "bias": []}
    for module, name, p in weights:
        kind = "dense" if isinstance(module, torch.nn.Linear) else "conv" if "Conv" in type(module).__name__ else "bias"
        kind = kind if type(module).__name__ != "ConvDecoder" else "bias"
        by_kind[kind].append((module, name, p.detach()))
    dense = [m for m, name, _ in by_kind["dense"] if name == "weight"]
    conv = [m for m, name, _ in by_kind["conv"] if name == "weight"]

    def dense_of(m, reads=False, writes=False):
        w, b = m.weight.detach(), m.bias.detach()
        if reads:
            w = w.reshape(len(w), -1, 4, 4).permute(0, 2, 3, 1).reshape(len(w), -1)
        if writes:
            order = torch.arange(len(w)).reshape(-1, 4, 4).permute(1, 2, 0).flatten()
            w, b = w[order], b[order]
        return {"w": jax.numpy.asarray(w.T.numpy()), "b": jax.numpy.asarray(b.numpy())}

    if not conv:
        return [dense_of(m) for m in dense]
    up = isinstance(conv[0], torch.nn.ConvTranspose2d)

    def conv_of(m):
        w = m.weight.detach()
        # lax.conv_transpose does not turn its kernel over; torch's transposed convolution does.
        w = w.permute(2, 3, 0, 1).flip(0, 1) if up else w.permute(2, 3, 1, 0)
        b = m.bias.detach() if m.bias is not None else by_kind["bias"][0][2].permute(1, 2, 0)
        return {"w": jax.numpy.asarray(w.numpy()), "b": jax.numpy.asarray(b.numpy())}

    convs = [conv_of(m) for m in conv]
    if up:
        return [dense_of(dense[0]), dense_of(dense[1], writes=True)], convs
    return convs, [dense_of(dense[0], reads=True), dense_of(dense[1])]


def test_bounds_are_those_of_the_densities(monkeypatch):
    """Where the decoder ignores z the ELBO is log p(x) less the KL; L_K is the logarithm of the mean weight of its draws."""
    task = replace(IWAE_5, draws=7)
    encode, decode, x = encoder(task), decoder(task), some_rows(task)
    with torch.no_grad():
        next(decode.parameters()).zero_()  # the weights that read z
    log_px = log_likelihood(decode, torch.zeros(3, task.latents), x, task)
    mean, log_var = encode(x).chunk(2, -1)
    q, prior = Normal(mean, (0.5 * log_var).exp()), Normal(torch.zeros(()), torch.ones(()))
    expected = log_px - kl_divergence(q, prior).sum(-1)
    torch.testing.assert_close(BOUNDS["elbo"](encode, decode, x, task), expected, rtol=1e-5, atol=1e-3)
    noise = torch.randn(7, 3, task.latents)
    monkeypatch.setattr(torch, "randn", lambda *_: noise)
    z = q.mean + noise * q.stddev
    w = log_px + (prior.log_prob(z) - q.log_prob(z)).sum(-1)
    expected = w.double().exp().mean(0).log().float()
    torch.testing.assert_close(BOUNDS["iwae"](encode, decode, x, task), expected, rtol=1e-5, atol=1e-3)


@torch.no_grad()
def test_a_sentence_is_told_no_word_before_it_is_asked():
    """The chances of all second words sum to that of the first, and those of all first words to one."""
    decode, z = decoder(LSTM), torch.randn(1, LSTM.latents).expand(WORDS, -1)
    every = torch.arange(WORDS).unsqueeze(1)
    firsts = decode(z, every)
    seconds = decode(z, torch.cat([torch.full_like(every, 7), every], 1))
    assert float(firsts.logsumexp(0)) == pytest.approx(0, abs=1e-4)
    assert float(seconds.logsumexp(0)) == pytest.approx(float(firsts[7]), abs=1e-4)


def test_products_of_a_step_are_those_that_torch_counts():
    encode, decode, x = encoder(MLP_512), decoder(MLP_512), some_rows(MLP_512, 8)
    with FlopCounterMode(display=False) as counted:
        BOUNDS["elbo"](encode, decode, x, MLP_512).mean().backward()
    assert gflop_a_row(MLP_512.as_json()) * 8e9 == pytest.approx(counted.get_total_flops(), rel=1e-12)


def test_turns_are_told_one_by_one_and_waited_for(monkeypatch):
    told = io.StringIO()
    monkeypatch.setattr("sys.stdin", io.StringIO("go\ngo\ngo\n"))
    turns = Turns(told, warm=1, turn=2)
    for _ in range(1 + 2 * 2):
        turns.epoch_ended()
    assert [next(iter(json.loads(line))) for line in told.getvalue().splitlines()] == ["warm", "seconds", "seconds"]


def test_a_contestant_whose_harness_is_gone_ends(monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    with pytest.raises(SystemExit):
        Turns(io.StringIO(), warm=1, turn=1).epoch_ended()


def kept(**seconds):
    task = MLP_512.as_json()
    found = {
        name: {"entrant": name, "task": task, "seconds": list(each), "bound": -100.0, "warm": 1.0, "peak_mib": 1.0}
        | {"imported_mib": 1.0, "route": "onednn"}
        for name, each in seconds.items()
    }
    return {"mlp-512": {"found": found, "rounds": 3, "threads": 2, "rows": "bits"}}


def test_ratios_are_of_medians_and_the_bare_loop_is_that_of_the_same_route():
    at = kept(latentia=(1.0, 2.0, 9.0), bare=(1.0, 1.0, 1.0), **{"bare-onednn": (4.0, 1.0, 5.0)})
    assert figures.ratio(at, "mlp-512", "latentia", "bare") == pytest.approx(0.5)
    assert to_bare(at, "mlp-512") == pytest.approx(2.0)


def test_a_contestant_that_broke_has_no_rate():
    at = kept(latentia=(1.0,), pythae=(1.0,))
    at["mlp-512"]["found"]["pythae"]["broken"] = "it did"
    assert figures.ratio(at, "mlp-512", "latentia", "pythae") is None


def test_the_share_of_the_peak_is_of_the_best_route_that_is_still_fp32():
    at = kept(latentia=(1.0,), peak=(1.0,), **{"peak-onednn": (0.1,)})
    found = at["mlp-512"]["found"]
    found["peak"] |= {"gflop_an_epoch": 200.0, "relative_error": 3e-7}
    found["peak-onednn"] |= {"gflop_an_epoch": 200.0, "relative_error": 3e-3}
    assert share_of_peak(at) == pytest.approx(MLP_512.rows * gflop_a_row(MLP_512.as_json()) / 200)


def test_another_objective_is_seen():
    same = {"a": {"bound": -100.0}, "b": {"bound": -101.0}, "c": {"bound": -99.5}}
    assert agree(same) == (pytest.approx(0.01), True)
    judged = agree(same | {"d": {"bound": -130.0}})
    assert judged is not None
    assert not judged[1]


def test_slopes_are_powers():
    assert slope({n: 3.0 * n**1.5 for n in (10, 40, 160)}) == pytest.approx(1.5)


def test_the_page_says_what_was_missed_and_what_was_not_measured(tmp_path):
    at = kept(latentia=(1.0, 1.0, 1.0), **{"bare-onednn": (0.5, 0.5, 0.5)})["mlp-512"]
    machine = {"processor": "p", "cores": 2, "memory_gib": 1, "system": "s", "python": "3", "versions": {}, "day": "d"}
    about = {"machine": machine | {"commit": "c", "load_before": 0.0}, "small": False, "seconds": 60.0}
    (tmp_path / "timings").mkdir()
    (tmp_path / "timings" / "mlp-512.json").write_text(json.dumps({"about": about} | at))
    lines = {line.split("|")[1].strip(): line for line in write_results(tmp_path).splitlines() if line.startswith("| ")}
    assert "**missed**" in lines["MLP VAE, batch 512, over the bare loop on the same route"]
    assert "not measured" in lines["MLP VAE, batch 100, over NumPyro"]
    assert f"{MLP_512.rows:,}" in lines["latentia"]
    assert all(math.isfinite(target.wanted) for target in TARGETS)
