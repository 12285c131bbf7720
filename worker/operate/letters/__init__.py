"""Dead letters in an operator's hands: found, looked at, taken elsewhere, and settled by orders to their lane."""
