"""Confirm a booking to its guest."""

from neurova import Mail, on

from .domain import BookingCreated


@on(BookingCreated)
async def confirm_booking(event: BookingCreated, mail: Mail) -> None:
    """Send a mail to the guest of a new booking, if the guest is known."""
    if event.guest_email:
        text = (
            f"Dear {event.guest_name},\n\n"
            f"your room is booked from {event.arrival} for {event.nights} nights, "
            f"for {event.total / 100:.2f} in all.\nYour booking: {event.booking}\n"
        )
        await mail.send(event.guest_email, f"Your stay from {event.arrival}", text)
