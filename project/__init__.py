"""The Django project that runs syncops on its own."""
