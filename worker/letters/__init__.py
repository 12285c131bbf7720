"""The life of a dead letter, decided by its lane alone: parked, replayed, edited, discarded, reopened, released."""
