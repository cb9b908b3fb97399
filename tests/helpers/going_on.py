"""Steps with a break between them, at which everything is written down, thrown away, built anew and read in again."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from latentia.core import Batch
from latentia.learners import Learner
from latentia.training.checkpoint import Checkpoint, from_bytes


def _steps(make: Callable[[], Learner], batches: list[Batch], break_after: int | None) -> dict[str, Tensor]:
    torch.manual_seed(5)
    learner, logs = make(), []
    for i, batch in enumerate(batches):
        if i == break_after:
            kept, random = Checkpoint({}, {}).with_memory("learner", learner.memory()).to_bytes(), torch.get_rng_state()
            torch.manual_seed(6)
            learner = make()
            learner.restore(from_bytes(b"".join(kept)).memory("learner"))
            torch.set_rng_state(random)
        learner.modules.train()
        logs.append(learner.step(batch))
        learner.modules.eval()
    end = {**everything(learner), "lr": torch.tensor(learner.lr), "steps": torch.tensor(learner.steps)}
    return {**end, **{f"{i} {key}": value for i, log in enumerate(logs) for key, value in log.items()}}


def assert_goes_on_to_the_bit(make: Callable[[], Learner], batches: list[Batch], *places: int) -> None:
    """Steps on ``batches`` end where they do with a break after so many of them; after three unless said."""
    whole = _steps(make, batches, None)
    for place in places or (3,):
        broken = _steps(make, batches, place)
        assert list(broken) == list(whole)
        assert all(torch.equal(broken[name].nan_to_num(7e7), value.nan_to_num(7e7)) for name, value in whole.items()), place


def everything(learner: Learner) -> dict[str, Tensor]:
    """Of all modules, whether the learner owns them or not."""
    whole = nn.ModuleDict({**learner.modules, "model": learner.model, "posterior": learner.posterior})
    return {name: value.detach().clone() for name, value in whole.state_dict().items()}
