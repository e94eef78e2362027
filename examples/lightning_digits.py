"""Train a network with Lightning; metrics, hyperparameters and the best checkpoint are logged.

pip install lightning scikit-learn
"""

import lightning
import torch
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint
from sklearn.datasets import load_digits
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset, random_split

from runlog.integrations.lightning import RunlogLogger


class Network(lightning.LightningModule):
    """Recognise digits."""

    def __init__(self, width: int = 64, rate: float = 0.01) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.layers = torch.nn.Sequential(
            torch.nn.Linear(64, width), torch.nn.ReLU(), torch.nn.Linear(width, 10)
        )

    def step(self, batch: list[torch.Tensor], name: str) -> torch.Tensor:
        """Log the loss and the accuracy of a batch, and return the loss."""
        images, digits = batch
        found = self.layers(images)
        loss = functional.cross_entropy(found, digits)
        accuracy = (found.argmax(1) == digits).float().mean()
        self.log_dict({f"{name}_loss": loss, f"{name}_accuracy": accuracy})
        return loss

    def training_step(self, batch: list[torch.Tensor], number: int) -> torch.Tensor:
        return self.step(batch, "train")

    def validation_step(self, batch: list[torch.Tensor], number: int) -> None:
        self.step(batch, "val")

    def test_step(self, batch: list[torch.Tensor], number: int) -> None:
        self.step(batch, "test")

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), self.hparams["rate"])


lightning.seed_everything(0)
images, digits = load_digits(return_X_y=True)
data = TensorDataset(torch.tensor(images / 16).float(), torch.tensor(digits))
train, val, test = random_split(data, [0.6, 0.2, 0.2])

logger = RunlogLogger("digits", run_name="lightning", log_model=True)
trainer = lightning.Trainer(
    max_epochs=10,
    accelerator="cpu",
    logger=logger,
    log_every_n_steps=10,
    callbacks=[
        ModelCheckpoint(monitor="val_loss", dirpath="checkpoints"),
        EarlyStopping("val_loss", patience=3),
    ],
    enable_progress_bar=False,
)
network = Network()
trainer.fit(network, DataLoader(train, 64, shuffle=True), DataLoader(val, 256))
results = trainer.test(network, DataLoader(test, 256), ckpt_path="best", verbose=False)
print(f"run {logger.run_id}: accuracy {results[0]['test_accuracy']:.3f}")
