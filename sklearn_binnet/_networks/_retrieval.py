"""The retrieval network: a vote of training rows, weighed by nearness, shrunk to the odds of a small network.

Each row is embedded by one matrix. The candidates, which are training rows, vote for their label with weight
exp(-distance): kernel smoothing after Nadaraya and Watson, with a learnt metric. The odds of a small network count as a
few votes more (the pseudo-count), and decide where no candidate is near. Matrix, network and pseudo-count are trained
together. No row votes for itself.
"""

from __future__ import annotations

import functools
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from sklearn_binnet._files._plain import stored
from sklearn_binnet._networks import _constants as constants
from sklearn_binnet._networks._builtin import BuiltinNetwork, Spec
from sklearn_binnet._networks._cores import in_blocks
from sklearn_binnet._networks._dense import PRODUCT, TILE
from sklearn_binnet._networks._encoder import ColumnEncoder
from sklearn_binnet._networks._fitted import Fitted, raw_input
from sklearn_binnet._training._types import Candidates, Data

_CANDIDATES_TILE = 128
"""Candidates of a product. Like all products of `_dense.py`, those of votes have one shape, whatever the rows are."""
_ROWS = 512
"""Rows of a block."""
_COLUMNS_AT_ONCE = 16
"""Columns whose variances are computed in one go."""
_EMBEDDED_AT_ONCE = 4096
"""Training rows that are embedded in one piece after the fit."""
_BLOCK = 64
"""Rows whose distances to all candidates are there at once: they stay in the processor's cache."""
_FARTHEST = 2**12 - 8
"""Largest distance in steps of the grid that embedded rows lie on. Squares of whole numbers up to this are below 2**24,
so that float32 holds all sums on the way to a distance exactly: they are the same on any machine, in any block of rows,
in NumPy and in Keras."""
_BEYOND = 16.0
"""Rows further outside than this are moved inwards: exp(-16) of a vote is nothing either way."""
_LEAST = 1e-30
_LEAST_SQUARE = 1e-6
"""Of a distance in training: the square root has no slope at 0."""


