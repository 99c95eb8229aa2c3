"""Train and evaluate Booking's model `price-advice`; dvc.yaml runs the modules as stages."""
