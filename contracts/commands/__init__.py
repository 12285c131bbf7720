"""The commands, one module for each topic that carries them."""
