"""On noise nothing gets more than chance out of fold, whatever stands in front of the network or around it.

The columns are noise and many, so that whoever looks at all labels finds some that go with them by chance.
"""

import functools
import warnings

import numpy as np
import pytest
from sklearn import ensemble, frozen, multiclass, multioutput
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, make_column_transformer
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.feature_selection import RFE, SelectFromModel, SelectKBest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import FixedThresholdClassifier, GridSearchCV, TunedThresholdClassifierCV
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline, make_union
from sklearn.preprocessing import FunctionTransformer, KBinsDiscretizer, StandardScaler, TargetEncoder
from sklearn.semi_supervised import SelfTrainingClassifier
from sklearn.utils import all_estimators

from sklearn_binnet import ThresholdTunerCV
from sklearn_binnet._tuning._crossfit import may_hold_out, never_sees_y
from tests.small import net

_rng = np.random.default_rng(7)
N, WIDE = 120, 300
X = _rng.normal(size=(N, WIDE))
y = (_rng.permutation(N) < N // 2).astype(int)
CHANCE = 0.18
"""Three and a half standard errors of the AUC of 60 against 60 rows."""


def network(**params):
    return net(**{"n_estimators": 2, "epochs": 10, "learning_rate": 0.03} | params)


def auc(estimator, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tuned = ThresholdTunerCV(estimator, **options).fit(X, y)
    return roc_auc_score(y, tuned.oof_scores_)


def best():
    return SelectKBest(k=5)


# ------------------------------------------------------------------ transformers of scikit-learn, one by one


def transformers():
    """Return every transformer of scikit-learn that takes the noise, with what it needs."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = all_estimators(type_filter="transformer")
    needs = {
        "ColumnTransformer": lambda kind: kind([("best", best(), slice(None))]),
        "FeatureUnion": lambda kind: kind([("best", best())]),
        "RFE": lambda kind: kind(LogisticRegression(), n_features_to_select=5, step=0.5),
        "RFECV": lambda kind: kind(LogisticRegression(), step=0.5, cv=2),
        "SelectFromModel": lambda kind: kind(LogisticRegression(), max_features=5, threshold=-np.inf),
        "SequentialFeatureSelector": lambda kind: kind(LinearDiscriminantAnalysis(), n_features_to_select=1, cv=2),
        "SparseCoder": None,
        "StackingClassifier": lambda kind: kind([("a", LogisticRegression())], cv=2),
        "StackingRegressor": None,
        "VotingClassifier": lambda kind: kind([("a", LogisticRegression())]),
        "VotingRegressor": None,
        "TransformedTargetRegressor": None,
    }
    for name, kind in found:
        make = needs.get(name, lambda kind: kind())
        if make is None:
            continue
        step = make(kind)
        quick = {"random_state": 0, "max_iter": 3, "n_components": 1}
        step.set_params(**{key: value for key, value in quick.items() if key in step.get_params(deep=False)})
        yield name, step


def depends_on_y(step, X, y):
    """Return whether what a transformer makes of X depends on the labels; None where it does not take such X."""
    outputs = []
    for labels in (y, np.roll(y, 7)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                fitted = clone(step)
                first = fitted.fit_transform(X, labels)
                first = first[0] if isinstance(first, tuple) else first  # cross decompositions transform y too
                again = fitted.transform(X)
            except (ValueError, TypeError, AttributeError):
                return None
        outputs.append([np.asarray(out.todense() if hasattr(out, "todense") else out) for out in (first, again)])
    return any(a.shape != b.shape or not np.array_equal(a, b) for a, b in zip(*outputs, strict=True))


NARROW = np.abs(X[:60, :12])
STEPS = dict(transformers())


@functools.cache
def sees_y(name):
    return depends_on_y(STEPS[name], NARROW, y[:60])


@pytest.mark.parametrize("name", STEPS)
def test_a_transformer_of_scikit_learn_that_depends_on_y_is_known_to(name):
    step = STEPS[name]
    seen = sees_y(name)
    if seen is None:
        pytest.skip("takes no such X")
    if seen:
        assert not never_sees_y(step)
        for wrapped in wrappings(step):
            assert not never_sees_y(wrapped)
            assert not may_hold_out(make_pipeline(wrapped, network()))


def wrappings(step):
    """Return a step inside of what scikit-learn can put it in, two levels deep."""
    yield make_pipeline(step, "passthrough")
    yield make_union(StandardScaler(), step)
    yield make_column_transformer((step, slice(0, 6)), remainder="passthrough")
    yield ColumnTransformer([("scaled", StandardScaler(), slice(0, 6))], remainder=step)
    yield frozen.FrozenEstimator(step)
    yield make_pipeline(StandardScaler(), make_union(make_pipeline(SimpleImputer(), step), "passthrough"))


def test_transformers_were_tried():
    tried = [sees_y(name) for name in STEPS]
    assert sum(seen is not None for seen in tried) > 55
    assert sum(seen is True for seen in tried) > 10


# ------------------------------------------------------------------ other libraries', which bear no tags


class Foreign(TransformerMixin, BaseEstimator):
    """A selector as other libraries have them: its tags do not say that it uses y, and y is optional."""

    def __init__(self, k=5):
        self.k = k

    def fit(self, X, y=None):
        self.chosen_ = np.argsort(-np.abs((np.asarray(X) * (2 * y - 1)[:, None]).mean(axis=0)))[: self.k]
        return self

    def transform(self, X):
        return np.asarray(X)[:, self.chosen_]


class Bare:
    """A selector of no base class: no tags, no parameters but by convention."""

    def fit(self, X, y=None, **kwargs):
        self.inner_ = Foreign().fit(X, y)
        return self

    def transform(self, X):
        return self.inner_.transform(X)

    def fit_transform(self, X, y=None):
        return self.fit(X, y).transform(X)

    def get_params(self, deep=True):
        return {}

    def set_params(self):
        return self


class Inherited(StandardScaler):
    """Looks like scikit-learn's scaler, and puts the labels' best columns first."""

    def fit(self, X, y=None, sample_weight=None):
        super().fit(X)
        self.chosen_ = Foreign().fit(X, y).chosen_
        return self

    def transform(self, X, copy=None):
        return super().transform(X)[:, self.chosen_]


class Wrapping(TransformerMixin, BaseEstimator):
    """Holds another transformer where nobody looks: in a dict, made in `fit`."""

    def __init__(self, table=None):
        self.table = table

    def fit(self, X, y=None):
        self.inner_ = clone(self.table["all"]).fit(X, y)
        return self

    def transform(self, X):
        return self.inner_.transform(X)


class Oversampling(Pipeline):
    """A pipeline that resamples, as imbalanced-learn's: rows come twice, so that folds inside share them."""

    def fit(self, X, y=None, **params):
        self.steps[-1][1].fit(np.vstack([X, X]), np.concatenate([y, y]), **params)
        return self

    def predict_proba(self, X):
        return self.steps[-1][1].predict_proba(X)

    @property
    def classes_(self):
        return self.steps[-1][1].classes_


class Doubling(BaseEstimator, ClassifierMixin):
    """A classifier around the network that doubles rows, and shows the network's attributes as its own."""

    def __init__(self, inner=None):
        self.inner = inner

    def fit(self, X, y):
        self.inner_ = clone(self.inner).fit(np.vstack([X, X])[: len(X)], y)
        self.classes_ = self.inner_.classes_
        return self

    def predict_proba(self, X):
        return self.inner_.predict_proba(X)


def in_front():
    yield "SelectKBest", best()
    yield "SelectFromModel", SelectFromModel(LogisticRegression(C=0.01), max_features=5, threshold=-np.inf)
    yield "RFE", RFE(LogisticRegression(C=0.01), n_features_to_select=5, step=0.5)
    yield "LDA", LinearDiscriminantAnalysis()
    yield "TargetEncoder", make_pipeline(KBinsDiscretizer(6, encode="ordinal"), TargetEncoder(target_type="binary"))
    yield "pipeline", make_pipeline(StandardScaler(), best())
    yield "union", FeatureUnion([("same", FunctionTransformer(lambda X: X[:, :2])), ("best", best())])
    yield "column transformer", ColumnTransformer([("best", best(), list(range(WIDE)))])
    yield "remainder", ColumnTransformer([("none", "drop", [0])], remainder=best())
    yield "stacking as a transformer", ensemble.StackingClassifier([("lda", LinearDiscriminantAnalysis())], cv=2)
    yield "foreign", Foreign()
    yield "bare", Bare()
    yield "inherited", Inherited()
    yield "in a dict", Wrapping({"all": Foreign()})


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("name", "step"), list(in_front()), ids=lambda value: value if isinstance(value, str) else "")
def test_noise_behind_a_step_that_sees_y(name, step):
    assert abs(auc(Pipeline([("step", step), ("net", network())])) - 0.5) < CHANCE
    fitted = Pipeline([("step", step), ("net", network())]).fit(X, y)
    with pytest.raises(ValueError, match="behind a step that has learnt from y"):
        ThresholdTunerCV(fitted, cv="oof", refit=False).fit(X, y)


def test_the_attack_would_succeed_on_the_networks_own_probabilities():
    """What these tests guard against is there: behind such a step the network's own probabilities are too good."""
    fitted = make_pipeline(best(), network()).fit(X, y)
    assert roc_auc_score(y, fitted[-1].oof_proba_) > 0.5 + CHANCE


SMALL = {"n_estimators": 1, "epochs": 5}
AROUND = {
    "resampling": lambda: Oversampling([("same", "passthrough"), ("net", network())]),
    "doubling": lambda: Doubling(network()),
    "nested pipeline": lambda: make_pipeline(StandardScaler(), make_pipeline(best(), network())),
    "search": lambda: GridSearchCV(make_pipeline(best(), network(**SMALL)), {"selectkbest__k": [5, 6]}, cv=2),
    "bagging": lambda: ensemble.BaggingClassifier(make_pipeline(best(), network(**SMALL)), 2, random_state=0),
    "stacking": lambda: ensemble.StackingClassifier(
        [("lda", LinearDiscriminantAnalysis())], network(), passthrough=True, cv=2
    ),
    "voting": lambda: ensemble.VotingClassifier([("net", make_pipeline(best(), network()))], voting="soft"),
    "calibrated": lambda: CalibratedClassifierCV(make_pipeline(best(), network(**SMALL)), cv=2),
    "one against the rest": lambda: multiclass.OneVsRestClassifier(make_pipeline(best(), network())),
    "self-training": lambda: SelfTrainingClassifier(make_pipeline(best(), network())),
    "boosting": lambda: ensemble.AdaBoostClassifier(network(**SMALL), n_estimators=2, random_state=0),
    "fixed threshold": lambda: FixedThresholdClassifier(make_pipeline(best(), network())),
    "tuned threshold": lambda: TunedThresholdClassifierCV(make_pipeline(best(), network(**SMALL)), cv=2),
    "tuned twice": lambda: ThresholdTunerCV(make_pipeline(best(), network()), cv=2),
}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", AROUND)
def test_noise_inside_of_what_scikit_learn_puts_around(name):
    assert abs(auc(AROUND[name](), cv=None) - 0.5) < CHANCE


def test_noise_of_several_labels():
    Y = np.column_stack([y, np.roll(y, 5)])
    chain = multioutput.ClassifierChain(make_pipeline(best(), LogisticRegression()), cv=2)
    for estimator in (make_pipeline(Pass(), network()), chain):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tuned = ThresholdTunerCV(estimator, scoring="f1_macro").fit(X, Y)
        for label in range(2):
            assert abs(roc_auc_score(Y[:, label], tuned.oof_scores_[:, label]) - 0.5) < CHANCE


class Pass(Foreign):
    """Looks at the first of several labels."""

    def fit(self, X, y=None):
        return super().fit(X, y[:, 0])


def test_a_frozen_network_says_that_it_has_seen_the_rows():
    seen = frozen.FrozenEstimator(make_pipeline(StandardScaler(), network()).fit(X, y))
    with pytest.warns(UserWarning, match="look like those that this BinaryNetClassifier was fitted on"):
        ThresholdTunerCV(seen).fit(X, y)
