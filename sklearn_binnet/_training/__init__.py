"""The training engine: many networks of one architecture, trained by one compiled program.

It knows Keras and NumPy, and nothing of scikit-learn. TensorFlow is imported inside functions only.

- `_types.py`: what goes in and comes out
- `_engine.py`: `train`, which chooses the path and groups members that can share a program
- `_program.py`: the compiled program; `_cache.py`: programs that are kept; `_layers.py`: the layers it swaps in
- `_compiled.py`: the host's side of the compiled path; `_keras_fit.py`: the same work by `Model.fit`
- `_schedule.py`: rows, batches and rates of every step, as arrays
- `_callbacks.py`: early stopping, callbacks, progress: what happens between epochs
"""
