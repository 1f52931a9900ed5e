"""What the gallery needs to know of the examples: their order, and where they may put their pictures."""

from pathlib import Path
from tempfile import gettempdir

ORDER = (
    "plot_probabilities_to_labels.py",
    "plot_constant_lists.py",
    "plot_sigmoid_and_threshold.py",
    "plot_multilabel.py",
    "plot_ionosphere.py",
    "plot_overfitting.py",
    "plot_red_wine.py",
    "plot_costs_and_constraints.py",
    "plot_row_costs.py",
    "plot_class_weights.py",
    "plot_prevalence.py",
    "plot_uncertain_costs.py",
    "plot_decision_curve.py",
    "plot_refer.py",
    "plot_groups.py",
    "plot_grid_search.py",
    "plot_from_scikeras.py",
)


def place(file_name):
    """Return the place of an example: the questions lead from labels over networks to searches."""
    return ORDER.index(file_name)


def arguments(gallery_conf, script_vars):
    """Return command line arguments of an example: its picture goes to a temporary folder."""
    return [str(Path(gettempdir()) / f"{Path(script_vars['src_file']).stem}.png")]
