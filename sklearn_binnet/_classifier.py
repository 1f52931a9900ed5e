"""BinaryNetClassifier: a neural network for yes/no decisions as a scikit-learn classifier."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from inspect import signature
from numbers import Integral, Real
from os import PathLike
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from scipy.special import expit, log_expit
from sklearn import get_config
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.utils.validation import check_array, check_is_fitted, check_X_y, validate_data

from sklearn_binnet._compat import (
    CallbackSupportMixin,
    DocumentationLink,
    HasMethods,
    Interval,
    StrOptions,
    _check_sample_weight,
    _fit_context,
    with_callbacks,
)
from sklearn_binnet._config import FitConfig, default_bins, encoding_of
from sklearn_binnet._files._estimators import savable, save
from sklearn_binnet._files._plain import from_plain, to_plain
from sklearn_binnet._fit import FitResult, Rows, Start, fit_networks, fit_side_by_side, mean_history
from sklearn_binnet._labels import (
    ClassWeights,
    Target,
    binary_labels,
    class_weights,
    group_numbers,
    moderate,
    refuse_masked,
    target_weights,
)
from sklearn_binnet._networks import _constants as constants
from sklearn_binnet._networks._dense import ACTIVATIONS
from sklearn_binnet._networks._encoder import ENCODINGS
from sklearn_binnet._networks._fitted import Fitted
from sklearn_binnet._networks._stack import Stack
from sklearn_binnet._table import (
    Table,
    dense,
    holds_categories,
    is_table,
    number_error,
    numbers_of,
    refuse_dates,
    refuse_new_categories,
    without_mask,
)
from sklearn_binnet._telling import telling_once
from sklearn_binnet._training._fork import refuse_in_fork
from sklearn_binnet._training._memory import explaining_lack_of_memory
from sklearn_binnet._training._progress import progress_bar
from sklearn_binnet._training._schedule import SCHEDULES
from sklearn_binnet._training._start import start_keras
from sklearn_binnet._training._types import EpochReport

_NO_LABELS = object()
_SPARSE_BLOCK_VALUES = 1 << 22
_FLOATS = (np.dtype(np.float32), np.dtype(np.float64))


class _Prepared(NamedTuple):
    """Checked input of a fit."""

    config: FitConfig
    rows: Rows
    start: Start | None
    target: Target
    n_rows: int
    used: Any
    """Which of the user's rows are in `rows`: those of some weight."""


