"""Which image stands in train, val or test, so that nothing of one side shows on another."""

UNITS = f"{__name__}.looks"
"""The module of its units of work, which a pool of processes loads ahead."""
