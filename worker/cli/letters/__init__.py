"""`dead-letters`: one module for each screen; `app.py` is their table."""
