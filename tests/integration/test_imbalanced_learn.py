"""imbalanced-learn: samplers in front of the network, and its ensembles."""

import numpy as np
import pytest
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import StandardScaler

from sklearn_binnet import ThresholdTunerCV
from tests.small import X, net

imblearn = pytest.importorskip("imblearn")

rare = (X[:, 0] > 1).astype(int)


def good(**params):
    return net(**{"epochs": 20, "learning_rate": 0.02} | params)


@pytest.mark.parametrize("sampler", ["RandomOverSampler", "RandomUnderSampler", "SMOTE"])
def test_samplers_change_what_the_network_trains_on(sampler):
    from imblearn import over_sampling, pipeline, under_sampling

    kind = getattr(over_sampling, sampler, None) or getattr(under_sampling, sampler)
    pipe = pipeline.make_pipeline(StandardScaler(), kind(random_state=0), good()).fit(X, rare)
    columns, labels = kind(random_state=0).fit_resample(StandardScaler().fit_transform(X), rare)
    assert labels.mean() == 0.5
    expected = good().fit(columns, labels)
    np.testing.assert_array_equal(pipe.predict_proba(X), expected.predict_proba(StandardScaler().fit_transform(X)))


def test_a_search_over_a_pipeline_with_a_sampler():
    from imblearn.over_sampling import RandomOverSampler
    from imblearn.pipeline import make_pipeline

    pipe = make_pipeline(RandomOverSampler(random_state=0), good())
    grid = {"binarynetclassifier__learning_rate": [1e-6, 0.02]}
    search = GridSearchCV(pipe, grid, cv=2, scoring="balanced_accuracy", error_score="raise").fit(X, rare)
    assert search.best_params_ == {"binarynetclassifier__learning_rate": 0.02}


def test_a_tuner_around_a_sampler():
    from imblearn.over_sampling import RandomOverSampler
    from imblearn.pipeline import make_pipeline

    tuned = ThresholdTunerCV(make_pipeline(RandomOverSampler(random_state=0), good()), scoring="f1", cv=2)
    tuned.fit(X, rare)
    assert tuned.best_score_ > 0.6
    assert tuned.best_threshold_ > 0.5  # the sampler has made yes as likely as no


@pytest.mark.parametrize("sampler", ["RandomOverSampler", "RandomUnderSampler", "SMOTE"])
def test_probabilities_after_a_sampler(sampler):
    """The tuner maps them back to the share of positives in the rows."""
    from imblearn import over_sampling, pipeline, under_sampling

    columns, labels = make_classification(4000, 8, n_informative=4, weights=[0.9], flip_y=0.1, random_state=0)
    kind = getattr(over_sampling, sampler, None) or getattr(under_sampling, sampler)
    pipe = pipeline.make_pipeline(StandardScaler(), kind(random_state=0), LogisticRegression())
    tuned = ThresholdTunerCV(pipe, scoring="f1", calibrate=True).fit(columns[:2000], labels[:2000])
    raw, mended = (m.predict_proba(columns[2000:])[:, 1] for m in (tuned.estimator_, tuned))
    share = labels[2000:].mean()
    assert raw.mean() > share + 0.1
    assert abs(mended.mean() - share) < 5 * np.sqrt(share * (1 - share) / 2000)
    assert log_loss(labels[2000:], mended) < log_loss(labels[2000:], raw) - 0.05


def test_balanced_bagging():
    from imblearn.ensemble import BalancedBaggingClassifier, EasyEnsembleClassifier

    for ensemble in (
        BalancedBaggingClassifier(good(), n_estimators=2, random_state=0),
        EasyEnsembleClassifier(n_estimators=2, estimator=good(), random_state=0),
    ):
        clf = ensemble.fit(X, rare)
        assert clf.predict_proba(X).shape == (200, 2)
        assert (clf.predict(X)[rare == 1]).mean() > 0.7
