"""The events, one module for each chapter.

What a document needs and a topic must not carry is an event's `private` part: stored in the journal, never serialized.
Its fields have defaults, because a part that was redacted reads as the defaults.
"""
