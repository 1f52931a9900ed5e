"""Private names of scikit-learn, as they are called there, and what its versions do not share."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, metadata
from typing import Any

from sklearn.base import _fit_context
from sklearn.model_selection._search import BaseSearchCV
from sklearn.utils import _safe_indexing
from sklearn.utils._param_validation import HasMethods, Interval, RealNotInt, StrOptions
from sklearn.utils.validation import _check_method_params, _check_sample_weight, _num_samples

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:  # scikit-learn < 1.9

    class CallbackSupportMixin:  # type: ignore[no-redef]  # one of the two exists
        """Stands in where scikit-learn has no callbacks."""

    def with_callbacks(method: Any) -> Any:
        """Return the method as it is."""
        return method


__all__ = [
    "BaseSearchCV",
    "CallbackSupportMixin",
    "DocumentationLink",
    "HasMethods",
    "Interval",
    "RealNotInt",
    "StrOptions",
    "_check_method_params",
    "_check_sample_weight",
    "_fit_context",
    "_num_samples",
    "_safe_indexing",
    "is_scorer",
    "scorer_parts",
    "with_callbacks",
]


class DocumentationLink:
    """Links the HTML representation of an estimator to its entry in the API reference.

    The address is the one that the installed package states: `Documentation` in the table `project.urls` of
    pyproject.toml. Where it states none, there is no link.
    """

    _doc_link_module = "sklearn_binnet"

    @property
    def _doc_link_template(self) -> str:
        """Address of the entry, or "", which scikit-learn shows as no link."""
        address = _documentation()
        return f"{address}/api.html#sklearn_binnet.{{name}}" if address else ""

    def _doc_link_url_param_generator(self) -> dict[str, str]:
        """Return what fills the template."""
        return {"name": type(self).__name__}


def _documentation() -> str:
    """Return the address of the documentation that the installed package states, "" where there is none."""
    try:
        addresses = metadata("sklearn_binnet").get_all("Project-URL") or []
    except PackageNotFoundError:  # the source folder, not installed
        return ""
    found = dict(entry.split(", ", 1) for entry in addresses)
    return found.get("Documentation", "").rstrip("/")


def is_scorer(scoring: Any) -> bool:
    """Return whether an object was made by `sklearn.metrics.make_scorer`."""
    return hasattr(scoring, "_score_func") and hasattr(scoring, "_sign")


def scorer_parts(scorer: Any) -> tuple[Any, int, dict, Any]:
    """Return score function, sign, keyword arguments and response method of a scorer."""
    return scorer._score_func, scorer._sign, dict(scorer._kwargs), scorer._response_method
