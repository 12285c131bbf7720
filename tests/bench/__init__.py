"""Measurements on the real servers. They gate nothing: these numbers are of one machine on one day."""
