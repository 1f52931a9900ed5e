"""Behind `ThresholdTunerCV`: models, evidence and the choice of a threshold.

- `_folds.py`, `_crossfit.py`: fit the folds and the refitted model; scores of rows that a model was not fitted on
- `_evidence.py`: these scores with what is known of their rows
- `_objective.py`, `_costs.py`: from what a user calls a score or a cost to a function of the counts
- `_tune.py`: from evidence to a threshold; `_multilabel.py`: one threshold a label
- `_predictions.py`: what a tuned classifier predicts
- `_row_scorers.py`: scorers that are no function of the counts
"""