@dataclass(frozen=True)
class RetrievalNetwork:
    """The network as the engine trains it; columns come encoded."""

    odds: BuiltinNetwork
    """The small network."""
    rows: Data
    """The training rows, encoded: what votes after the fit."""
    candidates: int = constants.CANDIDATES
    keras_reason: str | None = None
    eager: bool = False
    own_code: bool = False

    @property
    def encoder(self) -> ColumnEncoder:
        """What happens to columns before."""
        return self.odds.encoder

    @property
    def n_labels(self) -> int:
        """L, the number of labels."""
        return self.odds.n_labels

    @property
    def key(self) -> Hashable:
        """What shapes the network."""
        return "retrieval", self.odds.key

    @property
    def dropout_rates(self) -> list[float]:
        """There is no dropout."""
        return []

    def initial_weights(self, seed: int) -> list[NDArray[np.float32]]:
        """Draw initial weights: those of the small network, factors of columns, matrix, embeddings, pseudo-counts."""
        spec, dim = self.odds.spec, constants.RETRIEVAL_DIM
        weights = self.odds.initial_weights(seed)
        weights[-1] = self._base_log_odds()
        rng = np.random.default_rng([seed, 1])
        deviation = 1.0 / (self._spread() * constants.RETRIEVAL_PACE)
        tables = [rng.normal(scale=deviation, size=(size, dim)) for size in spec.embedding_sizes]
        for table in tables:
            table[0] = 0.0  # an unknown level is nowhere in particular
        drawn = [
            np.full(spec.n_inputs, 1.0 / (constants.SCALE_FACTOR * constants.RETRIEVAL_PACE)),
            rng.normal(scale=deviation, size=(spec.n_inputs, dim)),
            *tables,
            np.full(spec.n_labels, constants.LOG_PSEUDO_COUNT / (10 * constants.RETRIEVAL_PACE)),
        ]
        return [*weights, *(w.astype(np.float32) for w in drawn)]

    def weight_shapes(self) -> list[tuple[int, ...]]:
        """Return the shapes of the weights in the order of Keras' model."""
        return [w.shape for w in self.initial_weights(0)]

    def _base_log_odds(self) -> NDArray[np.float32]:
        """Return the log-odds of each label among the rows, of half a row more on either side."""
        y, w = self.rows.y.astype(np.float64), self.rows.weights.astype(np.float64)
        w = w / w.mean()
        odds = ((w * y).sum(axis=0) + 0.5) / ((w * (1 - y)).sum(axis=0) + 0.5)
        return np.log(odds).astype(np.float32)

    def _spread(self) -> float:
        """Return the root of the total variance of the encoded columns."""
        spec = self.odds.spec
        # Some columns at a time: NumPy squares a copy of them in float64.
        starts = range(0, spec.n_inputs, _COLUMNS_AT_ONCE)
        parts = [self.rows.X[:, a : min(a + _COLUMNS_AT_ONCE, spec.n_inputs)] for a in starts]
        total = float(np.concatenate([np.zeros(0), *(x.var(axis=0, dtype=np.float64) for x in parts)]).sum())
        for j in range(len(spec.embedding_sizes)):
            share = np.bincount(self.rows.X[:, spec.n_inputs + j].astype(np.intp)) / len(self.rows.X)
            total += 1.0 - float(share @ share)
        return max(total, 1e-3) ** 0.5

    def build(self, seed: int = 0) -> Any:
        """Return the Keras model from encoded rows and their candidates to log-odds."""
        import keras

        n, labels = self.encoder.n_encoded, (self.n_labels,)
        rows = keras.Input((n,))
        beside = Candidates(
            places=keras.Input((), dtype="int32"),
            X=keras.Input((n,)),
            y=keras.Input(labels),
            weights=keras.Input(labels),
            candidate_places=keras.Input((), dtype="int32"),
        )
        spec = self.odds.spec
        vote = _vote_layer()(spec.n_inputs, spec.embedding_sizes, self.n_labels, name="vote")
        return keras.Model([rows, *beside], vote([self.odds.logits(rows, training=True), rows, *beside]))

    def without_rows(self) -> RetrievalNetwork:
        """Return the architecture alone."""
        n, L = self.encoder.n_encoded, self.n_labels
        none = Data(*(np.zeros((0, width), np.float32) for width in (n, L, L)))
        return replace(self, rows=none)

    def view(self) -> tuple[Any, list[Any]]:
        """There is nothing to show to callbacks: candidates are no part of the model before the fit."""
        raise NotImplementedError("Callbacks follow the networks, not the retrieval members.")

    def losses(self, y: Any, outputs: Any) -> Any:
        """Return the cross-entropy of every label."""
        return self.odds.losses(y, outputs)

    def probabilities(self, outputs: Any) -> Any:
        """Return the logistic of the log-odds."""
        return self.odds.probabilities(outputs)

    def targets(self, y: NDArray[Any]) -> NDArray[Any]:
        """Return y: the loss takes 0/1 labels as they are."""
        return y

    def labels_of(self, targets: Any) -> Any:
        """Return the targets."""
        return targets

    def keras_loss(self) -> Any:
        """Return binary cross-entropy from log-odds."""
        return self.odds.keras_loss()

    def fitted(self, members: Sequence[list[NDArray[Any]]], voters: Sequence[Any] | None = None) -> FittedRetrieval:
        """Return the network with the trained weights of every member.

        `voters` are the places of the rows that vote, for each member; by default, all rows vote.
        """
        rows, spec = self.rows, self.odds.spec
        n_own = _n_own_weights(spec)
        places = voters if voters is not None else [slice(None)] * len(members)
        kept = [_member(spec, weights[-n_own:], rows, own) for weights, own in zip(members, places, strict=True)]
        return FittedRetrieval(self.odds, [list(weights) for weights in members], kept)


def _n_own_weights(spec: Spec) -> int:
    """Return how many weights of a member are not the small network's: factors, matrix, pseudo-counts, embeddings."""
    return 3 + len(spec.embedding_sizes)


