"""A run in a browser: the service, the page, and what it shows."""
