"""The broken checkpoints by what is broken: each is a small function that breaks a good folder, with what is known of the result."""

# Each adds its own to the table, in the order of the tests.
from breakages import ties, routers, experts, names, surplus, quantised, config, index, files, several  # noqa: F401
from breakages.table import BREAKAGES, ORIGINALS

__all__ = ["BREAKAGES", "ORIGINALS"]
