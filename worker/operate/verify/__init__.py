"""Is it so? Documents against the fold of the journal, event topics against the journal (P4)."""
