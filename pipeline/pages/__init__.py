"""What the HTML pages are made of."""
