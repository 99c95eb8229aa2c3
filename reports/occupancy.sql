-- title: Occupied rooms by month, of a number of rooms
-- parameter: rooms number 100
-- plot: bars month percent
WITH versions AS (
    SELECT booking, _time, arrival, nights FROM booking_BookingCreated
    UNION ALL
    SELECT booking, _time, arrival, nights FROM booking_BookingChanged
),
current AS (
    SELECT booking, max_by(arrival, _time) AS starts, max_by(nights, _time) AS stays
    FROM versions
    WHERE booking NOT IN (SELECT booking FROM booking_BookingCancelled)
    GROUP BY booking
),
each_night AS (
    SELECT starts + CAST(number AS INTEGER) AS night
    FROM (SELECT starts, unnest(range(stays)) AS number FROM current) AS numbered
)
SELECT
    CAST(date_trunc('month', night) AS DATE) AS month,
    count(*) AS nights,
    count(*) * 100.0 / ($rooms * count(DISTINCT night)) AS percent
FROM each_night
GROUP BY month
ORDER BY month
