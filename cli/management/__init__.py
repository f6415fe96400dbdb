"""Django's own door to the command line."""
