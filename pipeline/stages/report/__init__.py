"""One page that shows a dataset."""

UNITS = f"{__name__}.units"
"""The module of its units of work, which a pool of processes loads ahead."""
