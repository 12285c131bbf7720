"""What is said on the wire: commands, events, refusals and topics. Imports pydantic and nothing of this project."""
