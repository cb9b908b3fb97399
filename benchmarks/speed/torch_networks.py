"""The networks of each task in plain torch, and its bounds; for those contestants that are torch."""

import math
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.speed.task import EMBEDDING, PIXELS, WORDS, Task

CHANNELS, CONV_HIDDEN = (32, 64, 64), 256
LSTM_WIDTH = 256
ACTIVATIONS: dict[str, type[nn.Module]] = {"relu": nn.ReLU, "tanh": nn.Tanh}


def encoder(task: Task) -> nn.Module:
    """x to (B, 2 latents): mean and log variance."""
    if task.network == "lstm":
        return SentenceEncoder(2 * task.latents)
    return conv_encoder(task) if task.network == "conv" else layers([PIXELS, *task.hidden, 2 * task.latents], task)


def decoder(task: Task) -> nn.Module:
    """z (..., latents) to logits of x; of words it takes the sentence, too."""
    if task.network == "lstm":
        return SentenceDecoder(task.latents)
    return ConvDecoder(task) if task.network == "conv" else layers([task.latents, *task.hidden[::-1], PIXELS], task)


def layers(widths: list[int], task: Task) -> nn.Sequential:
    parts: list[nn.Module] = []
    for a, b in pairwise(widths):
        parts += [nn.Linear(a, b), ACTIVATIONS[task.activation]()]
    return nn.Sequential(*parts[:-1])


def conv_encoder(task: Task) -> nn.Sequential:
    act, parts = ACTIVATIONS[task.activation], []
    for a, b in pairwise((1, *CHANNELS)):
        parts += [nn.Conv2d(a, b, 3, stride=2, padding=1), act()]
    flat = CHANNELS[-1] * 4 * 4
    return nn.Sequential(*parts, nn.Flatten(), nn.Linear(flat, CONV_HIDDEN), act(), nn.Linear(CONV_HIDDEN, 2 * task.latents))


class ConvDecoder(nn.Module):
    """4 x 4 to 7 x 7 to 14 x 14 to 28 x 28, and a bias of its own for every pixel."""

    def __init__(self, task: Task) -> None:
        super().__init__()
        act, (c1, c2, c3) = ACTIVATIONS[task.activation], CHANNELS
        self.head = nn.Sequential(nn.Linear(task.latents, CONV_HIDDEN), act(), nn.Linear(CONV_HIDDEN, c3 * 4 * 4))
        self.ups = nn.Sequential(
            act(),
            nn.ConvTranspose2d(c3, c2, 3, stride=2, padding=1),
            act(),
            nn.ConvTranspose2d(c2, c1, 3, stride=2, padding=1, output_padding=1),
            act(),
            nn.ConvTranspose2d(c1, 1, 3, stride=2, padding=1, output_padding=1, bias=False),
        )
        self.pixel_bias = nn.Parameter(torch.zeros(1, 28, 28))

    def forward(self, z: Tensor) -> Tensor:
        out = self.ups(self.head(z.reshape(-1, z.shape[-1])).reshape(-1, CHANNELS[-1], 4, 4)) + self.pixel_bias
        return out.reshape(*z.shape[:-1], 1, 28, 28)


class SentenceEncoder(nn.Module):
    """Words (B, LENGTH) to the last state of an LSTM, to raw numbers of q."""

    def __init__(self, n_out: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(WORDS, EMBEDDING)
        self.lstm = nn.LSTM(EMBEDDING, LSTM_WIDTH, batch_first=True)
        self.last = nn.Linear(LSTM_WIDTH, n_out)

    def forward(self, words: Tensor) -> Tensor:
        return self.last(self.lstm(self.embedding(words))[1][0][-1])


class SentenceDecoder(nn.Module):
    """log p(words | z): an LSTM that is told the word before and z at every step (Bowman et al. 2016)."""

    def __init__(self, n_latents: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(WORDS + 1, EMBEDDING)  # the last one begins a sentence
        self.start = nn.Linear(n_latents, 2 * LSTM_WIDTH)
        self.lstm = nn.LSTM(EMBEDDING + n_latents, LSTM_WIDTH, batch_first=True)
        self.last = nn.Linear(LSTM_WIDTH, WORDS)

    def forward(self, z: Tensor, words: Tensor) -> Tensor:
        """z (N, latents), words (N, length) -> (N,) nats."""
        before = torch.cat([words.new_full((len(words), 1), WORDS), words[:, :-1]], 1)
        told = torch.cat([self.embedding(before), z.unsqueeze(1).expand(-1, words.shape[1], -1)], -1)
        h, c = self.start(z).tanh().chunk(2, -1)
        states = self.lstm(told, (h.unsqueeze(0).contiguous(), c.unsqueeze(0).contiguous()))[0]
        scores = self.last(states).flatten(0, 1)
        return -F.cross_entropy(scores, words.flatten(), reduction="none").reshape(words.shape).sum(-1)


def log_likelihood(decode: nn.Module, z: Tensor, x: Tensor, task: Task) -> Tensor:
    """z (B, latents), or (K, B, latents) of the MLP -> (B,) or (K, B) nats."""
    if task.network == "lstm":
        return decode(z, x)
    logits = decode(z)
    bits = x if logits.dim() == x.dim() else x.expand_as(logits)
    each = F.binary_cross_entropy_with_logits(logits, bits, reduction="none")
    return -(each.flatten(1) if task.network == "conv" else each).sum(-1)


def elbo(encode: nn.Module, decode: nn.Module, x: Tensor, task: Task) -> Tensor:
    """(B,) nats, one draw, the KL in closed form."""
    mean, log_var = encode(x).chunk(2, -1)
    z = mean + torch.randn_like(mean) * (0.5 * log_var).exp()
    kl = -0.5 * (1 + log_var - mean.square() - log_var.exp()).sum(-1)
    return log_likelihood(decode, z, x, task) - kl


def iwae(encode: nn.Module, decode: nn.Module, x: Tensor, task: Task) -> Tensor:
    """(B,) nats, K draws (Burda et al. 2016)."""
    mean, log_var = encode(x).chunk(2, -1)
    noise = torch.randn(task.draws, *mean.shape)
    z = mean + noise * (0.5 * log_var).exp()
    log_prior_to_q = 0.5 * (noise.square() + log_var - z.square()).sum(-1)
    w = log_likelihood(decode, z, x, task) + log_prior_to_q
    return torch.logsumexp(w, 0) - math.log(task.draws)


BOUNDS = {"elbo": elbo, "iwae": iwae}
