"""The terminal: parse, call one operation, render its result, end with an exit code.

Importing this package imports no Django; `cli.discovery` does that, once a verb is really going to run.
"""
