"""One fit, from resolved parameters and clean rows to trained networks.

`fit_networks` is the way in and reads like the fit itself: the rows are split, the encoding of the columns is learnt,
the network and its initial weights are made, all networks are trained side by side, and their out-of-fold predictions
give the temperature. Nothing else in the package calls the training engine.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import expit

from sklearn_binnet._config import FitConfig
from sklearn_binnet._files._plain import stored
from sklearn_binnet._folds import Fold, given_folds, left_out_folds, one_fold
from sklearn_binnet._networks._builtin import BuiltinNetwork, Spec
from sklearn_binnet._networks._constants import MAX_ONE_HOT
from sklearn_binnet._networks._encoder import ColumnEncoder
from sklearn_binnet._networks._fitted import Fitted
from sklearn_binnet._table import MAX_LEVELS
from sklearn_binnet._telling import tell
from sklearn_binnet._training._engine import train
from sklearn_binnet._training._random import draw_seeds
from sklearn_binnet._training._types import Data, EpochReport, Member, Settings, Trained

_DATA_MODULES = {"builtins", "keras", "numpy", "pandas", "pathlib", "polars", "scipy", "tensorflow"}
_LOG_TEMPERATURES = (-1.5, 3.0)
"""From 0.2 to 20; what lies beyond is no calibration any more."""


@dataclass(frozen=True)
class Rows:
    """Clean rows of a fit."""

    X: NDArray[Any]
    """(n, d): numbers, NaN where missing, and places of levels, -1 where unknown."""
    targets: NDArray[np.float32]
    """(n, L), 0 or 1."""
    sample_weight: NDArray[np.float64]
    """(n,), positive."""
    target_weights: NDArray[np.float32]
    """(n, L): sample weights of mean 1, times class weights."""
    n_levels: tuple[int, ...] = ()
    """Levels of every column, 0 for numbers; () where all are numbers."""
    validation: Rows | None = None
    """Rows that the user passed to validate on."""
    groups: NDArray[np.intp] | None = None
    """(n,): rows of one number stay on one side of each split."""

    def __len__(self) -> int:
        return len(self.X)


@stored
@dataclass(frozen=True)
class Start:
    """What an earlier fit left for `warm_start` and `partial_fit` to go on from."""

    networks: Fitted
    optimizer_states: list[list[NDArray[Any]] | None]
    """Of every network; None where nobody asked for it, so that a fit that goes on starts the optimizer afresh."""
    n_trainings: int
    """Trainings so far. Each draws its own row orders and dropout."""
    optimizer: dict[str, Any]
    """The optimizer that the states belong to."""
    n_estimators_given: int | None
    """The parameter of that fit; there may have been rows for fewer networks."""


class FittedNetworks(NamedTuple):
    """What a fit gives."""

    networks: Fitted
    """Trained and calibrated, as plain arrays and numbers."""
    trained: list[Trained]
    out_of_fold: NDArray[np.float64] | None
    """(n, L): P(yes) of each row by the network that was not trained on it, NaN where all were; None without folds."""
    left_out_by: NDArray[np.intp] | None
    """(n,): the number of that network, -1 where there is none."""
    start: Start
    settings: Settings
    """What all networks were trained with."""
    learning_rate: float
    """Under a Keras schedule its value at the first step."""


class _Layout(NamedTuple):
    """A fit that is laid out but not trained."""

    config: FitConfig
    rows: Rows
    start: Start | None
    folds: list[Fold]
    network: Any
    data: Data
    members: list[Member]
    settings: Settings


def fit_networks(
    config: FitConfig,
    rows: Rows,
    start: Start | None = None,
    on_epoch: Callable[[EpochReport, Callable[[], Fitted]], bool] | None = None,
) -> FittedNetworks:
    """Train the networks of one fit.

    `on_epoch` is called after each epoch, with what is known and a function that returns the networks as they are then;
    if it returns True, the training ends.
    """
    layout = _lay_out(config, rows, start)
    watch = None
    if on_epoch is not None:

        def watch(report: EpochReport) -> bool:
            return on_epoch(report, lambda: layout.network.fitted(report.weights()))

    (trained,) = _train([layout], watch)
    return _calibrated(layout, trained)


def fit_side_by_side(
    fits: Sequence[tuple[FitConfig, Rows, Start | None]], on_epoch: Callable[[EpochReport], bool] | None = None
) -> list[FittedNetworks]:
    """Train several fits of one estimator at once; each gives what `fit_networks` would, up to the rounding of sums."""
    layouts = [_lay_out(*fit) for fit in fits]
    return [_calibrated(*pair) for pair in zip(layouts, _train(layouts, on_epoch), strict=True)]


# ------------------------------------------------------------------ before the training
def _lay_out(config: FitConfig, rows: Rows, start: Start | None) -> _Layout:
    """Split the rows, learn the encoding, make the network, and say how each of its members is trained."""
    n_estimators = config.n_estimators
    if start is not None and config.n_estimators_given in (None, start.n_estimators_given):
        n_estimators = len(start.networks.weights)
    folds = None
    if config.cv is not None and rows.validation is None and not config.stream:
        folds = given_folds(config.cv, rows.X, rows.targets, rows.groups, config.n_estimators_given)
        n_estimators = len(folds)
    seeds = draw_seeds(config.random_state, (n_estimators + 1, 2))
    if folds is None:
        folds = _split(config, rows, n_estimators, int(seeds[0, 0]), going_on=start is not None)
    seeds = seeds[: len(folds) + 1]
    encoder = _encoder(config, rows, folds, start)
    network = _network(config, encoder, rows.targets, int(seeds[1, 0]))  # it draws the first weights by the way
    if len(folds) > 1:
        _tell_of_copies(config.callbacks, len(folds))
    optimizer = config.optimizer_for(getattr(network, "optimizer", None))
    if start is None:
        weights = [network.initial_weights(int(seed)) for seed, _ in seeds[1:]]
    else:
        weights = _weights_to_go_on_from(start, network, len(folds))
    members = [
        Member(
            train=training,
            validation=validation,
            weights=weights[k],
            seed=int(seeds[k + 1, 1] if start is None else _later_seed(seeds[k + 1, 1], start.n_trainings)),
            learning_rate=optimizer.learning_rate,
            weight_decay=optimizer.weight_decay,
            dropout_rates=network.dropout_rates,
            place=(k + 1, len(folds)),
            optimizer_state=None if start is None or start.optimizer != optimizer.config else start.optimizer_states[k],
        )
        for k, (training, validation) in enumerate(folds)
    ]
    metrics = config.metrics if config.metrics is not None else getattr(network, "metrics", None)
    settings = Settings(
        epochs=config.epochs,
        batch_size=config.batch_size_for(max(len(training) for training, _ in folds)),
        optimizer=optimizer.config,
        schedule=config.schedule if optimizer.schedule is None else optimizer.schedule,
        early_stopping=config.early_stopping,
        patience=config.patience,
        min_delta=config.min_delta,
        metrics=tuple(metrics or ()),
        callbacks=config.callbacks,
        threshold=config.threshold,
    )
    data = _encoded(encoder, rows)
    _check_weights(data, members)
    return _Layout(config, rows, start, folds, network, data, members, settings)


def _split(config: FitConfig, rows: Rows, n_estimators: int, seed: int, going_on: bool) -> list[Fold]:
    """Return the rows that each network is trained and validated on.

    Rows that the user passed validate all networks, and then all others are trained on. Otherwise one network holds out
    `validation_fraction` of the rows, and several leave out one stratified fold each. Rows of one group stay together.
    Where the rarer class has fewer rows or groups than there should be networks, there are fewer of them; but those
    that go on from an earlier fit all stay, and share folds.
    """
    if rows.validation is not None or config.stream:
        n_validation = 0 if rows.validation is None else len(rows.validation)
        everything = np.arange(len(rows) + n_validation)
        return [(everything[: len(rows)], everything[len(rows) :])] * n_estimators
    if n_estimators > 1:
        told = config.n_estimators_given is not None and not going_on
        folds = left_out_folds(rows.targets, rows.groups, n_estimators, seed, tell_of_fewer=told)
        if folds:
            return [folds[k % len(folds)] for k in range(n_estimators)] if going_on else folds
    fold = (np.arange(len(rows)), np.zeros(0, np.intp))
    if config.early_stopping:
        fold = one_fold(rows.targets, rows.groups, config.validation_fraction, seed)
    return [fold] * (n_estimators if going_on else 1)


def _tell_of_copies(callbacks: Sequence[Any], n_networks: int) -> None:
    """Warn where several networks get copies of a callback that is there to speak to something of the user's."""
    for callback in callbacks:
        held = next(filter(None, map(_held, vars(callback).values())), None)
        if type(callback).__name__ == "History" or (held and not hasattr(callback, "__deepcopy__")):
            name = type(callback).__name__
            tell(
                f"callbacks: each of the {n_networks} networks gets a copy of the {name}, and your own object"
                f"{f', which holds a {held},' if held else ''} is not called. Train one network, n_estimators=1, or "
                "pass a function of (epoch, logs), which is called with the mean over the networks."
            )


