"""The documentation site: Markdown pages, executed examples, one page per law and the reference, both from the code."""

import os
import sys
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
os.environ.pop("MPLBACKEND", None)  # CI sets Agg, under which the notebooks' kernels would show no picture
os.environ["PYTHONWARNINGS"] = "ignore:IProgress not found"  # tqdm, where it finds a notebook without widgets

project, author, release = "p2law", "The p2law authors", metadata.version("p2law")
copyright = "The p2law authors, Apache-2.0"
html_theme, html_title = "furo", f"p2law {release}"
html_show_sphinx = html_copy_source = False

extensions = ["myst_nb", "sphinx.ext.autodoc", "numpydoc", "sphinx.ext.mathjax", "pages"]
include_patterns = ["*.md", "generated/**"]
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3

nb_custom_formats = {".py": ["jupytext.reads", {"fmt": "py:percent"}]}
nb_execution_raise_on_error = True
nb_execution_in_temp = True
nb_execution_timeout = 600
# Training models of its own, this one needs torch; without it the page shows the code alone.
nb_execution_excludepatterns = [] if find_spec("torch") and find_spec("transformers") else ["*/06_own_curves.py"]

autodoc_mock_imports = ["torch", "transformers", "safetensors"]
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
python_maximum_signature_line_length = 88
numpydoc_show_class_members = False

# Every reference in a docstring must resolve, but for the types in signatures: those of other libraries would need
# their inventories from the network, and some of ours are not public.
nitpicky = True
nitpick_ignore_regex = [("py:(class|data|exc|obj)", ".*")]
