"""Estimators in files: one zip archive of arrays and JSON, which is read without running code from it.

- `_plain.py`: from the objects that an estimator is made of to plain data, and back; for pickles and skops too
- `_archive.py`: plain data in a zip archive, with a version and checksums; atomic writing
- `_estimators.py`: what `save` and `load` do, with objects that only skops can write and those that nothing can
"""
