"""Providers: the adapters to marketplaces.

The rule: a provider translates and classifies; it never retries, sleeps, logs a secret, or touches the
database.
"""