def _held(value: Any) -> str | None:
    """Return the type of an object that is more than data, such as a run, a trial or a file; None for data."""
    if isinstance(value, dict):
        return next(filter(None, map(_held, value.values())), None)
    if isinstance(value, list | tuple | set):
        return next(filter(None, map(_held, value)), None)
    return None if type(value).__module__.split(".")[0] in _DATA_MODULES else type(value).__name__


def _encoder(config: FitConfig, rows: Rows, folds: Sequence[Fold], start: Start | None) -> ColumnEncoder:
    """Learn the encoding from the rows that are trained on, or take that of an earlier fit."""
    if start is not None:
        encoder: ColumnEncoder = start.networks.encoder
        if config.encoding_given and encoder.encoding != config.encoding:
            raise ValueError(
                "encoding must stay as it was for warm_start=True and partial_fit: the weights to go on from belong to "
                "it. Set it back, or fit anew."
            )
        return encoder.update(rows.X, rows.sample_weight) if config.stream else encoder
    # Several networks share one encoding. It is learnt from the columns of all rows, and never sees a label.
    training = folds[0][0] if len(folds) == 1 else np.arange(len(rows))
    return ColumnEncoder.fit(
        config.encoding,
        rows.X[training],
        rows.sample_weight[training],
        n_bins=config.n_bins,
        n_levels=rows.n_levels,
        max_one_hot=MAX_ONE_HOT if config.model is None else MAX_LEVELS,  # a user's model embeds nothing
    )


