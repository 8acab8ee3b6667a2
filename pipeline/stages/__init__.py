"""The stages of the work, a package each."""
