"""Writes what is derived from the contract: `python -m contracts`."""

from contracts import schemas

if __name__ == "__main__":
    schemas.main()
