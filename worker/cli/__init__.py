"""The command line: thin screens over `worker.operate`, one module for each command or group of commands."""
