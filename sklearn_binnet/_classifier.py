"""BinaryNetClassifier: the scikit-learn contract of a neural network for yes/no decisions."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from inspect import signature
from numbers import Integral, Real
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit
from sklearn.base import clone
from sklearn.utils import check_random_state

from sklearn_binnet import _fit
from sklearn_binnet._answers import NetworkAnswers
from sklearn_binnet._calibration import fit_temperatures
from sklearn_binnet._compat import (
    CallbackSupportMixin,
    HasMethods,
    Interval,
    StrOptions,
    check_sample_weight,
    fit_context,
    safe_indexing,
    with_callbacks,
)
from sklearn_binnet._config import encoding_of
from sklearn_binnet._labels import ClassWeights, Target, answer_weights, class_weights
from sklearn_binnet._networks._builtin import ACTIVATIONS
from sklearn_binnet._networks._encoder import ENCODINGS
from sklearn_binnet._table import Table
from sklearn_binnet._training._engine import train
from sklearn_binnet._training._progress import progress_bar
from sklearn_binnet._training._schedule import SCHEDULES
from sklearn_binnet._training._types import EpochReport, Trained


class _Fit(NamedTuple):
    """A fit that is laid out but not trained."""

    plan: _fit.Plan
    columns: NDArray
    labels: Any
    target: Target
    rows: _fit.Rows
    used: Any
    """Which rows of `columns` are in `rows`."""
    made_folds: bool
    start: _fit.Start | None


class BinaryNetClassifier(CallbackSupportMixin, NetworkAnswers):
    """Neural network for yes/no questions, with a threshold that can be tuned without a refit.

    Trains Keras networks on a table as it is (any scale, categories, missing values) and answers with labels. One class
    answers one question (`y` of shape (n_samples,), any two labels) or many (`y` an indicator matrix of shape
    (n_samples, n_labels), with one network for all questions).

    One fit gives all: five networks are trained side by side, each without one fold of the rows and stopped by it.
    Their mean is the answer, the rows they have not seen give out-of-fold probabilities, and those a calibration.

    Parameters
    ----------
    model : None, callable, keras.Model or scikeras.wrappers.KerasClassifier, default=None
        None builds a stack of Dense layers from the parameters below. A callable returns a Keras model. A Keras model
        is a template: every fit starts from fresh weights. A SciKeras wrapper builds its model with its own
        parameters, which a search can reach as `model__units` or `model__optimizer__learning_rate`. Columns reach a
        model of yours encoded as `encoding` says. Its last layer must have one sigmoid or one linear unit a
        question, or two softmax units for a single question.
    hidden_layer_sizes : sequence of int, default=(128, 128, 128)
        Units of the hidden layers; `()` is logistic regression.
    activation : str, default="selu"
        Activation of the hidden layers, by Keras' name. "selu" brings the initial weights that belong to it (normal
        kernels [3]_, biases from N(0, 1) and a last layer of zeros [1]_); others have Keras' defaults.
    encoding : {"auto", "piecewise_linear", "standardize"} or None, default="auto"
        What is done to numbers before the first layer. "piecewise_linear" scales by median and interquartile range,
        clips softly, appends where in its range a value lies [4]_ and learns a factor for every column. "standardize"
        brings columns to mean 0 and standard deviation 1. Both fill missing numbers with the median and tell the
        network that they were missing. None does nothing. "auto" is "piecewise_linear" for the built-in network and
        "standardize" for `model`. Learnt from the rows that are trained on, so with several networks from all rows
        (their columns, never `y`). Categories become columns or embeddings either way.
    n_bins : int, default=8
        Bins a column of "piecewise_linear", at least 2. Columns with few distinct values have fewer.
    categorical_features : "from_dtype", array-like of int, bool or str, or None, default="from_dtype"
        Which columns hold categories: those of a DataFrame (pandas or polars) with strings or categories (booleans are
        numbers), or the given positions, mask or names, or none. Up to 32 levels become a column each, more an
        embedding; beyond 254 the rarest count as unknown, as does what `fit` has not seen. Missing is a level.
    dropout : float or sequence of float, default=0.0
        Share of units dropped after each hidden layer, in [0, 1).
    batch_normalization : bool, default=False
        Normalize the units of each hidden layer over the batch.
    optimizer : str or keras.optimizers.Optimizer, default="adam"
        Keras optimizer. A compiled `model` keeps its own, unless this is anything but "adam".
    learning_rate : float, keras.optimizers.schedules.LearningRateSchedule or None, default=None
        Step size. None takes the one of `optimizer` or of a compiled `model`; for the built-in network and "adam" it
        falls with the units of the widest hidden layer [2]_: 0.045 over their root, 0.004 for 128; under a constant
        schedule 0.128 over their number, between 0.001 and 0.01.
    learning_rate_schedule : {"constant", "cosine", "coslog4"} or None, default=None
        How the step size moves over all planned steps: not at all, down a half cosine to 0, or through four cosine
        cycles of growing length [1]_. None is "coslog4" for the built-in network and "constant" for `model`.
    weight_decay : float or None, default=None
        Share of each weight, times the learning rate, taken off at each step (decoupled, as in Keras). None takes the
        one of `optimizer` or of a compiled `model`.
    batch_size : int or None, default=None
        Rows a step. None takes 256, or about a quarter of the rows where there are fewer than 1,024; under a constant
        schedule a power of two between 32 and 1024 that makes about 64 steps an epoch.
    epochs : int or None, default=None
        Most passes over the training rows. None means 32, under a constant schedule 200, or what a SciKeras wrapper
        says.
    n_estimators : int or None, default=None
        Networks trained side by side. Several leave out one stratified fold each and are averaged (mean log-odds); each
        row then has an out-of-fold probability. One holds out `validation_fraction` of the rows. None means 5 for the
        built-in network, fewer where the rarer class has fewer rows, and 1 for `model`.
    calibration : "temperature" or None, default="temperature"
        Divide log-odds by the number, one a question, that makes the out-of-fold probabilities likeliest [5]_, weighted
        as the loss is. Without out-of-fold probabilities there is nothing to learn it from; `warm_start` and
        `partial_fit` keep the one they find.
    early_stopping : bool, default=True
        Stop when the validation loss gains nothing for `patience` epochs, and keep the weights of the best epoch.
        Needs validation rows: held out, or given to `fit`.
    validation_fraction : float, default=0.2
        Share of the rows held out for early stopping, stratified, in (0, 1).
    patience : int, default=10
        Epochs without a gain to wait.
    min_delta : float, default=0.0
        Smallest fall of the validation loss that counts as a gain.
    class_weight : dict, list of dict, "balanced" or None, default=None
        Weight of each class in the loss, multiplied with `sample_weight`, in training and validation. For several
        questions a dict holds for all of them, a list has one dict a question, with keys 0 and 1.
    metrics : list or None, default=None
        Keras metrics (names, objects or functions) recorded each epoch in `history_`. Those that compare with a
        threshold, such as "accuracy", use `threshold`.
    callbacks : list of keras.callbacks.Callback or None, default=None
        Called with copies at each fit. `self.model` in them goes from raw columns to the probability; of a `model`
        that only Keras' own `fit` can train (an own `train_step`, say) it is that model, on encoded columns.
    threshold : float or array-like of shape (n_labels,), default=0.5
        `predict` says yes where the probability is at least this. Change it with `set_params`, without a refit.
    pos_label : int, float, bool, str or None, default=None
        The label that means yes. None means `classes_[1]`.
    warm_start : bool, default=False
        Go on from the last fit's weights and optimizer state. Rows held out now may have been trained on then, so
        there is no `oof_proba_`, and early stopping is a weaker guard; `X_val` and `y_val` don't have that trouble.
    verbose : int, default=0
        1 shows a progress bar on terminals and in notebooks.
    random_state : int, RandomState instance or None, default=None
        Seeds folds, initial weights, row order and dropout. The same int gives the same result on the same machine.

    Attributes
    ----------
    classes_ : ndarray of shape (2,) or (n_labels,)
        The two labels, sorted; for an indicator matrix the numbers of its columns.
    pos_label_ : label
        The label that means yes; not for an indicator matrix.
    n_features_in_ : int
        Number of columns seen in `fit`.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the columns, if all were strings.
    n_labels_ : int
        Number of questions.
    history_ : dict of str to list of float
        One value an epoch: `loss`, `val_loss` and the metrics. For several networks their mean.
    histories_ : list of dict
        The same for each network.
    n_iter_ : int
        Epochs run; of several networks the most.
    best_iter_ : int or list of int
        Epoch whose weights were kept, from 1; of several networks a list.
    oof_proba_ : ndarray of shape (n_samples,) or (n_samples, n_labels)
        Out-of-fold P(yes) of the training rows in their order, calibrated, NaN for rows of weight 0. Only if several
        networks were trained and `fit` made the folds itself. The fold of a row also chose the epoch of its network:
        for a single network these are optimistic (by a tenth in log-loss on ten real tables), for the mean of all,
        which answers, about right.
    temperature_ : float or ndarray of shape (n_labels,)
        What log-odds are divided by; 1 where nothing was calibrated.
    model_ : keras.Model
        From raw columns (of a table with categories: from `to_matrix`) to the final probability; built when asked for.
        `model_(X)` takes float64, its `predict` rounds
        columns to float32 first.
    models_ : list of keras.Model
        The single networks, likewise.

    See Also
    --------
    ThresholdTunerCV : Finds the threshold; of this classifier without any further training.
    sklearn.neural_network.MLPClassifier : Networks without Keras, threshold or multilabel weights.

    References
    ----------
    .. [1] D. Holzmüller, L. Grinsztajn, I. Steinwart, "Better by Default: Strong Pre-Tuned MLPs and Boosted Trees on
       Tabular Data", NeurIPS 2024.
    .. [2] G. Yang et al., "Tensor Programs V: Tuning Large Neural Networks via Zero-Shot Hyperparameter Transfer",
       2022, table 3.
    .. [3] G. Klambauer, T. Unterthiner, A. Mayr, S. Hochreiter, "Self-Normalizing Neural Networks", NeurIPS 2017.
    .. [4] Y. Gorishniy, I. Rubachev, A. Babenko, "On Embeddings for Numerical Features in Tabular Deep Learning",
       NeurIPS 2022.
    .. [5] C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger, "On Calibration of Modern Neural Networks", ICML 2017.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.model_selection import train_test_split
    >>> from sklearn_binnet import BinaryNetClassifier
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    >>> clf = BinaryNetClassifier(random_state=0).fit(X_train, y_train)
    >>> clf.score(X_test, y_test) > 0.9
    True
    >>> careful = clf.set_params(threshold=0.9).predict(X_test)
    >>> clf.oof_proba_.shape == y_train.shape
    True

    The network of the tutorials, a plain stack of Dense layers:

    >>> plain = BinaryNetClassifier(
    ...     hidden_layer_sizes=(16,), activation="relu", encoding="standardize",
    ...     learning_rate=1e-3, learning_rate_schedule="constant", n_estimators=1,
    ... )
    """

    _parameter_constraints: ClassVar[dict] = {
        "model": [None, callable, HasMethods(["get_params", "set_params"])],
        "hidden_layer_sizes": ["array-like"],
        "activation": [StrOptions(set(ACTIVATIONS))],
        "encoding": [StrOptions({"auto", *ENCODINGS}), None],
        "n_bins": [Interval(Integral, 2, None, closed="left")],
        "categorical_features": [StrOptions({"from_dtype"}), "array-like", None],
        "dropout": [Interval(Real, 0, 1, closed="left"), "array-like"],
        "batch_normalization": ["boolean"],
        "optimizer": [str, dict, HasMethods(["apply"])],
        "learning_rate": [Interval(Real, 0, None, closed="neither"), callable, None],
        "learning_rate_schedule": [StrOptions(set(SCHEDULES)), None],
        "weight_decay": [Interval(Real, 0, None, closed="left"), None],
        "batch_size": [Interval(Integral, 1, None, closed="left"), None],
        "epochs": [Interval(Integral, 1, None, closed="left"), None],
        "n_estimators": [Interval(Integral, 1, None, closed="left"), None],
        "calibration": [StrOptions({"temperature"}), None],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "patience": [Interval(Integral, 1, None, closed="left")],
        "min_delta": [Interval(Real, 0, None, closed="left")],
        "class_weight": [dict, list, StrOptions({"balanced"}), None],
        "metrics": [list, tuple, None],
        "callbacks": [list, tuple, None],
        "threshold": [Interval(Real, 0, 1, closed="both"), "array-like"],
        "pos_label": [Real, str, "boolean", None],
        "warm_start": ["boolean"],
        "verbose": ["verbose"],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        *,
        model=None,
        hidden_layer_sizes=(128, 128, 128),
        activation="selu",
        encoding="auto",
        n_bins=8,
        categorical_features="from_dtype",
        dropout=0.0,
        batch_normalization=False,
        optimizer="adam",
        learning_rate=None,
        learning_rate_schedule=None,
        weight_decay=None,
        batch_size=None,
        epochs=None,
        n_estimators=None,
        calibration="temperature",
        early_stopping=True,
        validation_fraction=0.2,
        patience=10,
        min_delta=0.0,
        class_weight=None,
        metrics=None,
        callbacks=None,
        threshold=0.5,
        pos_label=None,
        warm_start=False,
        verbose=0,
        random_state=None,
    ):
        self.model = model
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.encoding = encoding
        self.n_bins = n_bins
        self.categorical_features = categorical_features
        self.dropout = dropout
        self.batch_normalization = batch_normalization
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.learning_rate_schedule = learning_rate_schedule
        self.weight_decay = weight_decay
        self.batch_size = batch_size
        self.epochs = epochs
        self.n_estimators = n_estimators
        self.calibration = calibration
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.min_delta = min_delta
        self.class_weight = class_weight
        self.metrics = metrics
        self.callbacks = callbacks
        self.threshold = threshold
        self.pos_label = pos_label
        self.warm_start = warm_start
        self.verbose = verbose
        self.random_state = random_state

    # ------------------------------------------------------------------ fitting
    @with_callbacks
    @fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        X_val: ArrayLike | None = None,
        y_val: ArrayLike | None = None,
        sample_weight_val: ArrayLike | None = None,
    ) -> BinaryNetClassifier:
        """Train on the rows of X.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Columns on any scale; numbers may be missing (NaN), not infinite. DataFrames may hold categories and
            strings.
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            Two labels of any kind, or an indicator matrix of 0s and 1s.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row in the loss; 0 leaves it out.
        X_val : array-like of shape (n_validation, n_features), default=None
            Rows to validate on; all of X is then trained on.
        y_val : array-like of shape (n_validation,) or (n_validation, n_labels), default=None
            Their labels.
        sample_weight_val : array-like of shape (n_validation,), default=None
            Their weights.

        Returns
        -------
        self : BinaryNetClassifier
            The fitted classifier.

        Raises
        ------
        ValueError
            If data or parameters can't be used; the message says what to change. If training diverges (the loss
            becomes NaN); an earlier fit then stays as it was.
        """
        with self._all_or_nothing():
            fit = self._prepare(X, y, sample_weight, X_val, y_val, sample_weight_val)
            self._finish(fit, self._train(fit.plan, X, y, fit.target))
        return self

    @fit_context(prefer_skip_nested_validation=True)
    def fit_many(self, fits: Sequence[tuple[ArrayLike, ArrayLike, Mapping[str, Any]]]) -> list[BinaryNetClassifier]:
        """Fit clones on several sets of rows at once, such as the folds of a cross-validation.

        One compiled program trains networks of one architecture side by side, which takes less time than training
        them in turn. Each clone gets what its own `fit` would give it, up to the rounding of sums.

        Parameters
        ----------
        fits : sequence of (X, y, fit_params)
            What `fit` takes, for each clone; `fit_params` is a dict of its other arguments.

        Returns
        -------
        classifiers : list of BinaryNetClassifier
            Fitted clones, in the order of `fits`. The estimator itself stays as it is.

        Examples
        --------
        >>> from sklearn.datasets import load_breast_cancer
        >>> from sklearn.model_selection import StratifiedKFold
        >>> from sklearn_binnet import BinaryNetClassifier
        >>> X, y = load_breast_cancer(return_X_y=True)
        >>> rows = [train for train, _ in StratifiedKFold(3).split(X, y)]
        >>> clf = BinaryNetClassifier(hidden_layer_sizes=(8,), epochs=5, random_state=0)
        >>> [model.n_iter_ for model in clf.fit_many([(X[r], y[r], {}) for r in rows])]
        [5, 5, 5]
        """
        models = [clone(self) for _ in fits]
        if getattr(self, "_skl_callbacks", None):  # they follow one fit from its begin to its end
            return [model.fit(X, y, **params) for model, (X, y, params) in zip(models, fits, strict=True)]
        prepared = [model._prepare(X, y, **params) for model, (X, y, params) in zip(models, fits, strict=True)]
        for model, fit, trained in zip(models, prepared, self._train_many(prepared), strict=True):
            model._finish(fit, trained)
        return models

    def _prepare(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
    ) -> _Fit:
        """Check the input and lay out the training."""
        start = self._start() if self.warm_start else None
        try:
            columns, labels = self._checked(X, y, fills=self._takes_missing(), learn=start is None, reset=start is None)
        except ValueError as error:
            if start is not None and "feature" in str(error):
                error.add_note("warm_start=True goes on from the last fit's columns; False begins anew.")
            raise
        target = Target.learn(labels, self.pos_label)
        if start is not None:
            self._check_same_question(target)
        self._check_threshold(target.n_labels)
        weight, used = self._row_weights(columns, sample_weight)
        if np.ptp(weight[used]) == 0:  # as without weights, to the last digit: sums of such as 1/3 are rounded
            weight = (weight > 0).astype(np.float64)
        columns = self._without_levels_of(used, X, columns, start)
        answers = target.encode(labels)[used]
        if not target.multilabel and answers.min() == answers.max():
            raise ValueError(
                "sample_weight must be above 0 for rows of both classes; rows of one class only are left, so there "
                "is nothing to tell apart."
            )
        params = self._params(columns, target)
        pairs = class_weights(answers, weight[used], params["class_weight"], target)
        rows = self._rows(columns[used], answers, weight[used], pairs)
        held_out = self._validation_rows(X_val, y_val, sample_weight_val, target, pairs)
        plan = _fit.plan(params, rows, held_out, check_random_state(params["random_state"]), start)
        return _Fit(plan, columns, labels, target, rows, used, held_out is None, start)

    def _finish(self, fit: _Fit, trained: list[Trained]) -> None:
        """Store what a training gave."""
        self._keep(fit.plan, trained, fit.target, fit.start)
        self.history_ = _fit.mean_history(trained)
        self.histories_ = [t.history for t in trained]
        self.n_iter_ = max(t.n_epochs for t in trained)
        self.best_iter_ = trained[0].best_epoch if len(trained) == 1 else [t.best_epoch for t in trained]
        if len(trained) > 1 and fit.made_folds and fit.start is None:
            logits = _fit.out_of_fold_logits(self._fitted, fit.rows, fit.plan)
            if self.calibration is not None:
                self._fitted.temperature = fit_temperatures(logits, fit.rows.answers, fit.rows.answer_weights)
            out_of_fold = np.full((len(fit.columns), fit.target.n_labels), np.nan)
            out_of_fold[fit.used] = expit(logits / self._fitted.temperature)
            self.oof_proba_ = out_of_fold if fit.target.multilabel else out_of_fold[:, 0]
        self._tell_temperature()

    @with_callbacks
    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(
        self, X: ArrayLike, y: ArrayLike, classes: ArrayLike | None = None, sample_weight: ArrayLike | None = None
    ) -> BinaryNetClassifier:
        """Train one more epoch, on these rows alone, without validation.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The rows. `encoding="standardize"`, which "auto" is here, goes on learning from all rows seen so far; bins
            of "piecewise_linear", medians and levels of categories are those of the first call.
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            Their labels.
        classes : array-like of shape (2,), default=None
            Both labels. Needed at the first call, unless y is an indicator matrix.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row.

        Returns
        -------
        self : BinaryNetClassifier
            The fitted classifier.
        """
        with self._all_or_nothing():
            start = self._start()
            columns, labels = self._checked(X, y, fills=self._takes_missing(), learn=start is None, reset=start is None)
            target = self._target if start is not None else self._first_target(labels, classes)
            if start is not None and classes is not None and not np.array_equal(np.unique(classes), target.classes):
                raise ValueError(
                    f"classes must be {target.classes.tolist()}, as at the first call of partial_fit, got "
                    f"{np.unique(classes).tolist()}."
                )
            self._check_threshold(target.n_labels)
            weight, used = self._row_weights(columns, sample_weight)
            columns = self._without_levels_of(used, X, columns, start)
            answers = target.encode(labels)[used]
            params = self._params(columns, target)
            if start is None and params["encoding"] == "auto":
                params["encoding"] = "standardize"  # a first call may be too small for the bins of all that follow
            if isinstance(params["class_weight"], str):
                raise ValueError(
                    "class_weight='balanced' is not supported for partial_fit: the classes of a few rows are not those "
                    "of the stream. Compute the weights from rows that stand for the stream, as in "
                    "sklearn.utils.class_weight.compute_class_weight('balanced', classes=classes, y=y), and pass them "
                    "as a dict, class_weight=dict(zip(classes, weights))."
                )
            pairs = class_weights(answers, weight[used], params["class_weight"], target)
            rows = self._rows(columns[used], answers, weight[used], pairs)
            if params["learning_rate_schedule"] not in (None, "constant"):
                warnings.warn(
                    f"learning_rate_schedule={params['learning_rate_schedule']!r} has no effect in partial_fit: a "
                    "stream has no last step to plan for, so its learning rate is constant.",
                    UserWarning,
                    stacklevel=3,
                )
            params |= {"epochs": 1, "early_stopping": False, "learning_rate_schedule": "constant"}
            plan = _fit.plan(params, rows, None, check_random_state(params["random_state"]), start, update=True)
            trained = self._train(plan, X, y, target)
            past: dict[str, list[float]] = getattr(self, "history_", {}) if start is not None else {}
            self._keep(plan, trained, target, start)
            self._tell_temperature()
            self.history_ = {k: past.get(k, []) + v for k, v in _fit.mean_history(trained).items()}
            self.histories_ = [self.history_]
            self.n_iter_ = self.best_iter_ = len(self.history_["loss"])
        return self

    # ------------------------------------------------------------------ what comes in
    @contextmanager
    def _all_or_nothing(self) -> Iterator[None]:
        """Put everything back as it was if the fit fails: an earlier fit goes on working."""
        before = self.__dict__.copy()
        try:
            yield
        except BaseException:
            kept = {name: value for name, value in self.__dict__.items() if "_callback" in name}
            self.__dict__.clear()
            self.__dict__.update(before | kept)
            raise

    def _takes_missing(self) -> bool:
        """Return whether a fit with these parameters fills missing numbers in."""
        return encoding_of(self.get_params(deep=False)) is not None

    def _without_levels_of(self, used: Any, X: Any, columns: NDArray, start: _fit.Start | None) -> NDArray:
        """Return the columns with levels learnt from rows of some weight only: the others are left out."""
        if self._table is None or start is not None or isinstance(used, slice):
            return columns
        self._table = Table.learn(safe_indexing(X, np.flatnonzero(used)), self.categorical_features)
        return self._table.read(X)

    def _rows(
        self, columns: NDArray, answers: NDArray[np.float32], weight: NDArray, pairs: ClassWeights | None
    ) -> _fit.Rows:
        """Return rows with the weight of every answer."""
        n_levels = () if self._table is None else self._table.n_levels
        return _fit.Rows(columns, answers, weight, answer_weights(answers, weight, pairs), n_levels)

    def _check_same_question(self, target: Target) -> None:
        """Refuse to go on with a network that answers something else."""
        past = self._target
        if past.n_labels != target.n_labels:
            raise ValueError(
                f"warm_start=True goes on from the last fit, but y had {past.n_labels} columns and now has "
                f"{target.n_labels}. Use warm_start=False, or clone the estimator."
            )
        if past.positive != target.positive or not np.array_equal(past.classes, target.classes):
            raise ValueError(
                f"warm_start=True goes on from the last fit, but the labels were {past.classes.tolist()} with positive "
                f"class {past.classes[past.positive]!r} and are now {target.classes.tolist()} with "
                f"{target.classes[target.positive]!r}. Use warm_start=False, or clone the estimator."
            )

    def _first_target(self, y: Any, classes: Any) -> Target:
        """Return what is asked from the first call of partial_fit on."""
        questions = np.ndim(y) == 2 and np.shape(y)[1] > 1
        if questions and (classes is None or np.size(classes) == np.shape(y)[1]):
            return Target.learn(y, self.pos_label)
        if classes is None:
            raise ValueError("classes must be given at the first call of partial_fit: the two labels, as in [0, 1].")
        return Target.learn(classes, self.pos_label)

    def _row_weights(
        self, X: NDArray, sample_weight: ArrayLike | None, name: str = "sample_weight"
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_] | slice]:
        """Return the weight of every row, and which rows have any: the others are left out."""
        weight = check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
        if not weight.any():  # scikit-learn 1.9 has said so by now
            raise ValueError(
                f"Sample weights must contain at least one non-zero number, but {name} is 0 for every row."
            )
        return weight, slice(None) if np.all(weight > 0) else weight > 0

    def _validation_rows(
        self, X_val: Any, y_val: Any, sample_weight_val: Any, target: Target, pairs: ClassWeights | None
    ) -> _fit.Rows | None:
        if X_val is None and y_val is None:
            if sample_weight_val is not None:
                raise ValueError("sample_weight_val needs X_val and y_val, got neither.")
            return None
        if X_val is None or y_val is None:
            given, missing = ("X_val", "y_val") if y_val is None else ("y_val", "X_val")
            raise ValueError(f"X_val and y_val must be given together, got {given} without {missing}.")
        try:
            columns, labels = self._checked(X_val, y_val, fills=self._takes_missing())
        except ValueError as error:
            raise ValueError(f"X_val and y_val must be like X and y, but: {error}") from error
        weight, used = self._row_weights(columns, sample_weight_val, "sample_weight_val")
        answers = target.encode(labels, name="y_val")[used]
        return self._rows(columns[used], answers, weight[used], pairs)

    # ------------------------------------------------------------------ training
    def _params(self, X: NDArray, target: Target) -> dict[str, Any]:
        """Return the parameters of this fit: the estimator's, and a SciKeras wrapper's where those are at defaults."""
        defaults = {name: p.default for name, p in signature(type(self).__init__).parameters.items()}
        params = _fit.with_wrapper(self.get_params(deep=False), defaults, X.shape[1], target.n_labels, len(X))
        return _fit.plain_numbers(params)

    def _start(self) -> _fit.Start | None:
        """Return what warm_start and partial_fit go on from."""
        return getattr(self, "_resume", None)

    def _train(self, plan: _fit.Plan, X: Any, y: Any, target: Target) -> list[Trained]:
        """Train, with progress shown to who wants to see it: scikit-learn's callbacks see the user's own X and y."""
        with ExitStack() as stack:
            hooks = [stack.enter_context(progress_bar(plan.settings.epochs))] if self.verbose else []
            if getattr(self, "_skl_callbacks", None):
                context = self._init_callback_context(
                    max_subtasks=plan.settings.epochs if len(plan.members) == 1 else None
                )
                context.call_on_fit_task_begin(estimator=self, X=X, y=y)

                def fitted_by(weights: list[list[NDArray]]) -> dict[str, Any]:
                    return {
                        "_fitted": plan.network.fitted(weights),
                        "_target": target,
                        "classes_": target.classes,
                        "n_labels_": target.n_labels,
                    }

                def tell(report: EpochReport) -> bool:
                    def now():
                        return fitted_by(report.weights())

                    epoch = context.subcontext(task_name="epoch")
                    epoch.call_on_fit_task_begin(estimator=self, X=X, y=y)
                    return epoch.call_on_fit_task_end(estimator=self, X=X, y=y, reconstruction_attributes=now)

                hooks.append(tell)
            settings = plan.settings
            if hooks:
                settings = replace(settings, on_epoch=lambda report: max([hook(report) for hook in hooks]))
            trained = train(plan.network, plan.data, plan.members, settings)
            if getattr(self, "_skl_callbacks", None):
                final = fitted_by([t.weights for t in trained])
                context.call_on_fit_task_end(estimator=self, X=X, y=y, reconstruction_attributes=final)
            return trained

    def _train_many(self, fits: list[_Fit]) -> list[list[Trained]]:
        """Train several fits, side by side where their networks allow."""
        with ExitStack() as stack:
            hook = stack.enter_context(progress_bar(fits[0].plan.settings.epochs)) if self.verbose and fits else None
            return _fit.train_many([fit.plan for fit in fits], hook)

    def _keep(self, plan: _fit.Plan, trained: list[Trained], target: Target, start: _fit.Start | None) -> None:
        """Store what the training gave, as plain data."""
        self._fitted = plan.network.fitted([t.weights for t in trained])
        if start is not None:
            self._fitted.temperature = start.fitted.temperature
        n_trainings = 1 if start is None else start.n_trainings + 1
        states = [t.optimizer_state for t in trained]
        self._resume = _fit.Start(self._fitted, states, n_trainings, plan.settings.optimizer, self.n_estimators)
        self._target, self.classes_, self.n_labels_ = target, target.classes, target.n_labels
        for stale in ("_keras", "oof_proba_", "pos_label_"):
            self.__dict__.pop(stale, None)
        if not target.multilabel:
            self.pos_label_ = target.classes[target.positive]

    def _tell_temperature(self) -> None:
        temperature = self._fitted.temperature
        self.temperature_ = temperature if self._target.multilabel else float(temperature[0])

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        tags.classifier_tags.multi_label = True
        tags.input_tags.allow_nan = self._takes_missing()
        tags.input_tags.categorical = True
        return tags
