"""The sandbox marketplace: a third party to talk to, on one machine, that misbehaves on request.

The rule: it knows the wire protocol and nothing of Django or of syncops, so it can prove what really crossed
the wire.
"""
