-- title: Calls by consumer and function
-- scope: reports:operations
-- parameter: since date 2000-01-01
-- plot: bars consumer calls
SELECT
    consumer,
    function,
    count(*) AS calls,
    sum(CASE WHEN status >= 500 THEN 1 ELSE 0 END) AS failed,
    sum(CASE WHEN status >= 400 AND status < 500 THEN 1 ELSE 0 END) AS refused,
    avg(ms) AS mean_ms,
    max(ms) AS max_ms
FROM calls
WHERE _time >= CAST($since AS TIMESTAMP)
GROUP BY consumer, function
ORDER BY calls DESC, consumer, function
LIMIT 100
