"""Send a hotel's real bookings through the platform, and see that it says the same as the file."""
