"""A bare torch loop, written for speed: tensors at hand, one permutation an epoch, fused Adam."""

from __future__ import annotations

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn


def load() -> None:
    """Imported with this module."""


def lacks(shape, kind) -> str:
    return ""


class Net(nn.Module):
    """The network that skorch and the bare loop train; its output is the logit, shape (n,)."""

    def __init__(self, columns, hidden, dropout, batch_normalization):
        super().__init__()
        layers: list[nn.Module] = []
        for width in hidden:
            layers += [nn.Linear(columns, width), nn.ReLU()]
            if batch_normalization:
                layers.append(nn.BatchNorm1d(width))
            if dropout:
                layers.append(nn.Dropout(dropout))
            columns = width
        self.layers = nn.Sequential(*layers, nn.Linear(columns, 1))

    def forward(self, X):
        return self.layers(X).squeeze(1)


class TorchLoop(ClassifierMixin, BaseEstimator):
    def __init__(
        self,
        hidden=(64, 32),
        dropout=0.0,
        batch_normalization=False,
        learning_rate=1e-3,
        batch=32,
        epochs=20,
        seed=0,
    ):
        self.hidden = hidden
        self.dropout = dropout
        self.batch_normalization = batch_normalization
        self.learning_rate = learning_rate
        self.batch = batch
        self.epochs = epochs
        self.seed = seed

    def fit(self, X, y):
        torch.manual_seed(self.seed)
        self.classes_ = np.unique(y)
        X = torch.as_tensor(X, dtype=torch.float32)
        y = torch.as_tensor(y, dtype=torch.float32)
        net = Net(X.shape[1], self.hidden, self.dropout, self.batch_normalization)
        optimizer = torch.optim.Adam(net.parameters(), self.learning_rate, fused=True)
        loss_of = nn.BCEWithLogitsLoss()
        net.train()
        for _ in range(self.epochs):
            for rows in torch.randperm(len(X)).split(self.batch):
                optimizer.zero_grad()
                loss_of(net(X[rows]), y[rows]).backward()
                optimizer.step()
        self.net_ = net.eval()
        return self

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]

    @torch.inference_mode()
    def predict_proba(self, X):
        positive = torch.sigmoid(self.net_(torch.as_tensor(X, dtype=torch.float32))).numpy()
        return np.column_stack([1 - positive, positive])


def build(shape, seed):
    net = TorchLoop(
        hidden=shape.hidden,
        dropout=shape.dropout,
        batch_normalization=shape.batch_normalization,
        learning_rate=shape.learning_rate,
        batch=shape.batch,
        epochs=shape.epochs,
        seed=seed,
    )
    return make_pipeline(StandardScaler(), net)


def grid(architectures, learning_rates):
    return {
        "torchloop__hidden": list(architectures),
        "torchloop__learning_rate": list(learning_rates),
    }
