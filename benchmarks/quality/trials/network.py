"""One training for all recipes: the members of all folds at once, an epoch in one compiled program.

It is written apart from the package, whose network has not these switches. Two things are simpler than there: the last
rows of an epoch that don't fill a batch are left out, and nothing stops it before its last epoch, so that other ways to
choose one can be tried on what it keeps.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from scipy.special import expit, logit
from sklearn.model_selection import StratifiedKFold

from sklearn_binnet._networks._piecewise import PiecewiseLinear

from .recipes import Recipe
from .store import Curves

NTK_BIAS = 0.1
"""Factor in front of a bias in NTK form (RealMLP: Holzmüller et al. 2024)."""
NTK_OUTPUT = 2.0
"""More gain for the one logit, which stands for the difference of two."""
LEAST_BATCH = 16
EPSILON = 1e-8
XLA = True
"""Whether XLA compiles an epoch: worth it but for the shortest trainings."""
BETA_1 = 0.9

Arrays = list[NDArray[np.float32]]


def columns(recipe: Recipe, X: NDArray, X_test: NDArray) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return both encoded, by what the training rows tell."""
    many = recipe.bins if recipe.halving and recipe.bins else 1  # one bin is none
    encoder = PiecewiseLinear.fit(X, None, many)
    if recipe.bins and not recipe.halving:
        encoder = with_quantile_bins(encoder, X, recipe.bins)
    return encoder.transform(X), encoder.transform(X_test)


def with_quantile_bins(scaling: PiecewiseLinear, X: NDArray, n_bins: int) -> PiecewiseLinear:
    """Return the encoder with bins between quantiles; those that coincide are one."""
    edges = [np.unique(np.quantile(z, np.linspace(0, 1, n_bins + 1))) for z in scaling.transform(X).T.astype(float)]
    edges = [e if len(e) > 2 else e[:1] for e in edges]
    column = np.repeat(np.arange(len(edges)), [len(e) - 1 for e in edges])
    low, width = np.concatenate([e[:-1] for e in edges]), np.concatenate([np.diff(e) for e in edges])
    binned = replace(scaling, column=column, low=low, slope=1 / width, mean=np.zeros(len(low)))
    return replace(binned, mean=binned.transform(X)[:, X.shape[1] :].mean(axis=0, dtype=float))


def initial_weights(recipe: Recipe, rng: np.random.Generator, n_inputs: int, members: int) -> Arrays:
    """Draw weights, members in front: the scale, the signs of members that share kernels, then kernels and biases."""
    arrays: list[NDArray] = []
    if recipe.scale_factor:
        arrays.append(np.full((members, 1, n_inputs), 1 / recipe.scale_factor))
    if recipe.shared > 1:
        arrays.append(rng.choice([-1.0, 1.0], size=(members, recipe.shared, 1, n_inputs)))
    before = n_inputs
    for units in recipe.hidden:
        kernel = rng.normal(size=(members, before, units))
        bias = rng.normal(size=(members, 1, units)) if recipe.normal_biases else np.zeros((members, 1, units))
        arrays += [kernel, bias / NTK_BIAS] if recipe.ntk else [kernel / before**0.5, bias]
        before = units
    own = (members, recipe.shared) if recipe.shared > 1 else (members,)
    if recipe.shared == 1:
        # a random last kernel was tried too: unused, but the draws after it stay what they were
        rng.normal(size=(members, before, 1))
    # training starts at even odds
    arrays += [np.zeros((*own, before, 1)), np.zeros((*own, 1, 1))]
    return [array.astype(np.float32) for array in arrays]


def log_odds(recipe: Recipe, weights: list, x: Any, seed: Any = None) -> Any:
    """Return those of rows (members, n, columns): (members, n), or (members, shared, n); with a seed, drop units."""
    weights = list(weights)
    if recipe.scale_factor:
        x = x * (recipe.scale_factor * weights.pop(0))
    n_rows, shared = x.shape[1], recipe.shared
    if shared > 1:
        x = x[:, None] * weights.pop(0)
        x = tf.reshape(x, (x.shape[0], shared * n_rows, x.shape[-1]))
    activation = getattr(tf.nn, recipe.activation)
    pairs = list(zip(weights[::2], weights[1::2], strict=True))
    for i, (kernel, bias) in enumerate(pairs):
        last = i == len(pairs) - 1
        if last and shared > 1:
            x = tf.reshape(x, (x.shape[0], shared, n_rows, x.shape[-1]))
        x = tf.matmul(x, kernel)
        if recipe.ntk:
            x *= (NTK_OUTPUT if last else 1.0) / kernel.shape[-2] ** 0.5
            bias = NTK_BIAS * bias
        x += bias
        if not last:
            x = activation(x)
            if recipe.dropout and seed is not None:
                kept = tf.random.stateless_uniform(x.shape, tf.stack([seed, i])) >= recipe.dropout
                x = x * tf.cast(kept, x.dtype) / (1 - recipe.dropout)
    return x[..., 0]


