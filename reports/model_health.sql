-- title: Predictions and errors by model, version and day
-- scope: reports:operations
-- plot: lines day mean_error
WITH truth AS (
    SELECT model, inputs_hash, max_by(value, _time) AS actual FROM model_truths
    GROUP BY model, inputs_hash
)
SELECT
    CAST(p._time AS DATE) AS day,
    p.model AS model,
    p.version AS version,
    count(*) AS predictions,
    sum(CASE WHEN p.fallback THEN 1 ELSE 0 END) AS fallbacks,
    avg(p.ms) AS mean_ms,
    avg(p.value) AS mean_value,
    avg(abs(p.value - t.actual)) AS mean_error
FROM model_predictions AS p
LEFT JOIN truth AS t ON t.model = p.model AND t.inputs_hash = p.inputs_hash
GROUP BY day, p.model, p.version
ORDER BY day, p.model, p.version
