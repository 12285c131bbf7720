"""MongoDB: the client, the collections with their indexes, and the store of a lane."""
