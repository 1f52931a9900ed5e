"""CatBoost with its defaults (1,000 trees)."""

from __future__ import annotations

from sklearn.base import BaseEstimator, ClassifierMixin

from . import Model

LIBRARIES = ("catboost",)
MODELS = {
    "catboost": Model("CatBoost"),
    "catboost_native": Model("CatBoost, own categories and missing values", form="raw", base="catboost"),
}


class Native(ClassifierMixin, BaseEstimator):
    """Names the categories of a data frame to CatBoost, which wants them as words without gaps."""

    def __init__(self, estimator):
        self.estimator = estimator

    @staticmethod
    def words(X):
        names = list(X.select_dtypes("category").columns)
        return X.assign(**{name: X[name].astype(object).fillna("missing").astype(str) for name in names}), names

    def fit(self, X, y):
        X, names = self.words(X)
        self.estimator.fit(X, y, cat_features=names)
        self.classes_ = self.estimator.classes_
        return self

    def predict_proba(self, X):
        return self.estimator.predict_proba(self.words(X)[0])


def build(model: Model, seed: int, n_labels: int | None = None):
    from catboost import CatBoostClassifier

    estimator = CatBoostClassifier(
        random_seed=seed, thread_count=1, verbose=False, allow_writing_files=False, **model.settings
    )
    return Native(estimator) if model.form == "raw" else estimator