def _network(config: FitConfig, encoder: ColumnEncoder, targets: NDArray[np.float32], seed: int) -> Any:
    """Return the built-in network, or the user's."""
    if config.model is not None:
        from sklearn_binnet._networks._user_network import resolve_user_model  # late: most fits never need it

        return resolve_user_model(config.model, encoder, targets.shape[1], n_rows=len(targets), seed=seed)
    spec = Spec(
        n_inputs=encoder.n_encoded - len(encoder.embedding_sizes),
        hidden_layer_sizes=config.hidden_layer_sizes,
        activation=config.activation,
        batch_normalization=config.batch_normalization,
        n_labels=targets.shape[1],
        scales_columns=encoder.encoding == "piecewise_linear",
        embedding_sizes=encoder.embedding_sizes,
    )
    return BuiltinNetwork(spec, config.dropout, encoder)


def _weights_to_go_on_from(start: Start, network: Any, n_estimators: int) -> list[list[NDArray[Any]]]:
    """Return the weights of an earlier fit, if the network is still the same."""
    weights = start.networks.weights
    shapes = [[w.shape for w in member] for member in weights]
    expected = network.weight_shapes()
    if len(weights) != n_estimators or any(s != expected for s in shapes):
        raise ValueError(
            "warm_start=True and partial_fit go on from the last fit's weights, but the parameters now describe "
            "another network. Keep n_estimators, cv, hidden_layer_sizes, batch_normalization and model, or fit anew."
        )
    return weights


def _later_seed(seed: int, n_trainings: int) -> int:
    """Return a network's seed after `n_trainings` trainings: the same seed would repeat the same row orders."""
    return int(np.random.SeedSequence([int(seed), n_trainings]).generate_state(1)[0] >> 1)


def _encoded(encoder: ColumnEncoder, rows: Rows) -> Data:
    """Return all rows as the engine wants them, the validation rows that the user passed after the others."""
    blocks = [rows] if rows.validation is None else [rows, rows.validation]
    return Data(
        np.concatenate([encoder.transform(b.X) for b in blocks]),
        np.concatenate([b.targets for b in blocks]),
        np.concatenate([b.target_weights for b in blocks]),
    )


def _check_weights(data: Data, members: Sequence[Member]) -> None:
    """Refuse rows that weigh nothing together, since their mean loss is not a number."""
    for member in members:
        for part, rows in (("trained on", member.train), ("validated on", member.validation)):
            if len(rows) and not data.weights[rows].any():
                raise ValueError(
                    f"class_weight leaves no weight at all on the {len(rows)} rows that are {part}. Give every class "
                    "a weight above 0."
                )


