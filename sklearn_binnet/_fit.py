"""From an estimator's parameters and clean data to trained networks: the workflow of one fit.

1. split rows (`folds`), 2. learn the encoding, 3. make the network and its initial weights, 4. train, 5. keep arrays.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedKFold

from sklearn_binnet._config import Defaults
from sklearn_binnet._labels import is_number, strata, validation_split
from sklearn_binnet._networks._builtin import BuiltinNetwork, Spec
from sklearn_binnet._networks._constants import MAX_ONE_HOT
from sklearn_binnet._networks._encoder import ColumnEncoder
from sklearn_binnet._table import MAX_LEVELS
from sklearn_binnet._training._engine import train
from sklearn_binnet._training._optimizers import Optimizer, describe
from sklearn_binnet._training._random import draw_seeds
from sklearn_binnet._training._types import Data, Member, Settings, Trained

Fold = tuple[NDArray[np.intp], NDArray[np.intp]]


@dataclass(frozen=True)
class Rows:
    """Clean rows of a fit."""

    X: NDArray
    """(n, d), numbers (NaN: missing) and places of levels (-1: unknown)."""
    answers: NDArray[np.float32]
    """(n, L), 0 or 1."""
    sample_weight: NDArray[np.float64]
    """(n,), positive."""
    answer_weights: NDArray[np.float32]
    """(n, L)"""
    n_levels: tuple[int, ...] = ()
    """Levels of every column, 0 for numbers; () where all are numbers."""

    def __len__(self) -> int:
        return len(self.X)


def lay_folds(
    answers: NDArray[np.float32], params: dict[str, Any], n_estimators: int, seed: int, going_on: bool = False
) -> list[Fold]:
    """Return training and validation rows of every member.

    One member holds out `validation_fraction` of the rows, nothing without early stopping. Several leave out one
    stratified fold each; where the rarer class has fewer rows than that, there are fewer members. Members that go on
    from an earlier fit all stay: where there are fewer folds than members, several leave out the same one.
    """
    if going_on:
        folds = lay_folds(answers, params | {"n_estimators": None}, n_estimators, seed)
        return [folds[k % len(folds)] for k in range(n_estimators)]
    if n_estimators > 1:
        groups = strata(answers, at_least=n_estimators)
        rarest = int(np.bincount(groups).min())
        if rarest < n_estimators and params["n_estimators"] is not None:
            warnings.warn(
                f"n_estimators={n_estimators} networks need as many folds, each with rows of "
                f"{'both classes' if answers.shape[1] == 1 else 'every combination of answers'}, but the "
                f"{'rarer class' if answers.shape[1] == 1 else 'rarest one'} has {rarest} "
                f"{'row' if rarest == 1 else 'rows'}: {max(rarest, 1)} will be trained.",
                UserWarning,
                stacklevel=3,
            )
        if rarest > 1:
            splitter = StratifiedKFold(min(rarest, n_estimators), shuffle=True, random_state=seed)
            return list(splitter.split(np.zeros(len(answers)), groups))
    if not params["early_stopping"]:
        return [(np.arange(len(answers)), np.zeros(0, np.intp))]
    return [validation_split(answers, params["validation_fraction"], seed)]


def encoder_for(encoding: str | None, params: dict[str, Any], rows: Rows, parts: Sequence[Fold]) -> ColumnEncoder:
    """Learn the encoding from the rows that are trained on."""
    train = parts[0][0] if len(parts) == 1 else np.arange(len(rows))
    return ColumnEncoder.fit(
        encoding,
        rows.X[train],
        rows.sample_weight[train],
        n_bins=params["n_bins"],
        n_levels=rows.n_levels,
        max_one_hot=MAX_ONE_HOT if params["model"] is None else MAX_LEVELS,  # users' models embed nothing
    )


def builtin_network(params: dict[str, Any], encoder: ColumnEncoder, n_labels: int) -> BuiltinNetwork:
    """Return the built-in network that the parameters describe."""
    sizes = hidden_sizes(params["hidden_layer_sizes"])
    rates = dropout_rates(params["dropout"], len(sizes))
    spec = Spec(
        n_inputs=encoder.n_encoded - len(encoder.embedding_sizes),
        hidden_layer_sizes=sizes,
        activation=params["activation"],
        batch_normalization=bool(params["batch_normalization"]),
        n_labels=n_labels,
        scales_columns=encoder.encoding == "piecewise_linear",
        embedding_sizes=encoder.embedding_sizes,
    )
    return BuiltinNetwork(spec, rates, encoder)


NUMBERS = (
    "learning_rate",
    "weight_decay",
    "batch_size",
    "epochs",
    "n_estimators",
    "n_bins",
    "dropout",
    "validation_fraction",
    "patience",
    "min_delta",
    "threshold",
)
"""Parameters that are, or may be, one number."""


def plain_numbers(params: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters with Python's numbers in place of NumPy's; refuse True where a number is meant."""
    plain = {}
    for name in NUMBERS:
        value = params[name]
        if isinstance(value, bool | np.bool_):
            raise ValueError(f"{name} must be a number, got {value!r}. True and False stand for no number here.")
        if isinstance(value, np.integer | np.floating):
            plain[name] = value.item()
    return params | plain


