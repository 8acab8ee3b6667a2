"""Every setting with its default, range and help; settings files."""
