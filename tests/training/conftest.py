"""The training code is tested where PyTorch is; tests/conftest.py says so where it is not."""

from tests.conftest import HAS_TORCH

collect_ignore_glob = [] if HAS_TORCH else ["test_*.py"]
