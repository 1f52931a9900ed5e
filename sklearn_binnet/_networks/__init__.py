"""Networks: the built-in one and the user's own, each as the engine trains it and as plain data after the fit.

- `_encoder.py`, `_piecewise.py`: what happens to columns before the first layer
- `_builtin.py`, `_constants.py`: the built-in network, and its constants with their sources
- `_dense.py`, `_lookup.py`, `_cores.py`: its products in NumPy, its first layer as a table, blocks of rows on all cores
- `_retrieval.py`, `_stack.py`: the retrieval members, and how both families are put together
- `_user_network.py`: a user's function or Keras model; `_scikeras.py`: a SciKeras wrapper
- `_keras_copy.py`, `_heads.py`, `_losses.py`, `_compilable.py`: what a user's model is made of
- `_forward.py`: predicting with a user's network
- `_fitted.py`: what both kinds of network are after the fit
- `_keras_objects.py`: Keras' models, optimizers and metrics as plain data
"""

from sklearn_binnet._networks import _keras_objects, _user_network  # noqa: F401 - what they register may be in a file
