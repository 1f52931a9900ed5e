"""Networks: the built-in one and the user's own, each as the engine wants it and as plain data after the fit.

- `_activations.py`: the built-in network's activations, for NumPy
- `_encoding.py`: what happens to columns before the first layer
- `_builtin.py`: the built-in network: initial weights, Keras model, NumPy forward pass
- `_user.py`, `_heads.py`, `_forward.py`: a user's Keras model; `_scikeras.py`: a SciKeras wrapper
"""
