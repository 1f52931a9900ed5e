"""One fit, from resolved parameters and clean rows to trained networks.

`fit_networks` is the way in and reads like the fit itself: the rows are split, the encoding of the columns is learnt,
the network and its initial weights are made, all networks are trained side by side, and their out-of-fold predictions
give the temperature. Beside the networks there may be a second family, the retrieval members: one for each network,
with the same rows. Then the out-of-fold predictions also give the share of each family. Nothing else in the package
calls the training engine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize, minimize_scalar
from scipy.special import expit

from sklearn_binnet._config import FitConfig
from sklearn_binnet._files._plain import stored
from sklearn_binnet._folds import Fold, given_folds, left_out_folds, one_fold
from sklearn_binnet._networks import _constants as constants
from sklearn_binnet._networks._builtin import BuiltinNetwork, Spec
from sklearn_binnet._networks._cores import cores
from sklearn_binnet._networks._encoder import ColumnEncoder
from sklearn_binnet._networks._fitted import Fitted
from sklearn_binnet._networks._retrieval import RetrievalNetwork
from sklearn_binnet._networks._stack import Stack
from sklearn_binnet._table import MAX_LEVELS
from sklearn_binnet._telling import tell
from sklearn_binnet._training._at_once import at_once
from sklearn_binnet._training._checkpoint import Checkpoints
from sklearn_binnet._training._compiled import steps_done
from sklearn_binnet._training._engine import reason_for_keras, train
from sklearn_binnet._training._optimizers import parse_optimizer
from sklearn_binnet._training._random import draw_seeds
from sklearn_binnet._training._resident import room_for
from sklearn_binnet._training._schedule import bucket
from sklearn_binnet._training._types import Data, EpochReport, Member, Settings, Trained, TrainingDiverged

_DATA_MODULES = {"builtins", "keras", "numpy", "pandas", "pathlib", "polars", "scipy", "tensorflow"}
_LOG_TEMPERATURES = (-1.5, 3.0)
"""From 0.2 to 20; what lies beyond is no calibration any more."""

_AT_ONCE_VALUES = 1 << 23
"""Encoded values of both families up to which they are trained at once: 32 MB."""


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

    def parts(self) -> list[Rows]:
        """Return these rows, and those that the user passed to validate on."""
        return [self] if self.validation is None else [self, self.validation]

    def at(self, places: NDArray[Any]) -> Rows:
        """Return some of the rows."""
        return Rows(
            self.X[places],
            self.targets[places],
            self.sample_weight[places],
            self.target_weights[places],
            self.n_levels,
        )


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


class FitResult(NamedTuple):
    """What a fit gives."""

    networks: Fitted
    """Trained and calibrated, as plain arrays and numbers."""
    trained: list[Trained]
    retrieval: list[Trained]
    """The retrieval members; empty where there are none."""
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
    """A family of networks of one fit that is laid out but not trained."""

    config: FitConfig
    rows: Rows
    start: Start | None
    folds: list[Fold]
    encoder: ColumnEncoder
    network: Any
    data: Data | None
    """All rows, encoded, where the network keeps them. Else they are encoded for the training, and let go after it."""
    members: list[Member]
    settings: Settings


def fit_networks(
    config: FitConfig,
    rows: Rows,
    start: Start | None = None,
    on_epoch: Callable[[EpochReport, Callable[[], Fitted]], bool] | None = None,
) -> FitResult:
    """Train the networks of one fit.

    `on_epoch` is called after each epoch, with what is known and a function that returns the networks as they are then;
    if it returns True, the training ends. It follows the networks, and not the retrieval members after them.
    """
    layouts = _lay_out(config, rows, start)
    watch = None
    if on_epoch is not None:

        def watch(report: EpochReport) -> bool:
            return on_epoch(report, lambda: layouts[0].network.fitted(report.weights()))

    with _removed_at_the_end(layouts[:1]):
        trained = [one for family in _train_families([layouts], watch) for one in family]
    return _put_together(layouts, trained, start)


def fit_side_by_side(
    fits: Sequence[tuple[FitConfig, Rows, Start | None]], on_epoch: Callable[[EpochReport], bool] | None = None
) -> list[FitResult]:
    """Train several fits of one estimator at once; each gives what `fit_networks` would, up to the rounding of sums."""
    laid_out = [_lay_out(*fit) for fit in fits]
    with _removed_at_the_end([layouts[0] for layouts in laid_out]):
        networks, retrieval = map(iter, _train_families(laid_out, on_epoch))
    return [
        _put_together(layouts, [next(networks), *(next(retrieval) for _ in layouts[1:])], start)
        for layouts, (_, _, start) in zip(laid_out, fits, strict=True)
    ]


@contextmanager
def _removed_at_the_end(layouts: Sequence[_Layout]) -> Iterator[None]:
    """Remove the checkpoints of fits that come to their end or diverge; an interrupt leaves them."""
    diverged = None
    try:
        yield
    except TrainingDiverged as error:
        diverged = error
    for layout in layouts:
        if layout.settings.checkpoints is not None:
            layout.settings.checkpoints.remove()
    if diverged is not None:
        raise diverged


# ------------------------------------------------------------------ before the training
def _lay_out(config: FitConfig, rows: Rows, start: Start | None) -> list[_Layout]:
    """Split the rows, and lay out the family of networks and that of retrieval members, if there is one."""
    n_estimators = config.n_estimators
    if start is not None and config.n_estimators_given in (None, start.n_estimators_given):
        n_estimators = len(start.networks.families[0].weights)
    folds = None
    if config.cv is not None and rows.validation is None and not config.stream:
        folds = given_folds(config.cv, rows.X, rows.targets, rows.groups, config.n_estimators_given)
        n_estimators = len(folds)
    seeds = draw_seeds(config.random_state, (n_estimators + 1, 2))
    if folds is None:
        folds = _split(config, rows, n_estimators, int(seeds[0, 0]), going_on=start is not None)
    retrieval = _with_retrieval(config, len(folds), start)
    networks = _lay_out_networks(config, rows, _of_family(start, 0), folds, seeds[: len(folds) + 1], retrieval)
    if not retrieval:
        return [networks]
    beside = _lay_out_retrieval(networks, _of_family(start, 1))
    if beside.encoder is networks.encoder:
        networks = networks._replace(data=beside.data)
    return [networks, beside]


def _lay_out_networks(
    config: FitConfig, rows: Rows, start: Start | None, folds: list[Fold], seeds: NDArray[np.int64], retrieval: bool
) -> _Layout:
    """Learn the encoding, make the network, and say how each of its members is trained."""
    encoder = _encoder(config, rows, folds, start, retrieval)
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
        checkpoints=None if config.checkpoint is None else Checkpoints(config.checkpoint),
    )
    _check_weights(rows, members)
    return _Layout(config, rows, start, folds, encoder, network, None, members, settings)


def _of_family(start: Start | None, which: int) -> Start | None:
    """Return what an earlier fit left of one of its families."""
    if start is None or len(start.networks.families) <= which:
        return None
    families = start.networks.families
    before = sum(len(family.weights) for family in families[:which])
    states = start.optimizer_states[before : before + len(families[which].weights)]
    optimizer = start.optimizer if which == 0 else parse_optimizer("adam").config
    return replace(start, networks=families[which], optimizer_states=states, optimizer=optimizer)


def _with_retrieval(config: FitConfig, n_networks: int, start: Start | None) -> bool:
    """Return whether the networks get retrieval members beside them; what goes on has them if the earlier fit had."""
    if config.stream:
        return False
    if start is not None:
        there = len(start.networks.families) > 1
        if config.retrieval is True and not there:
            raise ValueError(
                "retrieval=True has nothing to go on from: the last fit had no retrieval members. Use warm_start=False "
                "to begin anew."
            )
        return there and config.retrieval is not False
    if config.retrieval == "auto":
        return config.model is None and n_networks > 1
    return bool(config.retrieval)


def _lay_out_retrieval(beside: _Layout, start: Start | None) -> _Layout:
    """Say how the retrieval members are trained: one for each of the networks beside them, on the same rows.

    Their recipe is their own (`_networks/_constants.py`), whatever the networks' is. They take over what says how long
    the training may be, and what a row weighs.
    """
    config, rows = beside.config, beside.rows
    encoder = _retrieval_encoder(beside, start)
    data = _encoded([(encoder, rows)])
    spec = Spec(
        n_inputs=encoder.n_encoded - len(encoder.embedding_sizes),
        hidden_layer_sizes=constants.RETRIEVAL_LAYERS,
        activation="selu",
        batch_normalization=False,
        n_labels=data.y.shape[1],
        scales_columns=True,
        embedding_sizes=encoder.embedding_sizes,
    )
    no_dropout = (0.0,) * len(constants.RETRIEVAL_LAYERS)
    voters = Data(*(a[: len(rows)] for a in (data.X, data.y, data.weights)))
    network = RetrievalNetwork(BuiltinNetwork(spec, no_dropout, encoder), voters)
    seeds = [_later_seed(member.seed, 1 << 20) for member in beside.members]
    optimizer = parse_optimizer("adam")
    settings = replace(
        beside.settings,
        epochs=min(config.epochs, constants.RETRIEVAL_EPOCHS),
        batch_size=config.batch_size or min(bucket(-(-max(len(t) for t, _ in beside.folds) // 4)), 256),
        optimizer=optimizer.config,
        schedule="coslog4",
        metrics=(),
        callbacks=(),
    )
    members = [
        replace(
            member,
            weights=network.initial_weights(seed) if start is None else start.networks.weights[k],
            seed=seed,
            learning_rate=constants.RETRIEVAL_STEP,
            weight_decay=0.0,
            dropout_rates=[],
            optimizer_state=None if start is None else start.optimizer_states[k],
        )
        for k, (member, seed) in enumerate(zip(beside.members, seeds, strict=True))
    ]
    return beside._replace(start=start, encoder=encoder, network=network, data=data, members=members, settings=settings)


def _retrieval_encoder(beside: _Layout, start: Start | None) -> ColumnEncoder:
    """Return the encoder of the retrieval members: one of their own, that of an earlier fit, or the networks'.

    Where the networks have `N_BINS` bins too, as on large tables, their encoder is the same, and one encoded table
    serves both families.
    """
    config, rows = beside.config, beside.rows
    if start is not None:
        return start.networks.encoder
    n_bins = config.n_bins_for(len(rows), _binned_columns(rows), retrieval=True)
    if config.model is None and config.encoding == "piecewise_linear" and n_bins == constants.N_BINS:
        return beside.encoder
    training = beside.folds[0][0] if len(beside.folds) == 1 else np.arange(len(rows))
    return ColumnEncoder.fit(
        "piecewise_linear",
        rows.X[training],
        rows.sample_weight[training],
        n_bins=constants.N_BINS,
        n_levels=rows.n_levels,
        max_one_hot=constants.MAX_ONE_HOT,
    )


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


def _encoder(
    config: FitConfig, rows: Rows, folds: Sequence[Fold], start: Start | None, retrieval: bool
) -> ColumnEncoder:
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
        n_bins=config.n_bins_for(len(rows), _binned_columns(rows), retrieval),
        n_levels=rows.n_levels,
        max_one_hot=constants.MAX_ONE_HOT if config.model is None else MAX_LEVELS,  # a user's model embeds nothing
    )


def _binned_columns(rows: Rows) -> int:
    """Return how many columns of numbers have more than two values, and bins for that reason."""
    numbers = np.ones(rows.X.shape[1], bool) if not rows.n_levels else np.array(rows.n_levels) == 0
    X = rows.X[:, numbers]
    low, high = np.nanmin(X, axis=0, initial=np.inf), np.nanmax(X, axis=0, initial=-np.inf)
    return int(((low < X) & (high > X)).any(axis=0).sum())


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


def _encoded(fits: Sequence[tuple[ColumnEncoder, Rows]]) -> Data:
    """Return the rows of some fits as the engine wants them, one fit below the other, written where they stay."""
    blocks = [(encoder, part) for encoder, rows in fits for part in rows.parts()]
    n = sum(len(part) for _, part in blocks)
    held = room_for(n, fits[0][0].n_encoded)
    start = 0
    for encoder, part in blocks:
        encoder.write(part.X, held[start : start + len(part)])
        start += len(part)
    targets = np.concatenate([part.targets for _, part in blocks])
    weights = np.concatenate([part.target_weights for _, part in blocks])
    return Data(held[:n], targets, weights, held)


def _check_weights(rows: Rows, members: Sequence[Member]) -> None:
    """Refuse rows that weigh nothing together, since their mean loss is not a number."""
    weights = np.concatenate([part.target_weights for part in rows.parts()])
    for member in members:
        for part, places in (("trained on", member.train), ("validated on", member.validation)):
            if len(places) and not weights[places].any():
                raise ValueError(
                    f"class_weight leaves no weight at all on the {len(places)} rows that are {part}. Give every class "
                    "a weight above 0."
                )


# ------------------------------------------------------------------ the training
def _train_families(
    laid_out: Sequence[list[_Layout]], on_epoch: Callable[[EpochReport], bool] | None
) -> tuple[list[list[Trained]], list[list[Trained]]]:
    """Train the networks of some fits, and their retrieval members: on small tables both at once."""
    networks = [layouts[0] for layouts in laid_out]
    retrieval = [layout for layouts in laid_out for layout in layouts[1:]]
    if retrieval and on_epoch is None and _may_train_at_once(networks, retrieval):
        return at_once(lambda: _train(networks, None), lambda: _train(retrieval, None))
    return _train(networks, on_epoch), _train(retrieval, None)


def _may_train_at_once(networks: Sequence[_Layout], retrieval: Sequence[_Layout]) -> bool:
    """Return whether there is a core for either family, no code of the user's, and little to hold in memory.

    An interrupt is heard when each program has come to the end of the call that it is in.
    """
    for one in networks:
        own = one.settings.callbacks or one.settings.metrics or one.config.model is not None
        if own or one.settings.checkpoints is not None or reason_for_keras(one.network, one.settings):
            return False
    values = sum(len(part) * one.encoder.n_encoded for one in (*networks, *retrieval) for part in one.rows.parts())
    return values <= _AT_ONCE_VALUES and cores() > 1


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
        data, members = _side_by_side(company)
        results = iter(train(company[0].network, data, members, replace(company[0].settings, on_epoch=on_epoch)))
        del data  # before the rows of the next group are encoded
        for i, one in zip(places, company, strict=True):
            trained[i] = [next(results) for _ in one.members]
    return trained


def _side_by_side(layouts: Sequence[_Layout]) -> tuple[Data, list[Member]]:
    """Return the rows of several fits one below the other, and members that find theirs there."""
    if len(layouts) == 1 and layouts[0].data is not None:
        return layouts[0].data, layouts[0].members
    data = _encoded([(one.encoder, one.rows) for one in layouts])
    starts = np.cumsum([0, *(sum(len(part) for part in one.rows.parts()) for one in layouts)])
    members = [
        replace(m, train=m.train + start, validation=m.validation + start)
        for one, start in zip(layouts, starts[:-1], strict=True)
        for m in one.members
    ]
    return data, members


# ------------------------------------------------------------------ after the training
def _put_together(layouts: Sequence[_Layout], trained: Sequence[list[Trained]], start: Start | None) -> FitResult:
    """Return the trained networks with their temperature and, of several families, the share of each."""
    config, settings = layouts[0].config, layouts[0].settings
    families: list[Fitted] = [
        layout.network.fitted([t.weights for t in members]) for layout, members in zip(layouts, trained, strict=True)
    ]
    states: list[list[NDArray[Any]] | None] = [t.optimizer_state for members in trained for t in members]
    if start is not None and config.stream:  # a stream trains networks only: retrieval members stay as they are
        families += start.networks.families[len(families) :]
        states += start.optimizer_states[len(states) :]
    networks = families[0] if len(families) == 1 else Stack(families)
    out_of_fold = left_out_by = None
    if start is not None:
        networks.temperature = start.networks.temperature
        if isinstance(networks, Stack) and isinstance(start.networks, Stack):
            networks.shares = start.networks.shares
    else:
        out_of_fold, left_out_by = _calibrated(networks, layouts, trained)
    following = Start(
        networks=networks,
        optimizer_states=states,
        n_trainings=1 if start is None else start.n_trainings + 1,
        optimizer=settings.optimizer,
        n_estimators_given=config.n_estimators_given,
    )
    rate = layouts[0].members[0].learning_rate
    if not isinstance(settings.schedule, str):
        rate = float(settings.schedule(0 if start is None else steps_done(start.optimizer_states[0])))
    retrieval = trained[1] if len(trained) > 1 else []
    return FitResult(networks, trained[0], retrieval, out_of_fold, left_out_by, following, settings, rate)


def _calibrated(
    networks: Fitted, layouts: Sequence[_Layout], trained: Sequence[list[Trained]]
) -> tuple[NDArray[np.float64] | None, NDArray[np.intp] | None]:
    """Set shares and temperature from rows that were not trained on; return what `FitResult` has of folds.

    Rows of folds have the log-odds of the network that left them out. Rows that validated all networks have the mean
    log-odds; they serve several families only.
    """
    config, rows, folds = layouts[0].config, layouts[0].rows, layouts[0].folds
    several = len(layouts) > 1
    in_folds = len(folds) > 1 and rows.validation is None and not config.stream
    if not in_folds and not (several and len(folds[0][1])):
        return None, None
    unseen = [_without_left_out(*pair, folds) for pair in zip(layouts, trained, strict=True)]
    if not in_folds:
        judged = rows.at(folds[0][1]) if rows.validation is None else rows.validation
        logits = np.stack([family.mean_logits(judged.X) for family in unseen])
        _set(networks, _combination(logits, judged, config.calibration))
        return None, None
    logits = np.full((len(layouts), len(rows), networks.n_labels), np.nan)
    left_out_by = np.full(len(rows), -1, np.intp)
    for k, (_, left_out) in enumerate(folds):
        left_out_by[left_out] = k
        for family, answers in zip(unseen, logits, strict=True):
            answers[left_out] = family.mean_logits(rows.X[left_out], member=k)
    known = left_out_by >= 0
    _set(networks, _combination(logits[:, known], rows.at(known), config.calibration))
    if not several:
        return expit(logits[0] / networks.temperature), left_out_by
    # A row's own label has no say in how its log-odds are combined.
    out_of_fold = np.full(logits.shape[1:], np.nan)
    for k, (_, left_out) in enumerate(folds):
        others = known & (left_out_by != k)
        shares, temperature = _combination(logits[:, others], rows.at(others), config.calibration)
        out_of_fold[left_out] = (shares[:, None] * logits[:, left_out]).sum(axis=0) / temperature
    return expit(out_of_fold), left_out_by


def _without_left_out(layout: _Layout, trained: list[Trained], folds: Sequence[Fold]) -> Fitted:
    """Return a family in which rows that a member was not trained on do not vote either."""
    weights = [t.weights for t in trained]
    if not layout.network.candidates:
        return layout.network.fitted(weights)
    return layout.network.fitted(weights, [training for training, _ in folds])


def _set(networks: Fitted, combination: tuple[NDArray[np.float64], NDArray[np.float64]]) -> None:
    shares, networks.temperature = combination
    if isinstance(networks, Stack):
        networks.shares = shares


def _combination(
    logits: NDArray[np.float64], rows: Rows, calibration: str | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the share of each family, (families, L), and temperatures, (L,), for log-odds (families, n, L)."""
    n_families, _, n_labels = logits.shape
    shares = np.full((n_families, n_labels), 1 / n_families)
    if calibration is None:
        return shares, np.ones(n_labels)
    if calibration == "stacking" and n_families > 1:
        shares = fit_shares(logits, rows.targets, rows.target_weights)
    mean = logits[0] if n_families == 1 else (shares[:, None] * logits).sum(axis=0)
    return shares, fit_temperatures(mean, rows.targets, rows.target_weights)


