"""What is decided: pure functions of documents, a command, the time and the policy. No await, no clock, no I/O."""
