"""On noise, no step of another library that learns from y gives the network behind it more than chance out of fold."""

import importlib

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import TargetEncoder

from sklearn_binnet import ThresholdTunerCV
from tests.small import net

_rng = np.random.default_rng(7)
N = 120
CATEGORIES = pd.DataFrame({f"k{i}": _rng.integers(0, 40, N).astype(str) for i in range(8)})
NUMBERS = pd.DataFrame(_rng.normal(size=(N, 60)), columns=[f"c{i}" for i in range(60)])
y = (_rng.permutation(N) < N // 2).astype(int)
CHANCE = 0.18
"""Three and a half standard errors of the AUC of 60 against 60 rows."""

ENCODERS = ["TargetEncoder", "CatBoostEncoder", "LeaveOneOutEncoder", "WOEEncoder", "JamesSteinEncoder"]
STEPS = {
    **{name: ("category_encoders", lambda module, name=name: getattr(module, name)(), CATEGORIES) for name in ENCODERS},
    "MeanEncoder": ("feature_engine.encoding", lambda m: m.MeanEncoder(unseen="encode"), CATEGORIES),
    "DecisionTreeDiscretiser": (
        "feature_engine.discretisation",
        lambda m: m.DecisionTreeDiscretiser(regression=False, random_state=0),
        NUMBERS.iloc[:, :10],
    ),
    "SelectBySingleFeaturePerformance": (
        "feature_engine.selection",
        lambda m: m.SelectBySingleFeaturePerformance(LogisticRegression(), scoring="roc_auc", cv=2, threshold=0.55),
        NUMBERS.iloc[:, :12],
    ),
    "TableVectorizer": (
        "skrub",
        lambda m: m.TableVectorizer(low_cardinality=TargetEncoder(), high_cardinality=TargetEncoder()),
        CATEGORIES,
    ),
}


def auc(estimator, X):
    tuned = ThresholdTunerCV(estimator).fit(X, y)
    assert len(tuned.estimators_) == 5  # folds were fitted
    return roc_auc_score(y, tuned.oof_scores_)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("module", "make", "X"), STEPS.values(), ids=STEPS)
def test_a_step_that_learns_from_y(module, make, X):
    pytest.importorskip(module)
    step = make(importlib.import_module(module))
    network = net(n_estimators=2, epochs=10, learning_rate=0.03)
    assert abs(auc(make_pipeline(step, network), X) - 0.5) < CHANCE


@pytest.mark.filterwarnings("ignore")
def test_a_pipeline_that_resamples():
    imblearn = pytest.importorskip("imblearn")
    doubled = imblearn.FunctionSampler(func=lambda X, y: (np.vstack([X, X]), np.concatenate([y, y])))
    network = net(n_estimators=2, epochs=10, learning_rate=0.03)
    X = NUMBERS.iloc[:, :5].to_numpy()
    assert abs(auc(importlib.import_module("imblearn.pipeline").make_pipeline(doubled, network), X) - 0.5) < CHANCE