def hidden_sizes(sizes: Any) -> tuple[int, ...]:
    """Return the units of the hidden layers."""
    whole = not isinstance(sizes, str) and all(
        isinstance(units, int | np.integer) and not isinstance(units, bool) and units > 0 for units in sizes
    )
    if not whole:
        raise ValueError(
            f"hidden_layer_sizes must hold whole numbers of at least 1, one a hidden layer, as in (64, 32), or be () "
            f"for none; got {sizes!r}."
        )
    return tuple(int(units) for units in sizes)


def dropout_rates(dropout: Any, n_layers: int) -> tuple[float, ...]:
    """Return one rate a hidden layer."""
    rates = [dropout] * n_layers if is_number(dropout) else list(dropout)
    if len(rates) != n_layers or not all(
        is_number(rate) and not isinstance(rate, bool) and 0 <= rate < 1 for rate in rates
    ):
        raise ValueError(
            f"dropout must be one rate in [0, 1), or one for each of the {n_layers} hidden layers, got {dropout!r}."
        )
    return tuple(float(rate) for rate in rates)


@dataclass(frozen=True)
class Start:
    """What an earlier training left, to go on from."""

    fitted: Any
    optimizer_states: list[list[NDArray]]
    n_trainings: int
    """Trainings so far: each has row orders and dropout of its own."""
    optimizer: dict
    """What the states belong to."""
    n_estimators: int | None
    """The parameter of that training; there may have been rows for fewer networks."""

    @property
    def n_labels(self) -> int:
        """Number of questions."""
        return self.fitted.n_labels


@dataclass(frozen=True)
class Plan:
    """Everything one training needs."""

    network: Any
    data: Data
    members: list[Member]
    settings: Settings
    parts: Sequence[Fold]


def plan(
    params: dict[str, Any],
    rows: Rows,
    held_out: Rows | None,
    random_state: np.random.RandomState,
    start: Start | None = None,
    update: bool = False,
) -> Plan:
    """Lay out a training of `n_estimators` members.

    `held_out` rows validate all members in place of folds. `start` gives encoding, weights and optimizer states to go
    on from; with `update` the encoding learns from the new rows too.
    """
    defaults = Defaults.of(params)
    n_estimators = defaults.n_estimators
    if start is not None and params["n_estimators"] in (None, start.n_estimators):
        n_estimators = len(start.fitted.weights)
    seeds = draw_seeds(random_state, (n_estimators + 1, 2))
    if held_out is not None or update:
        everything = np.arange(len(rows) + (0 if held_out is None else len(held_out)))
        parts = [(everything[: len(rows)], everything[len(rows) :])] * n_estimators
    else:
        parts = lay_folds(rows.answers, params, n_estimators, int(seeds[0, 0]), going_on=start is not None)
    seeds = seeds[: len(parts) + 1]

    if start is None:
        encoder = encoder_for(defaults.encoding, params, rows, parts)
    else:
        encoder = start.fitted.encoder.update(rows.X, rows.sample_weight) if update else start.fitted.encoder
        if params["encoding"] != "auto" and encoder.encoding != defaults.encoding:
            raise ValueError(
                "encoding must stay as it was for warm_start=True and partial_fit: the weights to go on from belong to "
                "it. Set it back, or fit anew."
            )
    network = network_of(params, encoder, rows.answers, int(seeds[0, 1]))
    optimizer = optimizer_of(params, network, defaults)
    if start is None:
        weights = [network.initial_weights(int(seed)) for seed, _ in seeds[1:]]
    else:
        weights = matching_weights(start, network, len(parts))
    members = [
        Member(
            train=train,
            validation=validation,
            weights=weights[k],
            seed=int(seeds[k + 1, 1] if start is None else later_seed(seeds[k + 1, 1], start.n_trainings)),
            learning_rate=optimizer.learning_rate,
            weight_decay=optimizer.weight_decay,
            dropout_rates=network.dropout_rates,
            place=(k + 1, len(parts)),
            optimizer_state=None if start is None or start.optimizer != optimizer.config else start.optimizer_states[k],
        )
        for k, (train, validation) in enumerate(parts)
    ]
    data = encoded(encoder, rows, held_out)
    check_weights(data, members)
    if params["metrics"] is None:
        params = params | {"metrics": getattr(network, "metrics", None)}
    batch_size = params["batch_size"]
    if batch_size is None:
        batch_size = defaults.batch_size(max(len(train) for train, _ in parts))
    for name, value in (("epochs", defaults.epochs), ("batch_size", batch_size)):
        if value < 1:  # a SciKeras wrapper's own, which no constraint has seen
            raise ValueError(f"{name} must be at least 1, got {value!r}.")
    settings = settings_of(params, optimizer, defaults, batch_size)
    return Plan(network, data, members, settings, parts)


