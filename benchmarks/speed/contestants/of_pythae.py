"""pythae by its own trainer: no evaluation, no checkpoints, no predictions between epochs."""

import shutil
import tempfile
from collections.abc import Callable
from typing import Any

import torch
from pythae.data.datasets import BaseDataset  # pyright: ignore[reportMissingImports]
from pythae.models import IWAE, VAE, IWAEConfig, VAEConfig  # pyright: ignore[reportMissingImports]
from pythae.models.base.base_utils import ModelOutput  # pyright: ignore[reportMissingImports]
from pythae.models.nn import BaseDecoder, BaseEncoder  # pyright: ignore[reportMissingImports]
from pythae.trainers import BaseTrainer, BaseTrainerConfig  # pyright: ignore[reportMissingImports]
from pythae.trainers.training_callbacks import TrainingCallback  # pyright: ignore[reportMissingImports]

from benchmarks.speed.task import Rows, Task
from benchmarks.speed.torch_networks import BOUNDS, decoder, encoder


def train(task: Task, rows: Rows, epochs: int, ended: Callable[[], None], fused: bool = False) -> dict[str, Any]:
    torch.manual_seed(task.seed)
    model: Any = model_for(task)
    folder = tempfile.mkdtemp()
    config = BaseTrainerConfig(
        output_dir=folder,
        per_device_train_batch_size=task.batch,
        num_epochs=epochs,
        learning_rate=task.lr,
        optimizer_cls="Adam",
        optimizer_params={"fused": True} if fused else None,
        keep_best_on_train=True,
        no_cuda=True,
        seed=task.seed,
    )
    trainer = BaseTrainer(model, dataset(rows.train), training_config=config, callbacks=[AtEpochEnd(ended)])
    try:
        trainer.train()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    model.eval()
    check = torch.from_numpy(rows.check).float()
    with torch.no_grad():
        said = -float(model({"data": check}).loss)
        # pythae's IWAE loss has the gradient of L_K but is not it: the bound proper comes from the networks.
        encode, decode = (part.network for part in (model.encoder, model.decoder))
        proper = BOUNDS[task.bound](encode, decode, check, task).mean()
    return {"bound": float(proper), "own_loss": said}


def model_for(task: Task) -> VAE:
    shape = (1, 28, 28) if task.network == "conv" else (784,)
    options = {"input_dim": shape, "latent_dim": task.latents, "reconstruction_loss": "bce"}
    if task.bound == "iwae":
        return IWAE(IWAEConfig(number_samples=task.draws, **options), Encoder(task), Decoder(task))
    return VAE(VAEConfig(**options), Encoder(task), Decoder(task))


def dataset(x: Any) -> BaseDataset:
    return BaseDataset(torch.from_numpy(x).float(), torch.zeros(len(x)))


class Encoder(BaseEncoder):
    def __init__(self, task: Task) -> None:
        super().__init__()
        self.network = encoder(task)

    def forward(self, x: torch.Tensor) -> ModelOutput:
        mean, log_var = self.network(x).chunk(2, -1)
        return ModelOutput(embedding=mean, log_covariance=log_var)


class Decoder(BaseDecoder):
    def __init__(self, task: Task) -> None:
        super().__init__()
        self.network = decoder(task)

    def forward(self, z: torch.Tensor) -> ModelOutput:
        return ModelOutput(reconstruction=self.network(z).sigmoid())


class AtEpochEnd(TrainingCallback):
    def __init__(self, ended: Callable[[], None]) -> None:
        self.ended = ended

    def on_epoch_end(self, training_config: Any, **kwargs: Any) -> None:
        self.ended()
