"""Where annotated tracks are wrong, and what can be mended."""
