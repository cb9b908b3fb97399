"""The score function with a relaxed draw's log-weight as control variate.

Tucker, Mnih, Maddison, Lawson & Sohl-Dickstein (2017), REBAR: Low-variance, unbiased gradient estimates for discrete latent
variable models.
"""

from torch import Tensor

from latentia.core import Batch
from latentia.gradients.control_variate import ControlVariate


class Rebar(ControlVariate):
    """Unbiased, from one draw or more; temperature and scale of the control variate learn. See ``ControlVariate``.

    Args:
        temperature: where the temperature starts.
        scale: where the control variate's scale starts; 0 is the score function.
        speed: both move by so many times the learner's rate, in the paper ten.
        decay: of the rewards' moving average, which one draw is compared with, 0 <= decay < 1.

    Raises:
        LatentiaError: one of them out of range.
    """

    def __init__(self, temperature: float = 0.5, scale: float = 1.0, speed: float = 10.0, decay: float = 0.9) -> None:
        super().__init__("rebar", temperature, scale, speed, decay)

    def free_form(self, soft: Tensor, batch: Batch) -> Tensor | None:
        return None
