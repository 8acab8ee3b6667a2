"""The commands: each parses, calls one stage function and renders its result."""
