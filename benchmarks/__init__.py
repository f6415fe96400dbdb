"""syncops against its peers: the same work, in one run, on one machine.

The rule: only ratios of paired samples are reported. An absolute figure belongs to a machine and to a moment.
"""