@functools.cache
def _vote_layer() -> Any:
    import keras
    import tensorflow as tf

    pace, factor = constants.RETRIEVAL_PACE, constants.SCALE_FACTOR

    class Vote(keras.layers.Layer):
        """Embeds rows and candidates; returns log-odds of the votes, shrunk to the odds that come in first."""

        def __init__(self, n_inputs: int, embedding_sizes: Sequence[int], n_labels: int, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.n_inputs, self.embedding_sizes, self.n_labels = n_inputs, tuple(embedding_sizes), n_labels

        def build(self, input_shape: Any) -> None:
            dim = constants.RETRIEVAL_DIM
            self.scale = self.add_weight(shape=(self.n_inputs,), name="scale")
            self.kernel = self.add_weight(shape=(self.n_inputs, dim), name="kernel")
            self.tables = [
                self.add_weight(shape=(size, dim), name=f"embedding_{i}") for i, size in enumerate(self.embedding_sizes)
            ]
            self.pseudo_count = self.add_weight(shape=(self.n_labels,), name="pseudo_count")

        def get_config(self) -> dict[str, Any]:
            own = {"n_inputs": self.n_inputs, "embedding_sizes": self.embedding_sizes, "n_labels": self.n_labels}
            return {**super().get_config(), **own}

        def _embed(self, X: Any) -> Any:
            # Adam moves every weight by the same step, so what stands behind a factor moves that much faster.
            scale = (factor * pace * pace) * self.scale[:, None]
            z = X[:, : self.n_inputs] @ (scale * self.kernel)
            for i, table in enumerate(self.tables):
                level = tf.cast(X[:, self.n_inputs + i], tf.int32)
                z += tf.one_hot(level, self.embedding_sizes[i]) @ (pace * table)
            return z

        def call(self, inputs: Any) -> Any:
            odds, rows, places, X, y, weights, candidate_places = inputs
            total = tf.maximum(tf.reduce_sum(weights, axis=0), _LEAST)
            votes = tf.concat([y * weights / total, (1.0 - y) * weights / total], axis=1)
            others = tf.cast(places[:, None] != candidate_places[None], tf.float32)
            sums = tf.math.log(_vote_sums(self._embed(rows), self._embed(X), votes, others) + _LEAST)
            shrink = (10 * pace) * self.pseudo_count
            yes = _log_add(sums[:, : self.n_labels], shrink + tf.math.log_sigmoid(odds))
            return yes - _log_add(sums[:, self.n_labels :], shrink + tf.math.log_sigmoid(-odds))

    return Vote


def _log_add(a: Any, b: Any) -> Any:
    """Return log(exp(a) + exp(b)) of tensors."""
    import tensorflow as tf

    return tf.maximum(a, b) + tf.math.log1p(tf.exp(-tf.abs(a - b)))


def _vote_sums(z: Any, c: Any, votes: Any, others: Any) -> Any:
    """Return the sums (batch, 2 L) of `votes` (C, 2 L), weighed by exp(-distance) of rows z to candidates c.

    `others` (batch, C) is 0 where both are the same row. The gradient is written by hand: the products that TensorFlow
    derives turn a matrix (batch, C) over or have two columns, and XLA takes five times as long for those.
    """
    import tensorflow as tf

    @tf.custom_gradient
    def sums(z: Any, c: Any) -> Any:
        squares = tf.reduce_sum(z * z, 1)[:, None] + tf.reduce_sum(c * c, 1)[None]
        squares -= 2.0 * tf.matmul(z, c, transpose_b=True)
        distance = tf.sqrt(tf.maximum(squares, _LEAST_SQUARE))
        near = tf.exp(-distance) * others

        def gradient(upstream: Any) -> tuple[Any, Any]:
            pull = _outer(upstream, votes) * near / distance
            pull = tf.where(squares > _LEAST_SQUARE, pull, 0.0)
            of_rows = tf.matmul(pull, c) - tf.reduce_sum(pull, 1)[:, None] * z
            # With a column of ones, so that XLA does not turn `pull` over instead of the rows.
            moved = tf.matmul(tf.transpose(tf.concat([z, tf.ones_like(z[:, :1])], 1)), pull)
            return of_rows, tf.transpose(moved[:-1]) - moved[-1][:, None] * c

        return tf.matmul(near, votes), gradient

    return sums(z, c)


def _outer(a: Any, b: Any) -> Any:
    """Return the product of a (n, k) and b (m, k) over k, (n, m); of two columns as sums, which XLA fuses."""
    import tensorflow as tf

    if a.shape[1] > 2:
        return tf.matmul(a, b, transpose_b=True)
    return a[:, :1] * b[None, :, 0] + a[:, 1:] * b[None, :, 1]


# ---------------------------------------------------------------------- after the fit
@stored
class RetrievalMember(NamedTuple):
    """What a member embeds with and the candidates that it keeps. Positions are in steps of a grid."""

    kernel: NDArray[np.float64]
    """(inputs, dim), in grid steps."""
    tables: list[NDArray[np.float64]]
    center: NDArray[np.float64]
    """(dim,), in grid steps: the mean of the candidates, which is moved to 0."""
    step: float
    """The grid's."""
    radius: float
    """How far from 0 a row may be, in grid steps."""
    candidates: NDArray[np.float32]
    """(tiles, dim + 2, candidates of a tile): -2 times the positions, which are whole numbers; their squares; ones."""
    votes: NDArray[np.float32]
    """(tiles, candidates of a tile, 2 L), summing to 1 over the rows of a label. What fills the last tile has none."""
    log_pseudo_count: NDArray[np.float64]
    """(L,)"""


@stored
class FittedRetrieval(Fitted):
    """Trained members with the embedded rows that vote: arrays and numbers, no TensorFlow."""

    def __init__(self, odds: BuiltinNetwork, weights: list[list[NDArray[np.float32]]], members: list[RetrievalMember]):
        super().__init__(odds.encoder, weights, odds.n_labels)
        n_own = _n_own_weights(odds.spec)
        self._odds = odds.fitted([w[:-n_own] for w in weights])
        self._members = members

    @cached_property
    def _positions(self) -> _Positions:
        """How all members embed rows."""
        return _Positions.of(self._members)

    def __getstate__(self) -> dict[str, Any]:
        return {k: v for k, v in super().__getstate__().items() if k != "_positions"}

    def to_state(self) -> dict[str, Any]:
        """Return what predicts, for pickles and files."""
        state = {"odds": self._odds.network(), "weights": self.weights, "members": self._members}
        return {**state, "temperature": self.temperature}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> FittedRetrieval:
        """Return the networks that `to_state` described."""
        fitted = cls(state["odds"], state["weights"], state["members"])
        fitted.temperature = state["temperature"]
        return fitted

    def network(self) -> Any:
        """Return the small network: the rest is no Keras model without its candidates."""
        return self._odds.network()

    def mean_logits(self, X: NDArray[Any], member: int | None = None) -> NDArray[np.float64]:
        """Return log-odds (n, L) of raw rows before the temperature: the mean over members, or one member's."""
        chosen = self._members if member is None else [self._members[member]]
        positions = self._positions if member is None else _Positions.of(chosen)
        stack = self._odds.encoded_stack(member)
        logits = np.empty((len(X), self.n_labels))

        def compute(rows: slice) -> None:
            encoded = self.encoder.transform(X[rows])
            odds = self._odds.outputs(stack, encoded)
            _answers(chosen, positions.find(encoded), odds).mean(axis=1, out=logits[rows])

        in_blocks(compute, len(X), _ROWS)
        return logits

    def keras_models(self) -> list[Any]:
        """Return the members as Keras models from raw columns to probabilities, their candidates as constants."""
        if self._keras_models is None:
            self._keras_models = [
                self._keras_member(member, odds)
                for member, odds in zip(self._members, self._odds.keras_models(), strict=True)
            ]
        return self._keras_models

    def _keras_member(self, member: RetrievalMember, odds: Any) -> Any:
        """Return one member, made of stock layers: distances are a Dense layer of the candidates, and so are votes."""
        import keras

        ops = keras.ops
        inputs = raw_input(self.encoder)
        encoded = ops.cast(ops.cast(self.encoder.keras(inputs), "float32"), "float64")
        n = self.encoder.n_encoded - len(member.tables)

        def dense(x: Any, name: str, kernel: NDArray[Any], bias: NDArray[Any] | None = None) -> Any:
            layer = keras.layers.Dense(kernel.shape[1], use_bias=bias is not None, dtype=kernel.dtype.name, name=name)
            out = layer(x)
            layer.set_weights([kernel] if bias is None else [kernel, bias])
            return out

        z = dense(encoded[:, :n], "embedding", member.kernel, -member.center)
        for i, table in enumerate(member.tables):
            one_hot = ops.one_hot(ops.cast(encoded[:, n + i], "int32"), len(table), dtype="float64")
            z = z + dense(one_hot, f"embedding_{i}", table)
        z = ops.cast(ops.round(z * ops.minimum(member.radius / ops.maximum(_norm(z, ops), 1.0), 1.0)), "float32")
        squares = ops.sum(z * z, axis=1, keepdims=True)
        candidates = member.candidates.transpose(1, 0, 2).reshape(constants.RETRIEVAL_DIM + 2, -1)
        squares = squares + dense(z, "candidates", candidates[:-2], candidates[-2])
        near = ops.exp(-member.step * ops.sqrt(squares))
        sums = ops.log(ops.cast(dense(near, "votes", member.votes.reshape(-1, 2 * self.n_labels)), "float64") + _LEAST)
        f = ops.cast(self._odds.member_logit(odds, inputs), "float64")
        L = self.n_labels
        count = keras.layers.Rescaling(1.0, member.log_pseudo_count, dtype="float64", name="pseudo_count")

        def log1p_exp(x: Any) -> Any:
            return ops.log(1.0 + ops.exp(-ops.abs(x)))  # in float64; ONNX has neither log1p nor softplus for it

        def log_sum(a: Any, b: Any) -> Any:
            return ops.maximum(a, b) + log1p_exp(a - b)

        yes = log_sum(sums[:, :L], count(ops.minimum(f, 0.0) - log1p_exp(f)))
        no = log_sum(sums[:, L:], count(ops.minimum(-f, 0.0) - log1p_exp(f)))
        logit = keras.layers.Activation("linear", dtype="float64", name="logit")(yes - no)
        return keras.Model(inputs, keras.layers.Activation("sigmoid", name="probability")(logit))

    def member_logit(self, model: Any, inputs: Any) -> Any:
        """Return the Keras tensor of a member's log-odds."""
        return self._odds.member_logit(model, inputs)


def _norm(z: Any, ops: Any) -> Any:
    return ops.sqrt(ops.sum(z * z, axis=1, keepdims=True))


def _tiled(kernel: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a kernel (inputs, members * dim) in tiles of columns, as small as those of `_dense.py`."""
    inputs, columns = kernel.shape
    width = constants.RETRIEVAL_DIM
    while width > 1 and TILE * inputs * width > PRODUCT:
        width //= 2
    return np.ascontiguousarray(kernel.reshape(inputs, columns // width, width).transpose(1, 0, 2))


def _embedded(
    encoded: NDArray[np.float32], kernel: NDArray[Any], tables: Sequence[NDArray[Any]]
) -> NDArray[np.float64]:
    """Return the positions (n, members * dim) of encoded rows, in float64, for a tiled kernel."""
    n, (parts, inputs, width) = len(encoded), kernel.shape
    rows = np.zeros((-(-n // TILE), 1, TILE, inputs))
    rows.reshape(len(rows) * TILE, inputs)[:n] = encoded[:, :inputs]  # there may be no inputs
    z = np.empty((len(rows), TILE, parts, width))
    np.matmul(rows, kernel, out=z.transpose(0, 2, 1, 3))
    z = z.reshape(-1, parts * width)[:n]
    for i, table in enumerate(tables):
        z += table[encoded[:, inputs + i].astype(np.intp)]
    return z


def _embedded_in_blocks(
    encoded: NDArray[np.float32], kernel: NDArray[Any], tables: Sequence[NDArray[Any]]
) -> NDArray[np.float64]:
    """Return what `_embedded` does, without a copy of all encoded rows in float64 on the way."""
    z, tiled = np.empty((len(encoded), kernel.shape[1])), _tiled(kernel)

    def embed(rows: slice) -> None:
        z[rows] = _embedded(encoded[rows], tiled, tables)

    in_blocks(embed, len(encoded), _EMBEDDED_AT_ONCE)
    return z


def _member(spec: Spec, weights: Sequence[NDArray[np.float32]], rows: Data, places: Any) -> RetrievalMember:
    """Return a member after the fit, with the candidates among the rows at `places`."""
    scale, kernel, *tables, pseudo_count = (np.asarray(w, np.float64) for w in weights)
    pace = constants.RETRIEVAL_PACE
    kernel = (constants.SCALE_FACTOR * pace * pace) * scale[:, None] * kernel
    tables = [pace * table for table in tables]
    z = _embedded_in_blocks(rows.X, kernel, tables)[places]
    y, w = rows.y[places], rows.weights[places]
    votes = np.concatenate([y * w, (1 - y) * w], axis=1, dtype=np.float64)
    z, votes = condensed(z, votes, constants.CANDIDATES_KEPT)
    L = spec.n_labels
    votes /= np.maximum(np.tile(votes[:, :L].sum(axis=0) + votes[:, L:].sum(axis=0), 2), _LEAST)
    center = z.mean(axis=0)
    z -= center
    farthest = np.sqrt((z * z).sum(axis=1).max())
    step = (2 * farthest + _BEYOND) / _FARTHEST
    tiles = -(-len(z) // _CANDIDATES_TILE)
    candidates = np.zeros((tiles * _CANDIDATES_TILE, z.shape[1] + 2), np.float32)
    whole = np.round(z / step)
    candidates[: len(z), :-2], candidates[: len(z), -2], candidates[:, -1] = -2 * whole, (whole * whole).sum(axis=1), 1
    masses = np.zeros((len(candidates), votes.shape[1]), np.float32)
    masses[: len(z)] = votes
    return RetrievalMember(
        kernel / step,
        [table / step for table in tables],
        center / step,
        float(step),
        float((farthest + _BEYOND) / step),
        np.ascontiguousarray(candidates.reshape(tiles, _CANDIDATES_TILE, -1).transpose(0, 2, 1)),
        masses.reshape(tiles, _CANDIDATES_TILE, -1),
        10 * pace * pseudo_count,
    )


class _Positions(NamedTuple):
    """The embeddings of some members, side by side."""

    kernel: NDArray[np.float64]
    """Tiled."""
    tables: list[NDArray[np.float64]]
    center: NDArray[np.float64]
    """(members, dim)"""
    radius: NDArray[np.float64]
    """(members, 1)"""

    @classmethod
    def of(cls, members: Sequence[RetrievalMember]) -> _Positions:
        """Return the embeddings of members."""
        return cls(
            _tiled(np.concatenate([m.kernel for m in members], axis=1)),
            [np.concatenate(tables, axis=1) for tables in zip(*(m.tables for m in members), strict=True)],
            np.stack([m.center for m in members]),
            np.array([[m.radius] for m in members]),
        )

    def find(self, encoded: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return where encoded rows are on the grids (members, row tiles, 1, TILE, dim + 2).

        Behind a position stand a 1 and its square: what makes a distance of a product with a candidate.
        """
        n, (members, dim) = len(encoded), self.center.shape
        z = _embedded(encoded, self.kernel, self.tables).reshape(n, members, dim)
        z -= self.center
        squares = np.einsum("nmd,nmd->nm", z, z)[..., None]
        z *= np.minimum(self.radius / np.sqrt(np.maximum(squares, 1.0)), 1.0)
        rows = np.zeros((members, -(-n // TILE), 1, TILE, dim + 2), np.float32)
        flat = rows.reshape(members, -1, dim + 2)[:, :n].transpose(1, 0, 2)
        np.rint(z, out=flat[..., :dim], casting="same_kind")
        flat[..., dim] = 1.0
        np.einsum("nmd,nmd->nm", flat[..., :dim], flat[..., :dim], out=flat[..., dim + 1])
        return rows


def _answers(
    members: Sequence[RetrievalMember], positions: NDArray[np.float32], odds: NDArray[np.float32]
) -> NDArray[np.float64]:
    """Return the log-odds (n, members, L) of rows, of which the small networks have the log-odds `odds`."""
    n, _, L = odds.shape
    sums = np.stack([_vote_sums_of_rows(m, rows, n) for m, rows in zip(members, positions, strict=True)], axis=1)
    sums += _LEAST
    f = odds.astype(np.float64)
    count = np.exp([m.log_pseudo_count for m in members])
    sums[..., :L] += count * expit(f)
    sums[..., L:] += count * expit(-f)
    np.log(sums, out=sums)
    answers: NDArray[np.float64] = sums[..., :L] - sums[..., L:]
    return answers


def _vote_sums_of_rows(member: RetrievalMember, rows: NDArray[np.float32], n: int) -> NDArray[np.float64]:
    """Return the sums of votes (n, 2 L), weighed by nearness, for the first n of rows on the grid, in tiles."""
    candidates, votes, scale = member.candidates, member.votes, np.float32(-member.step)
    n_votes, at_once = votes.shape[2], _BLOCK // TILE
    sums = np.empty((len(rows), TILE, n_votes))
    near = np.empty((min(at_once, len(rows)), len(candidates), TILE, candidates.shape[2]), np.float32)
    for start in range(0, len(rows), at_once):
        block = rows[start : start + at_once]
        near = near[: len(block)]
        np.matmul(block, candidates, out=near)
        filled = near[:, :, : n - start * TILE] if n < start * TILE + TILE else near  # of a lone tile, only its rows
        np.sqrt(filled, out=filled)
        np.multiply(filled, scale, out=filled)
        np.exp(filled, out=filled)
        # (row tiles, candidate tiles, rows, 2 L)
        np.add.reduce(near @ votes, axis=1, dtype=np.float64, out=sums[start : start + len(block)])
    return sums.reshape(-1, n_votes)[:n]


def condensed(
    z: NDArray[np.float64], votes: NDArray[np.float64], n_kept: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return at most `n_kept` positions, and votes, that stand for those of all rows.

    Rows are merged with the nearest of some drawn rows, which goes to the mean of their positions and has the sum of
    their votes. Of one label, half of the drawn rows are of either class, as far as there are rows, and rows of one
    class are merged only among themselves.
    """
    if len(z) <= n_kept:
        return z, votes
    rng = np.random.default_rng(0)
    yes = votes[:, 0] > 0
    groups = [np.arange(len(z))] if votes.shape[1] > 2 else sorted((np.flatnonzero(yes), np.flatnonzero(~yes)), key=len)
    kept, left = [], n_kept
    for i, group in enumerate(groups):
        n = min(len(group), left // (len(groups) - i))
        left -= n
        if n:
            drawn = rng.choice(group, n, replace=False) if n < len(group) else group
            kept.append(_merged(z[group], votes[group], z[drawn]))
    positions, masses = zip(*kept, strict=True)
    return np.concatenate(positions), np.concatenate(masses)


def _merged(
    z: NDArray[np.float64], votes: NDArray[np.float64], anchors: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the mean position and the sum of the votes of the rows that are nearest to each anchor."""
    if len(anchors) == len(z):
        return z, votes
    origin = anchors.mean(axis=0)
    points, centers = (z - origin).astype(np.float32), (anchors - origin).astype(np.float32)
    squares = (centers * centers).sum(axis=1)
    nearest = np.concatenate(
        [np.argmin(squares - 2 * points[i : i + 1024] @ centers.T, axis=1) for i in range(0, len(z), 1024)]
    )
    n = len(anchors)
    mass = votes.sum(axis=1)
    total = np.bincount(nearest, mass, n)
    held = total > 0  # of two equal anchors the first one has all rows
    position = np.stack([np.bincount(nearest, mass * column, n)[held] / total[held] for column in z.T], axis=1)
    return position, np.stack([np.bincount(nearest, column, n)[held] for column in votes.T], axis=1)