def train_many(plans: Sequence[Plan], on_epoch: Any = None) -> list[list[Trained]]:
    """Train several plans of one estimator; those of one architecture become members of one training.

    With callbacks each plan is trained by itself: they look at models with the plan's own encoding.
    """
    groups: dict[Any, list[int]] = {}
    for i, p in enumerate(plans):
        alone = i if p.settings.callbacks or p.network.keras_reason else None
        groups.setdefault((p.network.key, p.settings.epochs, p.settings.batch_size, alone), []).append(i)
    trained: list[Any] = [None] * len(plans)
    for indices in groups.values():
        company = [plans[i] for i in indices]
        settings = company[0].settings if on_epoch is None else replace(company[0].settings, on_epoch=on_epoch)
        data, members = put_together(company)
        results = iter(train(company[0].network, data, members, settings))
        for i, p in zip(indices, company, strict=True):
            trained[i] = [next(results) for _ in p.members]
    return trained


def put_together(plans: Sequence[Plan]) -> tuple[Data, list[Member]]:
    """Return the rows of several plans one below the other, and members that find theirs there."""
    if len(plans) == 1:
        return plans[0].data, plans[0].members
    starts = np.cumsum([0, *(len(p.data.X) for p in plans)])
    members = [
        replace(m, train=m.train + start, validation=m.validation + start)
        for p, start in zip(plans, starts[:-1], strict=True)
        for m in p.members
    ]
    blocks = zip(*((p.data.X, p.data.y, p.data.weights) for p in plans), strict=True)
    return Data(*(np.concatenate(block) for block in blocks)), members


def later_seed(seed: int, n_trainings: int) -> int:
    """Return a member's seed after `n_trainings` trainings: the same seed would repeat the same row orders."""
    return int(np.random.SeedSequence([int(seed), n_trainings]).generate_state(1)[0] >> 1)


def check_weights(data: Data, members: Sequence[Member]) -> None:
    """Refuse rows that weigh nothing together: their mean loss is not a number."""
    for member in members:
        for part, rows in (("trained on", member.train), ("validated on", member.validation)):
            if len(rows) and not data.weights[rows].any():
                raise ValueError(
                    f"class_weight leaves no weight at all on the {len(rows)} rows that are {part}. Give every class "
                    "a weight above 0."
                )


def encoded(encoder: ColumnEncoder, rows: Rows, held_out: Rows | None) -> Data:
    """Return all rows as the engine wants them, `held_out` after the others."""
    blocks = [rows] if held_out is None else [rows, held_out]
    return Data(
        np.concatenate([encoder.transform(b.X) for b in blocks]),
        np.concatenate([b.answers for b in blocks]),
        np.concatenate([b.answer_weights for b in blocks]),
    )


def network_of(params: dict[str, Any], encoder: ColumnEncoder, answers: NDArray[np.float32], seed: int) -> Any:
    """Return the built-in network, or the user's."""
    if params["model"] is not None:
        from sklearn_binnet._networks._user_network import resolve_user_model  # late: most fits never need it

        return resolve_user_model(params["model"], encoder, answers.shape[1], n_rows=len(answers), seed=seed)
    return builtin_network(params, encoder, answers.shape[1])


