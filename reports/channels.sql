-- title: Bookings and revenue by channel
-- parameter: since date 2000-01-01
-- plot: bars channel revenue
SELECT
    channel,
    count(*) AS bookings,
    sum(nights) AS room_nights,
    sum(total) / 100.0 AS revenue,
    sum(total) / 100.0 / sum(nights) AS per_night
FROM booking_BookingCreated
WHERE arrival >= CAST($since AS DATE)
    AND booking NOT IN (SELECT booking FROM booking_BookingCancelled)
GROUP BY channel
ORDER BY revenue DESC, channel
