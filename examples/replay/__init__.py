"""Send a hotel's real bookings through the platform and compare what it stores with the file."""
