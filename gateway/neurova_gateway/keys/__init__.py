"""API keys: their form, their stores, and who may use them."""
