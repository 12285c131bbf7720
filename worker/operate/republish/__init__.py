"""Putting on the topics again what they have lost: first a plan, then orders to the lanes.

The plan is a `verify` of what was asked for. It is kept in a file, as it may be long. The orders name each record, and
up to where the lanes' orders were seen; so whoever looks again finds nothing missing, and of two who looked at the same
time the second is told by the lane that it is there already (worker/letters/republishing.py).
"""
