"""How far to trust a fit: local covariance, bootstrap by run, profiles, and intervals on what people use."""
