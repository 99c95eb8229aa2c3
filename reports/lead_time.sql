-- title: Lead time in days by month of arrival
-- plot: lines month mean_days median_days
SELECT
    CAST(date_trunc('month', arrival) AS DATE) AS month,
    count(*) AS bookings,
    avg(lead_time) AS mean_days,
    median(lead_time) AS median_days
FROM booking_BookingCreated
GROUP BY month
ORDER BY month
