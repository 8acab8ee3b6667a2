"""Tracks of objects as CVAT keeps them, and the clock of their frames."""