def rate(progress: Any) -> Any:
    """Return RealMLP's coslog4: up and down four times, each longer than the one before."""
    return 0.5 - 0.5 * tf.cos(2 * np.pi * tf.math.log(1 + 15 * progress) / np.log(2.0))


@cache
def program(recipe: Recipe) -> Callable:
    """Return an epoch of the recipe as one compiled program."""

    @tf.function(jit_compile=XLA)
    def epoch(X, y, batches, validation, X_test, weights, first, second, step, total):
        def body(i, weights, first, second):
            rows, at = batches[:, i], step + i
            answers = tf.gather(y, rows)
            with tf.GradientTape() as tape:
                tape.watch(weights)
                z = log_odds(recipe, weights, tf.gather(X, rows), at)
                if recipe.shared > 1:
                    answers = tf.broadcast_to(answers[:, None], z.shape)
                # a sum over networks: each learns as if alone
                loss = tf.reduce_sum(tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(answers, z), axis=-1))
            gradients = tape.gradient(loss, weights)
            done = tf.cast(at, tf.float32)
            size = recipe.learning_rate * rate(done / total)
            first = [BETA_1 * m + (1 - BETA_1) * g for m, g in zip(first, gradients, strict=True)]
            second = [recipe.beta_2 * v + (1 - recipe.beta_2) * g * g for v, g in zip(second, gradients, strict=True)]
            unbias_1, unbias_2 = 1 - BETA_1 ** (done + 1), 1 - recipe.beta_2 ** (done + 1)
            weights = [
                w * (1 - size * recipe.weight_decay * is_kernel(w)) - size * (m / unbias_1) / (root + EPSILON)
                for w, m, v in zip(weights, first, second, strict=True)
                for root in [tf.sqrt(v / unbias_2)]
            ]
            return i + 1, weights, first, second

        start = (0, weights, first, second)
        _, weights, first, second = tf.while_loop(lambda i, *_: i < batches.shape[1], body, start)
        everybody = tf.broadcast_to(X_test[None], (batches.shape[0], *X_test.shape))
        held_out = log_odds(recipe, weights, tf.gather(X, validation))
        return weights, first, second, held_out, log_odds(recipe, weights, everybody)

    return epoch


def is_kernel(weight: Any) -> bool:
    return weight.shape[-2] > 1


def one_logit(recipe: Recipe, z: NDArray) -> NDArray[np.float64]:
    """Return the log-odds of each fold; members that share kernels speak with their mean probability."""
    z = z.astype(float)
    return z if recipe.shared == 1 else logit(np.clip(expit(z).mean(axis=1), 1e-9, 1 - 1e-9))


def train(recipe: Recipe, X: NDArray, y: NDArray, X_test: NDArray, y_test: NDArray, seed: int) -> Curves:
    """Return the log-odds of left-out and of test rows after every epoch."""
    X, X_test = columns(recipe, X, X_test)
    rng = np.random.default_rng([seed, recipe.draw] if recipe.draw else seed)
    parts = list(StratifiedKFold(recipe.folds, shuffle=True, random_state=seed).split(X, y))
    n_train, n_left = min(len(rows) for rows, _ in parts), max(len(left) for _, left in parts)
    batch = max(LEAST_BATCH, min(recipe.batch_size, n_train // 4))
    steps = max(n_train // batch, 1)
    weights = [tf.constant(w) for w in initial_weights(recipe, rng, X.shape[1], len(parts))]
    first = second = [tf.zeros_like(w) for w in weights]
    constants = [tf.constant(X), tf.constant(y.astype(np.float32))]
    # folds differ by a row; the shorter ones begin again and the excess is dropped below
    left_out = tf.constant(np.stack([np.resize(left, n_left) for _, left in parts]).astype(np.int32))
    rows_test, total = tf.constant(X_test), tf.constant(float(steps * recipe.epochs))
    oof = np.full((recipe.epochs, len(X)), np.nan, np.float32)
    test = np.zeros((recipe.epochs, len(parts), len(X_test)), np.float32)
    fold = np.zeros(len(X), np.int8)
    for j, (_, left) in enumerate(parts):
        fold[left] = j
    begun = 0.0
    for e in range(recipe.epochs):
        drawn = [rng.permutation(rows)[: steps * batch].reshape(steps, batch) for rows, _ in parts]
        weights, first, second, z_left, z_test = program(recipe)(
            *constants, tf.constant(np.stack(drawn).astype(np.int32)), left_out, rows_test,
            weights, first, second, tf.constant(e * steps), total,
        )  # fmt: skip
        z_left, test[e] = one_logit(recipe, z_left.numpy()), one_logit(recipe, z_test.numpy())
        for j, (_, left) in enumerate(parts):
            oof[e, left] = z_left[j, : len(left)]
        if e == 0:
            begun = time.process_time()  # the first epoch compiles
    seconds = (time.process_time() - begun) * recipe.epochs / max(recipe.epochs - 1, 1)
    return Curves(oof, test, fold, y.astype(np.int8), y_test.astype(np.int8), seconds)
