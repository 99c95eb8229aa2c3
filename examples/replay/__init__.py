"""Send a hotel's real bookings through the platform and compare the results with the file."""
