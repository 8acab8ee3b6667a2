"""Images compared and judged."""