def with_wrapper(params: dict[str, Any], defaults: dict[str, Any], n_features: int, n_labels: int, n: int) -> dict:
    """Return parameters in which a SciKeras wrapper's own stand where the classifier's are at their defaults."""
    if params["model"] is None:
        return params
    from sklearn_binnet._networks._scikeras import wrapper_parameters  # late: most fits never need it

    given = wrapper_parameters(params["model"], n_features, n_labels, n)
    return params | {k: v for k, v in given.items() if params[k] is defaults[k] or params[k] == defaults[k]}


def matching_weights(start: Start, network: Any, n_estimators: int) -> list[list[NDArray]]:
    """Return the weights to go on from, if the network is still the same."""
    weights = start.fitted.weights
    shapes = [[w.shape for w in member] for member in weights]
    expected = network.weight_shapes()
    if len(weights) != n_estimators or any(s != expected for s in shapes):
        raise ValueError(
            "warm_start=True and partial_fit go on from the last fit's weights, but the parameters now describe "
            "another network. Keep n_estimators, hidden_layer_sizes, batch_normalization and model, or fit anew."
        )
    return weights


def out_of_fold_logits(fitted: Any, rows: Rows, plan: Plan) -> NDArray[np.float64]:
    """Return log-odds (n, L) of every row by the member that did not train on it."""
    logits = np.empty((len(rows), fitted.n_labels))
    for k, (_, validation) in enumerate(plan.parts):
        logits[validation] = fitted.mean_logits(rows.X[validation], member=k)
    return logits


def optimizer_of(params: dict[str, Any], network: Any, defaults: Defaults) -> Optimizer:
    """Return the optimizer and rates: the estimator's parameters first, then those of a compiled user model."""
    own = getattr(network, "optimizer", None)
    default = isinstance(params["optimizer"], str) and params["optimizer"].lower() == "adam"
    keeps_own = own is not None and default
    optimizer: Optimizer = own if own is not None and keeps_own else describe(params["optimizer"])
    rate, decay = params["learning_rate"], params["weight_decay"]
    if decay is not None:
        optimizer = optimizer._replace(weight_decay=float(decay))
    if is_number(rate):
        optimizer = optimizer._replace(learning_rate=float(rate), schedule=None)
    elif rate is None and default and isinstance(network, BuiltinNetwork):
        optimizer = optimizer._replace(learning_rate=defaults.learning_rate(network.spec.hidden_layer_sizes))
    elif rate is not None:
        if not hasattr(rate, "get_config"):
            raise ValueError(
                "learning_rate must be a number above 0, a keras.optimizers.schedules.LearningRateSchedule or None, "
                f"got {rate!r}. Wrap a function of the step in a subclass of LearningRateSchedule."
            )
        optimizer = optimizer._replace(learning_rate=1.0, schedule=rate)
    if optimizer.schedule is not None and params["learning_rate_schedule"] not in (None, "constant"):
        raise ValueError(
            "learning_rate_schedule must be 'constant' or None when the learning rate is a Keras schedule already, got "
            f"{params['learning_rate_schedule']!r}."
        )
    return optimizer


def settings_of(params: dict[str, Any], optimizer: Optimizer, defaults: Defaults, batch_size: int) -> Settings:
    """Return what all members share."""
    return Settings(
        epochs=defaults.epochs,
        batch_size=batch_size,
        optimizer=optimizer.config,
        schedule=defaults.schedule if optimizer.schedule is None else optimizer.schedule,
        early_stopping=params["early_stopping"],
        patience=min(params["patience"], defaults.epochs),
        min_delta=params["min_delta"],
        metrics=tuple(params["metrics"] or ()),
        callbacks=tuple(params["callbacks"] or ()),
        threshold=np.atleast_1d(np.asarray(params["threshold"], dtype=float)),
    )


def mean_history(trained: Sequence[Trained]) -> dict[str, list[float]]:
    """Return the history of the fit: of several members, the mean over those still training."""
    if len(trained) == 1:
        return trained[0].history
    longest = max(t.n_epochs for t in trained)
    return {
        key: [float(np.mean([t.history[key][e] for t in trained if t.n_epochs > e])) for e in range(longest)]
        for key in trained[0].history
    }
