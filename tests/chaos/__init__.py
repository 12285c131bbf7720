"""`make chaos`: real workers, real servers, load and faults; and a judge that shares no code with the worker's way."""
