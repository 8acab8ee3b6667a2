"""Engines: ``(function, items) → results as they come``, in this process, on all cores, on Ray."""
