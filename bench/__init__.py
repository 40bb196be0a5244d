"""Measurements of the server and its parts."""
