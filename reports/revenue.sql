-- title: Revenue by month of arrival
-- parameter: since date 2000-01-01
-- plot: bars month revenue
WITH versions AS (
    SELECT booking, _time, arrival, nights, total FROM booking_BookingCreated
    UNION ALL
    SELECT booking, _time, arrival, nights, total FROM booking_BookingChanged
),
current AS (
    SELECT
        booking,
        max_by(arrival, _time) AS starts,
        max_by(nights, _time) AS stays,
        max_by(total, _time) AS costs
    FROM versions
    WHERE booking NOT IN (SELECT booking FROM booking_BookingCancelled)
    GROUP BY booking
)
SELECT
    CAST(date_trunc('month', starts) AS DATE) AS month,
    count(*) AS bookings,
    sum(stays) AS nights,
    sum(costs) / 100.0 AS revenue
FROM current
WHERE starts >= CAST($since AS DATE)
GROUP BY month
ORDER BY month
