"""`make demo`: the life of a few partnerships on the real servers, told while it happens.

It stands outside of the worker, as producers, consumers and operators do: it knows the contract, starts the worker as
a process, and reads topics and documents.
"""
