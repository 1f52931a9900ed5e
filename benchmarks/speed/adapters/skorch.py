"""skorch's `NeuralNetBinaryClassifier`."""

from __future__ import annotations

import numpy as np
import torch
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from skorch import NeuralNetBinaryClassifier

from .torch_loop import Net


def load() -> None:
    """Imported with this module."""


def lacks(shape, kind) -> str:
    return ""


def as_float32(X):
    return X.astype(np.float32, copy=False)


class SizedNet(NeuralNetBinaryClassifier):
    """Learns the number of columns at fit, and gives the loss the float labels it wants."""

    def fit(self, X, y):
        self.set_params(module__columns=X.shape[1])
        return super().fit(X, y.astype(np.float32))


def build(shape, seed):
    torch.manual_seed(seed)
    net = SizedNet(
        Net,
        module__columns=shape.columns,
        module__hidden=shape.hidden,
        module__dropout=shape.dropout,
        module__batch_normalization=shape.batch_normalization,
        criterion=torch.nn.BCEWithLogitsLoss,
        optimizer=torch.optim.Adam,
        lr=shape.learning_rate,
        batch_size=shape.batch,
        max_epochs=shape.epochs,
        iterator_train__shuffle=True,
        train_split=None,
        verbose=0,
    )
    return make_pipeline(StandardScaler(), FunctionTransformer(as_float32), net)


def grid(architectures, learning_rates):
    return {
        "sizednet__module__hidden": list(architectures),
        "sizednet__lr": list(learning_rates),
    }