def fit_shares(
    logits: NDArray[np.float64], targets: NDArray[np.float32], weights: NDArray[np.float32]
) -> NDArray[np.float64]:
    """Return the share of each family in the log-odds of each label, (families, L), for log-odds (families, n, L).

    The shares are those of the nonnegative weights of the least weighted log-loss (stacking, as Breiman did it). They
    sum to 1; what the weights sum to is the temperature's to say. Where the rows of some weight all have the same
    target, or no weight helps, the shares are equal.

    References
    ----------
    L. Breiman, "Stacked Regressions", Machine Learning 24, 1996.
    """
    n_families = len(logits)
    shares = np.full((n_families, logits.shape[2]), 1 / n_families)
    for k in range(logits.shape[2]):
        z, y, w = logits[:, :, k], targets[:, k].astype(np.float64), weights[:, k].astype(np.float64)
        if np.ptp(y[w > 0]) > 0:
            found = _stacking_weights(z, y, w / w.sum())
            shares[:, k] = found / found.sum() if found.sum() > 0 else shares[:, k]
    return shares


def _stacking_weights(z: NDArray[np.float64], y: NDArray[np.float64], w: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the nonnegative weights of log-odds z (families, n) with the least log-loss."""

    def loss(a: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        mixed = a @ z
        return float(w @ (np.logaddexp(0.0, mixed) - y * mixed)), z @ (w * (expit(mixed) - y))

    start = np.full(len(z), 1 / len(z))
    best = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[(0, None)] * len(z), options={"ftol": 1e-10})
    found: NDArray[np.float64] = best.x
    return found


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
