"""Annotated tasks, wherever they were read: which frames of which video each shows."""