@savable
class BinaryNetClassifier(DocumentationLink, CallbackSupportMixin, ClassifierMixin, BaseEstimator):
    """Neural network for yes/no decisions, with a threshold that can be changed without a new fit.

    The classifier trains Keras networks on a table as it is: columns on any scale, categories, missing values. `y`
    holds two labels of any kind, or is an indicator matrix of shape (n_samples, n_labels) for several yes/no labels,
    which one network predicts together.

    By default, `fit` trains five networks side by side. Each leaves out one fold of the rows, and its training is
    stopped by the loss on that fold. Predictions come from the mean of their log-odds. Each training row also gets an
    out-of-fold probability from the network that was not trained on it, and these probabilities calibrate the
    predictions.

    Beside each network, a retrieval member is trained on the same rows. It answers with a vote of the training rows
    that are nearest in an embedding that it learns. The out-of-fold predictions say how much weight networks and
    retrieval members get.

    Parameters
    ----------
    model : None, callable, keras.Model or scikeras.wrappers.KerasClassifier, default=None
        The network. None builds a stack of Dense layers from the parameters below. A callable is called and returns a
        Keras model. A Keras model is a template: each fit trains a copy that starts from fresh weights. A SciKeras
        wrapper builds its model with its own parameters, so that a search can reach them as `model__units` or
        `model__optimizer__learning_rate`; its training parameters, such as `epochs`, are used where the classifier's
        are at their defaults. The last layer must have one sigmoid or one linear unit for each label, or two softmax
        units for a single label.
    hidden_layer_sizes : sequence of int, default=(128, 128, 128)
        Number of units in each hidden layer of the built-in network; `()` is logistic regression.
    activation : str, default="selu"
        Activation of the hidden layers of the built-in network, by Keras' name. With "selu", hidden layers start from
        normal kernels [3]_ and biases drawn from N(0, 1), and the last layer from zeros [1]_. With any other
        activation, layers start from Keras' defaults.
    encoding : {"auto", "piecewise_linear", "standardize"} or None, default="auto"
        How numbers are transformed before the first layer. "piecewise_linear" scales each column by its median and
        interquartile range, clips it softly, and adds columns that say where in its range a value lies [4]_; the
        network also learns a factor for each column. "standardize" brings each column to mean 0 and standard deviation
        1. Both fill missing numbers with the median and add a column that says which were missing. None leaves numbers
        as they are. "auto" is "piecewise_linear" for the built-in network and "standardize" for `model`. The encoding
        is learnt from the columns of the training rows and never from `y`; several networks share one that is learnt
        from all rows. Categories become columns or embeddings in any case.
    n_bins : int or None, default=None
        Number of bins of each column for "piecewise_linear", at least 2. Columns with few distinct values have fewer.
        None takes 8. Beside retrieval members, which see 8 in any case, it takes up to 64, as many as make about 1,024
        encoded columns at most.
    categorical_features : "from_dtype", array-like of int, bool or str, or None, default="from_dtype"
        Which columns hold categories. "from_dtype" takes the columns of a table (pandas, polars, pyarrow or any other
        that narwhals knows) that hold strings or categories; booleans count as numbers. An array names columns by
        position, mask or name. None means none. A category of up to 32 levels becomes one column for each level, a
        larger one an embedding. Levels beyond the 254 most frequent and levels that `fit` has not seen count as
        unknown. A missing value is a level of its own.
    dropout : float or sequence of float, default=0.0
        Share of the units that are dropped after each hidden layer of the built-in network, in [0, 1). A sequence has
        one share for each layer.
    batch_normalization : bool, default=False
        Whether the units of each hidden layer of the built-in network are normalized over the batch.
    optimizer : str, dict, keras.optimizers.Optimizer or None, default=None
        The Keras optimizer. None is Adam, or the optimizer that `model` was compiled with. "adam" is Adam with Keras'
        own learning rate.
    learning_rate : float, keras.optimizers.schedules.LearningRateSchedule or None, default=None
        Step size of the training. None takes the one of `optimizer`, or of the compiled `model`. If neither says
        anything, the built-in network takes 0.045 over the root of the units of its widest hidden layer [2]_, which is
        0.004 for 128 units. `partial_fit` takes 0.128 over that number of units there, between 0.001 and 0.01.
    learning_rate_schedule : {"constant", "cosine", "coslog4"} or None, default=None
        How the learning rate changes over the planned steps. "constant" keeps it, "cosine" lets it fall to 0 along half
        a cosine, and "coslog4" follows four cosine cycles of growing length [1]_. None is "coslog4" for the built-in
        network and "constant" for `model`. `partial_fit` always keeps it constant.
    weight_decay : float or None, default=None
        Decoupled weight decay as in AdamW. None takes the one of `optimizer`, or of the compiled `model`.
    batch_size : int or None, default=None
        Number of rows in one training step. None takes 256 for the built-in network, or about a quarter of the rows
        where there are fewer than 1,024. For `model` and in `partial_fit`, None takes a power of two between 32 and
        1,024 that makes about 64 steps an epoch.
    epochs : int or None, default=None
        Largest number of passes over the training rows. None takes 200 for `model`. For the built-in network it takes
        32 up to 10,000 rows, 24, 16 or 12 up to 26,666 rows, and 8 beyond, which reach the same log-loss there; beside
        retrieval members it takes 16 at most. Retrieval members themselves are trained for 12 epochs at most.
    n_estimators : int or None, default=None
        Number of networks that are trained side by side. Several networks leave out one stratified fold each, and the
        mean of their log-odds is the prediction; where the rarer class has fewer rows than this, there are fewer
        networks. A single network holds out `validation_fraction` of the rows. None takes 5 for the built-in network
        and 1 for `model`.
    cv : splitter or None, default=None
        What makes the folds, such as ``GroupKFold(5)``: one network is trained for each, which is stopped by the rows
        that the fold leaves out. No row may be left out twice. None makes stratified folds, which keep the `groups`
        that `fit` gets together.
    calibration : {"stacking", "temperature"} or None, default="stacking"
        What the out-of-fold predictions are used for, for each label and with the weights of the loss. "temperature" is
        temperature scaling [5]_. "stacking" also learns the shares of networks and retrieval members, `member_weights_`
        [6]_; without retrieval members it is the same as "temperature". Under "temperature" and None the shares are
        equal. Where `X_val` is given, or a single network holds rows out, there are no out-of-fold predictions: these
        rows then give the shares and the temperature, if there are retrieval members, and otherwise nothing is
        calibrated. `warm_start` and `partial_fit` keep shares and temperature of the fit they go on from.
    retrieval : {"auto"} or bool, default="auto"
        Whether there are retrieval members beside the networks. Each embeds rows by a matrix, and lets the training
        rows vote for their label with weight exp(-distance); the odds of a small network count as some votes more. All
        of it is trained together, on the rows of the network beside it [7]_. Its recipe is its own: `encoding`,
        `n_bins`, the layers, the optimizer and the learning rate describe the networks alone; `epochs` (12 at most),
        `batch_size`, early stopping and weights of rows and classes hold for both. "auto" is True for several networks
        of the built-in kind. `partial_fit` trains the networks alone. A fitted classifier, and its file, then hold up
        to 2,048 embedded training rows for each member with their labels. False holds none, trains and predicts
        several times faster, and is a little worse on most tables.
    early_stopping : bool, default=True
        Whether training stops when the validation loss has not improved for `patience` epochs; the weights of the best
        epoch are kept. The validation rows are the fold that is left out, those held out, or those given to `fit`.
    validation_fraction : float, default=0.2
        Share of the rows that a single network holds out for early stopping, stratified, in (0, 1).
    patience : int, default=10
        Number of epochs without an improvement after which training stops.
    min_delta : float, default=0.0
        Smallest fall of the validation loss that counts as an improvement.
    class_weight : dict, list of dict, "balanced" or None, default=None
        Weight of each class in the loss, in training and validation; it is multiplied with `sample_weight`. For several
        labels, a dict holds for all of them, and a list has one dict for each label, with keys 0 and 1.
    metrics : list or None, default=None
        Keras metrics (names, objects or functions) that are recorded in `history_` after each epoch. Those that compare
        with a threshold, such as "accuracy", use `threshold`. None takes those of the compiled `model`.
    callbacks : list of keras.callbacks.Callback and callable, or None, default=None
        What is called during training. A function, or a method, is called as `function(epoch, logs)` after each epoch,
        with the mean of the logs over the networks that train side by side; if it returns True, training ends. A Keras
        callback is called itself if one network is trained (`n_estimators=1`); each of several networks gets a copy of
        it, so that each can be steered by itself. Its `self.model` goes from raw columns to the probability. If only
        Keras' own `fit` can train `model`, because it has a `train_step` of its own for example, it is that very
        model, on encoded columns. scikit-learn's `clone`, and so every search, copies callbacks but not functions.
    checkpoint : str, path-like or None, default=None
        Folder in which the state of the training is kept after each epoch. If the process is ended, the same fit (rows,
        parameters, versions of the libraries) goes on from there, to the same bits as one that was never ended. A fit
        that comes to its end removes its file. Several fits can share a folder; none takes the state of another. It
        needs a `random_state`, and is neither for Keras callbacks nor for a `model` that only Keras' own `fit` can
        train. `partial_fit` ignores it.
    threshold : float or array-like of shape (n_labels,), default=0.5
        `predict` returns the positive label where its probability is at least this. `set_params` changes it without a
        new fit.
    pos_label : int, float, bool, str or None, default=None
        The positive label. None means `classes_[1]`.
    warm_start : bool, default=False
        Whether `fit` goes on from the weights and the optimizer state of the last fit. Rows that are held out now may
        have been trained on then. There is no `oof_proba_` for that reason, and early stopping is a weaker guard,
        unless you pass `X_val` and `y_val`.
    verbose : int, default=0
        1 shows a progress bar on terminals and in notebooks.
    random_state : int, RandomState instance or None, default=None
        Seeds folds, initial weights, row order and dropout. The same int gives the same result on the same machine.

    Attributes
    ----------
    classes_ : ndarray of shape (2,) or (n_labels,)
        The two labels, sorted; for an indicator matrix, the numbers of its columns.
    pos_label_ : label
        The positive label; there is none for an indicator matrix.
    n_features_in_ : int
        Number of columns seen in `fit`.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the columns, if all of them were strings.
    n_labels_ : int
        Number of labels: the columns of an indicator matrix, else 1.
    learning_rate_ : float
        The learning rate that the training used; under a Keras schedule, the one of the first step.
    batch_size_ : int
        The batch size that the training used.
    epochs_ : int
        The largest number of epochs that the training could take; 1 after `partial_fit`.
    history_ : dict of str to list of float
        One value for each epoch: `loss`, `val_loss` and the metrics; for several networks, their mean.
    histories_ : list of dict
        The history of each network.
    n_iter_ : int
        Number of epochs run; for several networks, the largest.
    best_iter_ : list of int
        For each network, the epoch whose weights were kept, counted from 1.
    oof_proba_ : ndarray of shape (n_samples,) or (n_samples, n_labels)
        Out-of-fold probability of the positive label for the training rows in their order, calibrated, NaN for rows of
        weight 0 and for rows that no fold of `cv` leaves out. It exists only if several networks were trained and `fit`
        made the folds itself. With retrieval members, the shares and the temperature behind it come from the other
        folds. The fold of a row also chose the epoch of its network. For a single network these
        probabilities are therefore optimistic (by a tenth in log-loss on ten real tables); for the mean of all
        networks, which predicts, they are about right. Where several rows belong together, as those of one patient,
        they are far too good unless `fit` gets `groups`.
    oof_fold_ : ndarray of shape (n_samples,)
        The number of the network that was not trained on a row, counted from 0, as in `models_`; -1 where
        `oof_proba_` is NaN. It exists where `oof_proba_` does.
    temperature_ : ndarray of shape (n_labels,)
        What log-odds are divided by; 1 where nothing was calibrated.
    member_weights_ : ndarray of shape (2, n_labels)
        The shares of the networks and of the retrieval members in the log-odds of each label, which sum to 1. It exists
        only if there are retrieval members.
    retrieval_histories_ : list of dict
        The history of each retrieval member, without metrics; empty if there are none. Other attributes that speak of a
        training, such as `history_`, are about the networks.
    model_ : keras.Model
        Keras model from raw columns (of a table with categories: from what `to_matrix` returns) to the final
        probability. It is built when it is asked for.
    models_ : list of keras.Model
        The single networks and then the retrieval members, likewise, without the temperature.

    See Also
    --------
    ThresholdTunerCV : Finds the threshold; for this classifier without any further training.
    sklearn.neural_network.MLPClassifier : Networks without Keras, threshold or weights for several labels.

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
    .. [6] L. Breiman, "Stacked Regressions", Machine Learning 24, 1996.
    .. [7] Kernel smoothing after E. A. Nadaraya and G. S. Watson (1964) with a learnt metric, as in H.-J. Ye,
       H.-H. Yin, D.-C. Zhan, W.-L. Chao, "Revisiting Nearest Neighbor for Tabular Data: A Deep Tabular Baseline Two
       Decades Later", ICLR 2025, but shrunk to a network and trained with it.

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
    ...     hidden_layer_sizes=(16,),
    ...     activation="relu",
    ...     encoding="standardize",
    ...     optimizer="adam",
    ...     learning_rate_schedule="constant",
    ...     n_estimators=1,
    ... )
    """

    __metadata_request__fit: ClassVar = {"groups": True}
    """With metadata routing `groups` are requested by default, as by scikit-learn's splitters."""

    classes_: NDArray[Any]
    n_labels_: int
    history_: dict[str, list[float]]
    _fitted: Fitted
    """Trained networks as plain data."""
    _resume: Start
    """What warm_start and partial_fit go on from."""
    _target: Target
    _table: Table | None
    """How category columns are read; None where all columns are numbers."""

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "model": [None, callable, HasMethods(["get_params", "set_params"])],
        "hidden_layer_sizes": ["array-like"],
        "activation": [StrOptions(set(ACTIVATIONS))],
        "encoding": [StrOptions({"auto", *ENCODINGS}), None],
        "n_bins": [Interval(Integral, 2, None, closed="left"), None],
        "categorical_features": [StrOptions({"from_dtype"}), "array-like", None],
        "dropout": [Interval(Real, 0, 1, closed="left"), "array-like"],
        "batch_normalization": ["boolean"],
        "optimizer": [str, dict, HasMethods(["apply"]), None],
        "learning_rate": [Interval(Real, 0, None, closed="neither"), callable, None],
        "learning_rate_schedule": [StrOptions(set(SCHEDULES)), None],
        "weight_decay": [Interval(Real, 0, None, closed="left"), None],
        "batch_size": [Interval(Integral, 1, None, closed="left"), None],
        "epochs": [Interval(Integral, 1, None, closed="left"), None],
        "n_estimators": [Interval(Integral, 1, None, closed="left"), None],
        "cv": [HasMethods(["split"]), None],
        "calibration": [StrOptions({"stacking", "temperature"}), None],
        "retrieval": [StrOptions({"auto"}), "boolean"],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "patience": [Interval(Integral, 1, None, closed="left")],
        "min_delta": [Interval(Real, 0, None, closed="left")],
        "class_weight": [dict, list, StrOptions({"balanced"}), None],
        "metrics": [list, tuple, None],
        "callbacks": [list, tuple, None],
        "checkpoint": [str, PathLike, None],
        "threshold": [Interval(Real, 0, 1, closed="both"), "array-like"],
        "pos_label": [Real, str, "boolean", None],
        "warm_start": ["boolean"],
        "verbose": ["verbose"],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        *,
        model: Any = None,
        hidden_layer_sizes: Sequence[int] = (128, 128, 128),
        activation: str = "selu",
        encoding: str | None = "auto",
        n_bins: int | None = None,
        categorical_features: Any = "from_dtype",
        dropout: float | Sequence[float] = 0.0,
        batch_normalization: bool = False,
        optimizer: Any = None,
        learning_rate: Any = None,
        learning_rate_schedule: str | None = None,
        weight_decay: float | None = None,
        batch_size: int | None = None,
        epochs: int | None = None,
        n_estimators: int | None = None,
        cv: Any = None,
        calibration: str | None = "stacking",
        retrieval: str | bool = "auto",
        early_stopping: bool = True,
        validation_fraction: float = 0.2,
        patience: int = 10,
        min_delta: float = 0.0,
        class_weight: Any = None,
        metrics: Sequence[Any] | None = None,
        callbacks: Sequence[Any] | None = None,
        checkpoint: str | PathLike[str] | None = None,
        threshold: ArrayLike = 0.5,
        pos_label: Any = None,
        warm_start: bool = False,
        verbose: int = 0,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
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
        self.cv = cv
        self.calibration = calibration
        self.retrieval = retrieval
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.min_delta = min_delta
        self.class_weight = class_weight
        self.metrics = metrics
        self.callbacks = callbacks
        self.checkpoint = checkpoint
        self.threshold = threshold
        self.pos_label = pos_label
        self.warm_start = warm_start
        self.verbose = verbose
        self.random_state = random_state

    # ------------------------------------------------------------------ fitting
    @with_callbacks
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        X_val: ArrayLike | None = None,
        y_val: ArrayLike | None = None,
        sample_weight_val: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> BinaryNetClassifier:
        """Train on the rows of X.

        Parameters
        ----------
        X : {array-like, table, sparse matrix} of shape (n_samples, n_features)
            Columns on any scale; numbers may be missing (NaN), not infinite. Tables may hold categories and strings. A
            sparse matrix is made dense, up to 2**27 values (1 GiB); for `predict` block by block, whatever its size.
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
        groups : array-like of shape (n_samples,), default=None
            Which rows belong together, such as those of one patient: labels of any kind. All rows of a group are on
            one side of each split that `fit` makes. So a network is stopped by groups that it has not seen, and
            `oof_proba_` and the temperature are about such groups too. With metadata routing, `groups` are requested
            by default.

        Returns
        -------
        self : BinaryNetClassifier
            The fitted classifier.

        Raises
        ------
        ValueError
            If data or parameters can't be used; the message says what to change. If training diverges (the loss
            becomes NaN); an earlier fit then stays as it was.
        MemoryError
            If memory runs out, in NumPy or in TensorFlow; the message names the parameters that make the fit smaller.
            An earlier fit stays as it was.
        """
        with telling_once(), self._all_or_nothing(), explaining_lack_of_memory(lambda: self._memory_advice(X)):
            prepared = self._prepare(X, y, sample_weight, X_val, y_val, sample_weight_val, groups)
            self._store(prepared, self._train(prepared, X, y))
        return self

    @_fit_context(prefer_skip_nested_validation=True)
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
        functions = any(callable(c) for c in self.callbacks or ())

        def advice() -> str:
            return self._memory_advice(max((X for X, _, _ in fits), key=_n_rows), len(fits))

        with telling_once(), explaining_lack_of_memory(advice), ExitStack() as stack:
            if functions or getattr(self, "_skl_callbacks", None):  # they follow one fit from its begin to its end
                return [model.fit(X, y, **params) for model, (X, y, params) in zip(models, fits, strict=True)]
            prepared = [model._prepare(X, y, **params) for model, (X, y, params) in zip(models, fits, strict=True)]
            bar = None
            if self.verbose and prepared:
                bar = stack.enter_context(progress_bar(prepared[0].config.epochs))
            results = fit_side_by_side([(one.config, one.rows, one.start) for one in prepared], bar)
        for model, one, result in zip(models, prepared, results, strict=True):
            model._store(one, result)
        return models

    @with_callbacks
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(
        self, X: ArrayLike, y: ArrayLike, classes: ArrayLike | None = None, sample_weight: ArrayLike | None = None
    ) -> BinaryNetClassifier:
        """Train for one more epoch, on these rows alone and without validation.

        The learning rate stays constant, since a stream has no last step that a schedule could plan for.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The rows. `encoding="standardize"`, which "auto" is here, goes on learning from all rows seen so far. The
            bins of "piecewise_linear", medians, and levels of categories are those of the first call.
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

        Raises
        ------
        ValueError
            If data or parameters can't be used; the message says what to change. `class_weight="balanced"` is refused,
            since the rows of one call need not have the classes of the stream.
        """
        with (
            telling_once(),
            self._all_or_nothing(),
            explaining_lack_of_memory(lambda: self._memory_advice(X, stream=True)),
        ):
            start = getattr(self, "_resume", None)
            columns, labels = self._checked(X, y, fills=self._takes_missing(), learn=start is None, reset=start is None)
            target = self._target if start is not None else self._first_target(labels, classes)
            if start is not None and classes is not None and not np.array_equal(np.unique(classes), target.classes):
                raise ValueError(
                    f"classes must be {target.classes.tolist()}, as at the first call of partial_fit, got "
                    f"{np.unique(classes).tolist()}."
                )
            past: dict[str, list[float]] = getattr(self, "history_", {}) if start is not None else {}
            prepared = self._resolve(X, columns, labels, target, start, sample_weight, stream=True)
            result = self._train(prepared, X, y)
            self._store(prepared, result)
            self.history_ = {k: past.get(k, []) + v for k, v in self.history_.items()}
            self.histories_ = [self.history_]
            self.n_iter_ = len(self.history_["loss"])
            self.best_iter_ = [self.n_iter_] * len(result.trained)
        return self

    # ------------------------------------------------------------------ predictions
    def _logits(self, X: Any) -> NDArray[np.float64]:
        if "_fitted" not in vars(self):
            check_is_fitted(self)
        with explaining_lack_of_memory(lambda: _prediction_memory_advice(X)):
            return self._logits_at_once(X)

    def _logits_at_once(self, X: Any) -> NDArray[np.float64]:
        """Return the log-odds (n, L); of a sparse table in blocks."""
        if sparse.issparse(X) and X.shape[0]:  # dense block by block: all of it may need more than there is memory
            X = X.tocsr()
            rows = max(_SPARSE_BLOCK_VALUES // max(X.shape[1], 1), 1)
            blocks = [self._fitted.logits(self._checked(X[i : i + rows])) for i in range(0, X.shape[0], rows)]
            return np.concatenate(blocks)
        columns: Any = X if self._is_clean(X) else self._checked(X)
        return self._fitted.logits(columns)

    def _is_clean(self, X: Any) -> bool:
        """Return whether `_checked` would give X back as it is, without a word.

        scikit-learn's checks take longer than the prediction of a single row.
        """
        if (
            type(X) is not np.ndarray
            or X.dtype not in _FLOATS
            or X.ndim != 2
            or X.shape[1] != self.n_features_in_
            or not len(X)
            or self._table is not None
            or hasattr(self, "feature_names_in_")
        ):
            return False
        with np.errstate(all="ignore"):
            return bool(np.isfinite(X.sum()))

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Return the positive label where its probability is at least `threshold`, else the other one.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows with the columns of `fit`.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_labels)
            The original labels, or an indicator matrix.
        """
        logits = self._logits(X)
        return self._target.decode(expit(logits) >= self._check_threshold(self.n_labels_))

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return probabilities.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows with the columns of `fit`.

        Returns
        -------
        proba : ndarray of shape (n_samples, 2) or (n_samples, n_labels)
            Probability of each class in the order of `classes_`; for an indicator matrix, that each label is 1.
        """
        logits = self._logits(X)
        return self._target.columns(expit(logits))

    def predict_log_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return logarithms of probabilities, which stay finite where a probability is rounded to 0.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows with the columns of `fit`.

        Returns
        -------
        log_proba : ndarray of shape (n_samples, 2) or (n_samples, n_labels)
            Logarithms of what `predict_proba` returns.
        """
        logits = self.decision_function(X)
        yes: NDArray[np.float64] = log_expit(logits)
        return yes if self._target.multilabel else np.column_stack([log_expit(-logits), yes])

    def decision_function(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return log-odds.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows with the columns of `fit`.

        Returns
        -------
        logits : ndarray of shape (n_samples,) or (n_samples, n_labels)
            Log-odds of `classes_[1]`; for an indicator matrix, of each label.
        """
        logits = self._logits(X)
        if self._target.multilabel:
            return logits
        return logits[:, 0] if self._target.positive == 1 else -logits[:, 0]

    def score(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Return the accuracy of `predict`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows with the columns of `fit`.
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            True labels.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row.

        Returns
        -------
        score : float
            Share of the rows whose prediction is right; for an indicator matrix, all labels of a row must be right.
        """
        check_is_fitted(self)
        return float(super().score(X, y if self._target.multilabel else binary_labels(y), sample_weight))

    def to_matrix(self, X: ArrayLike) -> NDArray[Any]:
        """Return a table as the matrix of numbers that `model_` takes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows with the columns of `fit`.

        Returns
        -------
        matrix : ndarray of shape (n_samples, n_features)
            Numbers as they are, NaN where missing; categories as the place of their level, -1 for a level that `fit`
            has not seen.
        """
        check_is_fitted(self)
        matrix: NDArray[Any] = self._checked(X)
        return matrix

    # ------------------------------------------------------------------ files
    def save(self, path: str | PathLike[str]) -> None:
        """Write the fitted classifier to one file, which `sklearn_binnet.load` reads.

        The file is a zip archive of arrays and JSON, and no pickle: reading it runs no code from it. It holds the
        parameters, the networks and all attributes. Parameters that are code of your own (functions as `model` or in
        `metrics`, `callbacks`) can't be written down and must be set anew before another fit.

        Parameters
        ----------
        path : str or path-like
            Where the file goes. An older file there stays whole until the new one is complete.

        Raises
        ------
        NotFittedError
            There is nothing to save yet.
        TypeError
            The classifier is of a class of your own, or holds an attribute that no file can hold.

        See Also
        --------
        sklearn_binnet.load : Reads the file.
        """
        check_is_fitted(self)
        save(self, path)

    # ------------------------------------------------------------------ as Keras
    @property
    def model_(self) -> Any:
        """Keras model from raw columns to the final probability; `to_matrix` makes them of a table with categories.

        Call it, as in `clf.model_(X)`, which takes float64. Its `predict` rounds columns to float32 first, which loses
        the differences of columns that are large beside them.
        """
        check_is_fitted(self)
        if "_keras" not in self.__dict__:
            self._keras = self._fitted.keras_model()
        return self._keras

    @property
    def models_(self) -> list[Any]:
        """Keras models of the single networks, without the temperature."""
        check_is_fitted(self)
        return self._fitted.keras_models()

    def __getstate__(self) -> dict[str, Any]:
        # Keras models are built again when they are asked for.
        state: dict[str, Any] = super().__getstate__().copy()
        state.pop("_keras", None)
        plain: dict[str, Any] = to_plain(state)
        return plain

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(from_plain(state))

    # ------------------------------------------------------------------ the steps of a fit
    def _prepare(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
        groups: Any = None,
    ) -> _Prepared:
        """Check the input of `fit`: the table, the labels, the weights and the parameters."""
        start = getattr(self, "_resume", None) if self.warm_start else None
        try:
            columns, labels = self._checked(X, y, fills=self._takes_missing(), learn=start is None, reset=start is None)
        except ValueError as error:
            if start is not None and "feature" in str(error):
                error.add_note("warm_start=True goes on from the last fit's columns; False begins anew.")
            raise
        target = Target.learn(labels, self.pos_label)
        if start is not None:
            self._check_same_labels(target)
        validation = (X_val, y_val, sample_weight_val)
        return self._resolve(X, columns, labels, target, start, sample_weight, validation, groups)

    def _resolve(
        self,
        X: Any,
        columns: NDArray[Any],
        labels: Any,
        target: Target,
        start: Start | None,
        sample_weight: Any,
        validation: tuple[Any, Any, Any] = (None, None, None),
        groups: Any = None,
        stream: bool = False,
    ) -> _Prepared:
        """Resolve the parameters, and leave out rows without weight."""
        refuse_in_fork("Training")
        start_keras()
        self._check_threshold(target.n_labels)
        weight, used = self._row_weights(columns, sample_weight)
        if not stream and np.ptp(weight[used]) == 0:  # as without weights, to the last digit: sums of 1/3 are rounded
            weight = (weight > 0).astype(np.float64)
        columns = self._without_levels_of(used, X, columns, start)
        targets = target.encode(labels)[used]
        if not (stream or target.multilabel) and targets.min() == targets.max():
            raise ValueError(
                "sample_weight must be above 0 for rows of both classes; rows of one class only are left, so there "
                "is nothing to tell apart."
            )
        config = FitConfig.resolve(
            self.get_params(deep=False),
            {name: p.default for name, p in signature(type(self).__init__).parameters.items()},
            n_features=columns.shape[1],
            n_labels=target.n_labels,
            n_rows=len(columns),
            stream=stream,
            validation_rows=validation[0] is not None,
        )
        if stream and isinstance(config.class_weight, str):
            raise ValueError(
                "class_weight='balanced' is not supported for partial_fit: the classes of a few rows are not those of "
                "the stream. Compute the weights from rows that stand for the stream, as in "
                "sklearn.utils.class_weight.compute_class_weight('balanced', classes=classes, y=y), and pass them as a "
                "dict, class_weight=dict(zip(classes, weights))."
            )
        pairs = class_weights(targets, weight[used], config.class_weight, target)
        held_out = self._validation_rows(*validation, target, pairs)
        together = None if groups is None else group_numbers(groups, len(columns))[used]
        rows = self._rows(columns[used], targets, weight[used], pairs, held_out, together)
        return _Prepared(config, rows, start, target, len(columns), used)

    def _train(self, prepared: _Prepared, X: Any, y: Any) -> FitResult:
        """Train, and show progress to who wants to see it: scikit-learn's callbacks get the user's own X and y."""
        config, rows, start, target = prepared[:4]
        follows = bool(getattr(self, "_skl_callbacks", None))
        with ExitStack() as stack:
            hooks: list[Callable[[EpochReport, Callable[[], Fitted]], bool]] = [
                _telling_means(function) for function in config.on_epoch
            ]
            if self.verbose:
                bar = stack.enter_context(progress_bar(config.epochs))
                hooks.append(lambda report, networks: bar(report))
            if follows:
                # Networks may be trained one after the other, so that only for one the number of epochs is known.
                single = config.n_estimators == 1 and start is None
                context = self._init_callback_context(max_subtasks=config.epochs if single else None)
                context.call_on_fit_task_begin(estimator=self, X=X, y=y)

                def tell(report: EpochReport, networks: Callable[[], Fitted]) -> bool:
                    epoch = context.subcontext(task_name="epoch")
                    epoch.call_on_fit_task_begin(estimator=self, X=X, y=y)
                    now = {"reconstruction_attributes": lambda: _what_predicts(networks(), target)}
                    return bool(epoch.call_on_fit_task_end(estimator=self, X=X, y=y, **now))

                hooks.append(tell)
            on_epoch = (lambda report, networks: max([hook(report, networks) for hook in hooks])) if hooks else None
            result = fit_networks(config, rows, start, on_epoch)
            if follows:
                final = _what_predicts(result.networks, target)
                context.call_on_fit_task_end(estimator=self, X=X, y=y, reconstruction_attributes=final)
        return result

    def _store(self, prepared: _Prepared, result: FitResult) -> None:
        """Set the attributes of a fitted classifier, all of them plain data."""
        target, trained = prepared.target, result.trained
        for stale in ("_keras", "oof_proba_", "oof_fold_", "pos_label_", "member_weights_"):
            self.__dict__.pop(stale, None)
        for name, value in _what_predicts(result.networks, target).items():
            setattr(self, name, value)
        if not target.multilabel:
            self.pos_label_ = target.classes[target.positive]
        start = result.start
        if not (self.warm_start or prepared.config.stream):  # two thirds of a pickle, and nobody asked for it
            start = replace(start, optimizer_states=[None] * len(trained))
        self._resume = start
        self.learning_rate_ = result.learning_rate
        self.batch_size_, self.epochs_ = result.settings.batch_size, result.settings.epochs
        self.history_ = mean_history(trained)
        self.histories_ = [t.history for t in trained]
        self.n_iter_ = max(t.n_epochs for t in trained)
        self.best_iter_ = [t.best_epoch for t in trained]
        self.temperature_ = result.networks.temperature.copy()
        self.retrieval_histories_ = [t.history for t in result.retrieval]
        if isinstance(result.networks, Stack):
            self.member_weights_ = result.networks.shares.copy()
        if result.out_of_fold is not None:
            out_of_fold = np.full((prepared.n_rows, target.n_labels), np.nan)
            out_of_fold[prepared.used] = result.out_of_fold
            self.oof_proba_ = out_of_fold if target.multilabel else out_of_fold[:, 0]
            self.oof_fold_ = np.full(prepared.n_rows, -1)
            self.oof_fold_[prepared.used] = result.left_out_by

    def _memory_advice(self, X: Any, n_fits: int = 1, stream: bool = False) -> str:
        """Return what to say when a fit of X finds no more memory: those parameters that would make it smaller.

        A fit that goes on from an earlier one, as `partial_fit` does (`stream`), keeps that one's bins and networks.
        """
        start = getattr(self, "_resume", None) if stream or self.warm_start else None
        network = self.model is None
        several = self.n_estimators != 1 and (network or self.n_estimators is not None)
        to_set = []
        if n_fits > 1:
            to_set.append(f"fit the {n_fits} classifiers one by one with fit")
        if stream:
            retrieval = False
        elif start is not None:
            retrieval = self.retrieval is not False and len(start.networks.families) > 1
        else:
            retrieval = self.retrieval is True or (self.retrieval == "auto" and network and several)
        if (
            start is None
            and encoding_of({"encoding": self.encoding, "model": self.model}, stream) == "piecewise_linear"
        ):
            # Beside retrieval members the built-in network shares their table where it has 8 bins as they have.
            fewer, now = constants.N_BINS if retrieval and network else 2, _bins_in_use(self.n_bins, X, retrieval)
            if now > fewer:
                to_set.append(f"set n_bins={fewer} (encoded columns are the largest table of a fit)")
            elif now < fewer:
                to_set.append(f"set n_bins={fewer} (networks and retrieval members then share one encoded table)")
        if retrieval:
            to_set.append("set retrieval=False")
        if start is None and several:
            to_set.append("set n_estimators=1")
        if self.batch_size is not None and self.batch_size > 256:
            to_set.append(f"set a batch_size below {self.batch_size}")
        if getattr(X, "dtype", None) == np.float64:
            to_set.append("pass X in float32")
        to_set.append(
            "pass fewer rows a call" if stream else "train on a part of the rows, or in parts with partial_fit"
        )
        return f"Memory ran out in a fit of {_size_of(X)}. Any of these needs less: {'; '.join(to_set)}."

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

    def _checked(
        self, X: Any, y: Any = _NO_LABELS, fills: bool | None = None, learn: bool = False, reset: bool = False
    ) -> Any:
        """Return columns (n, d) of numbers, float32 or float64; with `y` also the labels, dense or sparse.

        Numbers may be missing (NaN) where the encoding fills them in: as `fills` says, else as the fitted one does.
        Levels of categories are numbers already.
        """
        if learn:
            categorical = self.categorical_features
            self._table = Table.learn(X, categorical) if holds_categories(X, categorical) else None
        fills = self._fitted.encoder.encoding is not None if fills is None else fills
        refuse_masked(None if y is _NO_LABELS else y, "y")
        X = without_mask(X)
        finite: Any = "allow-nan" if fills else True
        options = {"dtype": [np.float64, np.float32], "ensure_all_finite": finite}
        table = is_table(X)
        foreign = hasattr(X, "__array_namespace__") or type(X).__module__ == "torch"
        if foreign and not isinstance(X, np.ndarray) and get_config()["array_api_dispatch"]:
            raise TypeError(
                "the array API is not supported, but scikit-learn's array_api_dispatch is on and X is a "
                f"{type(X).__module__} {type(X).__name__}. Pass NumPy arrays, which the network computes with."
            )
        try:
            if self._table is not None or table:
                validate_data(self, X, reset=reset, skip_check_array=True)
                if self._table is None and not learn and self.categorical_features is not None:
                    refuse_new_categories(X)
                X = numbers_of(X) if self._table is None else self._table.read(X)
                if y is _NO_LABELS:
                    return check_array(X, estimator=self, input_name="X", **options)
                return check_X_y(X, y, multi_output=True, estimator=self, **options)
            refuse_dates(X)
            options["accept_sparse"] = "csr"
            if y is _NO_LABELS:
                X = validate_data(self, X, reset=reset, **options)
                return dense(X, limit=False) if sparse.issparse(X) else X
            X, y = validate_data(self, X, y, multi_output=True, reset=reset, **options)
            return (dense(X, limit=True) if sparse.issparse(X) else X), y
        except (TypeError, ValueError) as error:
            if not fills and "contains NaN" in str(error):
                raise ValueError(
                    "encoding=None leaves columns as they are, but X has missing numbers (NaN). Use 'piecewise_linear' "
                    "or 'standardize', which fill them in, or fill them in before."
                ) from error
            if (clear := number_error(X, error)) is not None:
                raise clear from error
            raise

    def _takes_missing(self) -> bool:
        """Return whether a fit with these parameters fills missing numbers in."""
        return encoding_of({"encoding": self.encoding, "model": self.model}) is not None

    def _without_levels_of(self, used: Any, X: Any, columns: NDArray[Any], start: Start | None) -> NDArray[Any]:
        """Return the columns with levels learnt from rows of some weight only: the others are left out."""
        if self._table is None or start is not None or isinstance(used, slice):
            return columns
        self._table = Table.learn(X, self.categorical_features, used)
        return self._table.read(X)

    def _rows(
        self,
        columns: NDArray[Any],
        targets: NDArray[np.float32],
        weight: NDArray[Any],
        pairs: ClassWeights | None,
        validation: Rows | None = None,
        groups: NDArray[np.intp] | None = None,
    ) -> Rows:
        """Return rows with the weight of every target."""
        n_levels = () if self._table is None else self._table.n_levels
        return Rows(columns, targets, weight, target_weights(targets, weight, pairs), n_levels, validation, groups)

    def _check_threshold(self, n_labels: int) -> NDArray[np.float64]:
        """Return the threshold as (1,) or (n_labels,)."""
        try:
            threshold = np.atleast_1d(np.asarray(self.threshold, dtype=float))
        except (TypeError, ValueError):
            threshold = np.array([np.nan])
        if np.asarray(self.threshold).dtype == bool:  # True stands for no number
            threshold = np.array([np.nan])
        if threshold.shape not in {(1,), (n_labels,)} or not np.all((threshold >= 0) & (threshold <= 1)):
            allowed = "a number" if n_labels == 1 else f"a number or {n_labels} numbers, one for each label,"
            raise ValueError(f"threshold must be {allowed} in [0, 1], got {self.threshold!r}.")
        return threshold

    def _check_same_labels(self, target: Target) -> None:
        """Refuse to go on with a network that predicts other labels."""
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
        """Return what the labels mean, from the first call of partial_fit on."""
        several = np.ndim(y) == 2 and np.shape(y)[1] > 1
        if several and (classes is None or np.size(classes) == np.shape(y)[1]):
            return Target.learn(y, self.pos_label)
        if classes is None:
            raise ValueError("classes must be given at the first call of partial_fit: the two labels, as in [0, 1].")
        return Target.learn(classes, self.pos_label)

    def _row_weights(
        self, X: NDArray[Any], sample_weight: ArrayLike | None, name: str = "sample_weight"
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_] | slice]:
        """Return the weight of every row, and which rows have any: the others are left out."""
        refuse_masked(sample_weight, name)
        weight = moderate(_check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True))
        if not weight.any():  # scikit-learn 1.9 has said so by now
            raise ValueError(
                f"Sample weights must contain at least one non-zero number, but {name} is 0 for every row."
            )
        return weight, slice(None) if np.all(weight > 0) else weight > 0

    def _validation_rows(
        self, X_val: Any, y_val: Any, sample_weight_val: Any, target: Target, pairs: ClassWeights | None
    ) -> Rows | None:
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
        targets = target.encode(labels, name="y_val")[used]
        return self._rows(columns[used], targets, weight[used], pairs)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        tags.classifier_tags.multi_label = True
        tags.input_tags.allow_nan = self._takes_missing()
        tags.input_tags.categorical = True
        tags.input_tags.sparse = True
        return tags


def _shape_of(X: Any) -> tuple[int, ...]:
    """Return the rows of a table and, if it says so, its columns; () if it says nothing, as a table of Dask may."""
    try:
        return tuple(int(n) for n in getattr(X, "shape", None) or [len(X)])
    except (TypeError, ValueError):
        return ()


def _n_rows(X: Any) -> int:
    """Return the rows of a table, 0 if it does not say how many."""
    return next(iter(_shape_of(X)), 0)


def _size_of(X: Any) -> str:
    """Return how large a table is, in words."""
    shape = _shape_of(X)
    if not shape:
        return "this table"
    return f"{shape[0]:,} rows" + (f" and {shape[1]:,} columns" if len(shape) == 2 else "")


def _bins_in_use(n_bins: int | None, X: Any, retrieval: bool) -> int:
    """Return the least bins that a fit of X can have: columns of two values have none, and leave room for more."""
    if n_bins is not None:
        return n_bins
    shape = _shape_of(X)
    return default_bins(shape[0], shape[1], retrieval) if len(shape) == 2 else constants.N_BINS


def _prediction_memory_advice(X: Any) -> str:
    return (
        f"Memory ran out in a prediction of {_size_of(X)}. Predict in parts of rows, such as 10,000 at a time, and "
        "pass X in float32."
    )


def _telling_means(function: Callable[[int, dict[str, float]], Any]) -> Callable[[EpochReport, Any], bool]:
    """Return a hook that calls the user's function with an epoch's logs, the mean over the networks in training."""

    def tell(report: EpochReport, networks: Any) -> bool:
        logs = {name: float(np.mean([log[name] for log in report.logs])) for name in report.logs[0]}
        return function(report.epoch, logs) is True

    return tell


def _what_predicts(networks: Fitted, target: Target) -> dict[str, Any]:
    """Return the attributes that a prediction reads."""
    return {"_fitted": networks, "_target": target, "classes_": target.classes, "n_labels_": target.n_labels}
