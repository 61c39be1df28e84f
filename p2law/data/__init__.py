"""Tables, logs, quantities and the records that answers are made of. Imports ``laws`` and ``errors`` only."""
