"""Gradients by name."""

from collections.abc import Callable

from latentia.gradients.analytic_kl import AnalyticKL
from latentia.gradients.auto import Auto, choose
from latentia.gradients.base import Estimate, Gradient
from latentia.gradients.doubly_reparameterized import DoublyReparameterized
from latentia.gradients.enumerated import Enumerated
from latentia.gradients.leave_one_out import LeaveOneOut
from latentia.gradients.nvil import Nvil
from latentia.gradients.rebar import Rebar
from latentia.gradients.relax import Relax
from latentia.gradients.relaxed import Relaxed
from latentia.gradients.reparameterized import Reparameterized
from latentia.gradients.score_function import ScoreFunction

GRADIENTS: dict[str, Callable[..., Gradient]] = {
    "auto": Auto,
    "analytic-kl": AnalyticKL,
    "reparameterized": Reparameterized,
    "doubly-reparameterized": DoublyReparameterized,
    "score-function": ScoreFunction,
    "leave-one-out": LeaveOneOut,
    "nvil": Nvil,
    "enumerated": Enumerated,
    "relaxed": Relaxed,
    "rebar": Rebar,
    "relax": Relax,
}

__all__ = [
    "GRADIENTS",
    "AnalyticKL",
    "Auto",
    "DoublyReparameterized",
    "Enumerated",
    "Estimate",
    "Gradient",
    "LeaveOneOut",
    "Nvil",
    "Rebar",
    "Relax",
    "Relaxed",
    "Reparameterized",
    "ScoreFunction",
    "choose",
]
