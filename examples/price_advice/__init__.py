"""Train and evaluate the model price-advice of Booking; run by dvc.yaml."""
