"""What an operator asks of the process that holds the data folder, whichever process that is."""
