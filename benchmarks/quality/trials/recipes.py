"""The trials by name, each with what it changes."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any


@dataclass(frozen=True)
class Recipe:
    """A network and its training; the defaults are what the package does."""

    says: str
    hidden: tuple[int, ...] = (128, 128, 128)
    activation: str = "selu"
    ntk: bool = False
    """Kernels from N(0, 1) with the factor 1 / root of the inputs in front, instead of LeCun-normal kernels."""
    normal_biases: bool = True
    """N(0, 1) instead of zeros."""
    scale_factor: float = 45.0
    """Of the learnt scale of columns, which moves so much faster than kernels; 0: no such scale."""
    bins: int = 8
    """Of every column; 0: none."""
    halving: bool = True
    """Bins by halving the heaviest, instead of by quantiles, some of which may coincide."""
    shared: int = 1
    """Members of a fold that share their kernels, each with its own signs of columns and its own output (TabM-mini)."""
    folds: int = 5
    epochs: int = 32
    batch_size: int = 256
    """At most, and at most a quarter of the rows."""
    learning_rate: float = 0.004
    beta_2: float = 0.999
    weight_decay: float = 0.0
    dropout: float = 0.0
    draw: int = 0
    """Which random numbers, on the same folds."""

    def settings(self) -> dict[str, Any]:
        """Return all that a result depends on."""
        return {name: value for name, value in asdict(self).items() if name != "says"}


PRODUCT = Recipe("the package's recipe")
NARROW = (64, 64, 64)
PROTOTYPE = Recipe(
    "prototype: NTK form, bins by quantiles", ntk=True, scale_factor=6.0, halving=False, learning_rate=0.04, beta_2=0.95
)
PLAIN = Recipe(
    "plain: Keras' Dense, LeCun kernels, zero biases, no scale",
    normal_biases=False,
    scale_factor=0.0,
    halving=False,
    learning_rate=0.0035,
    beta_2=0.95,
)

TRIALS = {
    "product": PRODUCT,
    # the way there
    "prototype": PROTOTYPE,
    "prototype_halving": replace(PROTOTYPE, says="prototype, bins by halving", halving=True),
    "plain": PLAIN,
    "plain_scale": replace(PLAIN, says="plain, with a learnt scale of columns", scale_factor=50.0),
    "plain_biases": replace(PLAIN, says="plain, with scale and N(0, 1) biases", scale_factor=50.0, normal_biases=True),
    "beta95": replace(PRODUCT, says="Adam's beta_2 0.95", beta_2=0.95),
    "beta95_step8": replace(
        PRODUCT, says="beta_2 0.95, twice the step", beta_2=0.95, learning_rate=0.008, scale_factor=25.0
    ),
    # beside it
    "again": replace(PRODUCT, says="the same with other random numbers", draw=1),
    "step6": replace(PRODUCT, says="step 0.006", learning_rate=0.006),
    "narrow": replace(PRODUCT, says="width 64", hidden=NARROW, learning_rate=0.005),
    "tabm": replace(PRODUCT, says="TabM-mini: 4 members share a fold's kernels, width 64", hidden=NARROW, shared=4),
    "bins24": replace(PRODUCT, says="24 bins", bins=24),
    "dropout": replace(PRODUCT, says="dropout 0.1", dropout=0.1),
    "decay": replace(PRODUCT, says="weight decay 0.1", weight_decay=0.1),
    # for small tables
    "slow": replace(PRODUCT, says="step 0.0015", learning_rate=0.0015, scale_factor=20.0),
    "no_bins": replace(PRODUCT, says="no bins", bins=0),
    "bins3": replace(PRODUCT, says="3 bins", bins=3),
    "folds10": replace(PRODUCT, says="10 folds", folds=10),
    "scale10": replace(PRODUCT, says="scale of columns 10 times as fast, not 45", scale_factor=10.0),
    "batch32": replace(PRODUCT, says="batches of 32, step 0.002", batch_size=32, learning_rate=0.002),
    "relu": replace(PRODUCT, says="ReLU", activation="relu"),
}
"""Name -> recipe."""