# ------------------------------------------------------------------ the training
def _train(layouts: Sequence[_Layout], on_epoch: Callable[[EpochReport], bool] | None) -> list[list[Trained]]:
    """Train all networks of some fits; fits that share an architecture are trained in one call of the engine.

    With Keras callbacks each fit is trained by itself, since they look at a model with the encoding of that fit.
    """
    groups: dict[Any, list[int]] = {}
    for i, one in enumerate(layouts):
        alone = i if one.settings.callbacks or one.network.keras_reason else None
        groups.setdefault((one.network.key, one.settings.epochs, one.settings.batch_size, alone), []).append(i)
    trained: list[list[Trained]] = [[] for _ in layouts]
    for places in groups.values():
        company = [layouts[i] for i in places]
        data, members = _put_together(company)
        results = iter(train(company[0].network, data, members, replace(company[0].settings, on_epoch=on_epoch)))
        for i, one in zip(places, company, strict=True):
            trained[i] = [next(results) for _ in one.members]
    return trained


def _put_together(layouts: Sequence[_Layout]) -> tuple[Data, list[Member]]:
    """Return the rows of several fits one below the other, and members that find theirs there."""
    if len(layouts) == 1:
        return layouts[0].data, layouts[0].members
    starts = np.cumsum([0, *(len(one.data.X) for one in layouts)])
    members = [
        replace(m, train=m.train + start, validation=m.validation + start)
        for one, start in zip(layouts, starts[:-1], strict=True)
        for m in one.members
    ]
    blocks = zip(*((one.data.X, one.data.y, one.data.weights) for one in layouts), strict=True)
    return Data(*(np.concatenate(block) for block in blocks)), members


# ------------------------------------------------------------------ after the training
def _calibrated(layout: _Layout, trained: list[Trained]) -> FittedNetworks:
    """Return the trained networks with their temperature, which the out-of-fold predictions give."""
    config, rows, start, settings = layout.config, layout.rows, layout.start, layout.settings
    networks: Fitted = layout.network.fitted([t.weights for t in trained])
    out_of_fold = left_out_by = None
    if start is not None:
        networks.temperature = start.networks.temperature
    elif len(trained) > 1 and rows.validation is None and not config.stream:
        logits = np.full((len(rows), networks.n_labels), np.nan)
        left_out_by = np.full(len(rows), -1, np.intp)
        for k, (_, left_out) in enumerate(layout.folds):
            logits[left_out], left_out_by[left_out] = networks.mean_logits(rows.X[left_out], member=k), k
        known = left_out_by >= 0
        if config.calibration is not None:
            targets, weights = rows.targets[known], rows.target_weights[known]
            networks.temperature = fit_temperatures(logits[known], targets, weights)
        out_of_fold = expit(logits / networks.temperature)
    following = Start(
        networks=networks,
        optimizer_states=[t.optimizer_state for t in trained],
        n_trainings=1 if start is None else start.n_trainings + 1,
        optimizer=settings.optimizer,
        n_estimators_given=config.n_estimators_given,
    )
    rate = layout.members[0].learning_rate
    if not isinstance(settings.schedule, str):
        rate = float(settings.schedule(0))
    return FittedNetworks(networks, trained, out_of_fold, left_out_by, following, settings, rate)


def fit_temperatures(
    logits: NDArray[np.float64], targets: NDArray[np.float32], weights: NDArray[np.float32]
) -> NDArray[np.float64]:
    """Return the temperature of each label, (L,), for log-odds (n, L): the one of the least weighted log-loss.

    Where the rows of some weight all have the same target, there is nothing to learn, and the temperature is 1.

    References
    ----------
    C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger, "On Calibration of Modern Neural Networks", ICML 2017.
    """
    columns = zip(logits.T, targets.T.astype(np.float64), weights.T.astype(np.float64), strict=True)
    return np.array([_temperature(z, y, w) if np.ptp(y[w > 0]) > 0 else 1.0 for z, y, w in columns])


def _temperature(z: NDArray[np.float64], y: NDArray[np.float64], w: NDArray[np.float64]) -> float:
    def loss(log_temperature: float) -> float:
        calm = z * np.exp(-log_temperature)
        return float(w @ (np.logaddexp(0.0, calm) - y * calm))

    return float(np.exp(minimize_scalar(loss, bounds=_LOG_TEMPERATURES, method="bounded").x))


def mean_history(trained: Sequence[Trained]) -> dict[str, list[float]]:
    """Return the history of a fit: of several networks, the mean over those that are still training."""
    if len(trained) == 1:
        return trained[0].history
    longest = max(t.n_epochs for t in trained)
    return {
        key: [float(np.mean([t.history[key][e] for t in trained if t.n_epochs > e])) for e in range(longest)]
        for key in trained[0].history
    }
