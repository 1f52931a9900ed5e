"""Settings of Sphinx: ``sphinx-build -W --keep-going docs docs/_build``."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # gallery_order

import sklearn_binnet

project = "sklearn_binnet"
author = "The sklearn_binnet developers"
copyright = author
version = release = sklearn_binnet.__version__

extensions = ["sphinx.ext.autodoc", "sphinx.ext.autosummary", "numpydoc", "sphinx_gallery.gen_gallery"]
exclude_patterns = ["_build", "gallery/GALLERY_HEADER.rst"]
default_role = "py:obj"
autodoc_typehints = "none"
autodoc_member_order = "bysource"
numpydoc_show_class_members = False

html_theme = "pydata_sphinx_theme"
html_title = "sklearn_binnet"
html_static_path = ["_static"]
html_show_sourcelink = False
html_theme_options = {"navigation_with_keys": False, "show_toc_level": 2, "secondary_sidebar_items": ["page-toc"]}
html_sidebars = {"tutorial": [], "comparisons": [], "api": []}

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "gallery",
    "filename_pattern": r"plot_",
    "ignore_pattern": r"quickstart|__init__",
    "within_subsection_order": "gallery_order.place",
    "reset_argv": "gallery_order.arguments",
    "capture_repr": (),
    "remove_config_comments": True,
    "show_memory": False,
    "download_all_examples": False,
    "image_scrapers": ("matplotlib",),
    "backreferences_dir": None,
}
