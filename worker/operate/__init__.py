"""What operators do, as functions: asynchronous, with typed results, and without a word on the screen."""
