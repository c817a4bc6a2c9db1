"""Other frameworks on the same files and weights, each run by the interpreter of an environment of their own."""
