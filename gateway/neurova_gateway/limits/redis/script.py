"""The Lua script that decides calls in Redis, with the same log format as the embedded table.

A bucket is a Redis hash: `m` holds the state of its log, `0` to `59` hold its entries (time,
total). Times are microseconds of Redis's clock, so the clocks of the nodes do not matter.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha1

from ..base import Bucket, Decision, Usage

SCRIPT = """
local RING, SPARSE, COARSEST, SECOND = 60, 15, 58, 1000000
local N, NEWEST, BASE, TOTAL, LAST, GRAIN, MERGE_UNTIL, OLDEST_TIME, OLDEST_TOTAL
  = 1, 2, 3, 4, 5, 6, 7, 8, 9
local now = tonumber(ARGV[1])
if not now then
  local time = redis.call('TIME')
  now = time[1] * SECOND + time[2]
end
local mode, cost = ARGV[2], tonumber(ARGV[3])

local function entry(key, log, number)  -- number 0 is the oldest entry
  local at = (log[NEWEST] - log[N] + 1 + number) % RING
  return unpack(cmsgpack.unpack(redis.call('HGET', key, at)))
end

local function read_log(key, window)
  local state = redis.call('HGET', key, 'm')
  local log = state and cmsgpack.unpack(state) or {0, RING - 1, 0, 0, 0, 0, 0, 0, 0}
  now = math.max(now, log[LAST])  -- a replica's clock may be behind
  while log[N] > 0 and log[OLDEST_TIME] < now - window do
    log[BASE], log[N] = log[OLDEST_TOTAL], log[N] - 1
    if log[N] > 0 then log[OLDEST_TIME], log[OLDEST_TOTAL] = entry(key, log, 0) end
  end
  if log[N] == 0 then log[BASE] = log[TOTAL] end
  return log
end

local function whole_seconds(time, window)
  return math.ceil((time + window + 1 - now) / SECOND)
end

-- The time of the first entry with at least that total, or of the newest entry.
local function entry_time(key, log, total)
  local low, high = 0, log[N] - 1
  while low < high do
    local middle = math.floor((low + high) / 2)
    local _, reached = entry(key, log, middle)
    if reached >= total then high = middle else low = middle + 1 end
  end
  return (entry(key, log, low))
end

local function merge_entries(key, log, window)
  local entries, gaps = {}, {}
  for i = 1, RING do
    local time, total = entry(key, log, i - 1)
    entries[i] = {time, total}
    if i > 1 then gaps[i - 1] = time - entries[i - 1][1] end
  end
  table.sort(gaps)
  local grain = math.min(gaps[RING / 2], math.ceil(window / COARSEST))
  local merged, anchor = {}, -grain - 1
  for _, each in ipairs(entries) do
    if #merged > 0 and each[1] - anchor <= grain then
      merged[#merged] = each
    else
      merged[#merged + 1] = each
      anchor = each[1]
    end
  end
  redis.call('DEL', key)
  for i, each in ipairs(merged) do redis.call('HSET', key, i - 1, cmsgpack.pack(each)) end
  log[N], log[NEWEST], log[GRAIN], log[MERGE_UNTIL] = #merged, #merged - 1, grain, anchor + grain
  log[OLDEST_TIME], log[OLDEST_TOTAL] = merged[1][1], merged[1][2]
end

local function charge(key, log, window)
  if log[N] == RING and now > log[MERGE_UNTIL] then merge_entries(key, log, window) end
  log[TOTAL], log[LAST] = log[TOTAL] + cost, now
  local appends = log[N] == 0 or now > log[MERGE_UNTIL]
  if appends then
    if log[GRAIN] > 0 and log[N] <= SPARSE then
      log[GRAIN] = log[N] > 0 and math.floor(log[GRAIN] / 2) or 0
    end
    log[NEWEST], log[N], log[MERGE_UNTIL] = (log[NEWEST] + 1) % RING, log[N] + 1, now + log[GRAIN]
  end
  if log[N] == 1 then log[OLDEST_TIME], log[OLDEST_TOTAL] = now, log[TOTAL] end
  local newest = cmsgpack.pack({now, log[TOTAL]})
  redis.call('HSET', key, 'm', cmsgpack.pack(log), log[NEWEST], newest)
  if appends then redis.call('PEXPIRE', key, math.ceil(window / 980) + 1000) end
end

local logs, answer, refused = {}, {1}, false
for i, key in ipairs(KEYS) do
  local limit, window = tonumber(ARGV[2 * i + 2]), tonumber(ARGV[2 * i + 3])
  local log = logs[key] or read_log(key, window)
  logs[key] = log
  if mode == 'usage' then
    local used = log[TOTAL] - log[BASE]
    answer[#answer + 1] = used
    answer[#answer + 1] = math.max(limit - used, 0)
    answer[#answer + 1] = log[N] > 0 and whole_seconds(log[LAST], window) or 0
  else
    answer[#answer + 1] = limit + log[BASE] - log[TOTAL] - cost
    refused = refused or answer[#answer] < 0
  end
end
if mode == 'usage' then return answer end
if refused and mode ~= 'add' then
  local wait = 1
  answer = {0, 0}
  for i, key in ipairs(KEYS) do
    local limit, window = tonumber(ARGV[2 * i + 2]), tonumber(ARGV[2 * i + 3])
    local log = logs[key]
    local surplus = log[TOTAL] - log[BASE] + cost - limit
    if surplus > 0 then
      local expires = log[N] > 0 and entry_time(key, log, log[BASE] + surplus) or now
      wait = math.max(wait, whole_seconds(expires, window))
    end
    answer[#answer + 1] = math.max(limit + log[BASE] - log[TOTAL], 0)
    answer[#answer + 1] = log[N] > 0 and whole_seconds(log[LAST], window) or 0
  end
  answer[2] = wait
  return answer
end
for i, key in ipairs(KEYS) do
  if logs[key] then
    charge(key, logs[key], tonumber(ARGV[2 * i + 3]))
    logs[key] = nil  -- a bucket that is listed twice is charged once
  end
end
return answer
"""
SHA = sha1(SCRIPT.encode()).hexdigest()  # noqa: S324 - Redis identifies a script by its SHA-1
ADMIT, ADD, USAGE = "admit", "add", "usage"
"""The script's modes: charge if no bucket is full; always charge; only read."""
MICROSECONDS = 1_000_000
Word = str | bytes | int


def arguments(buckets: Sequence[Bucket], mode: str, cost: int, now: int | None) -> list[Word]:
    """Return the EVAL arguments after the script; `now`: microseconds, None for Redis's clock."""
    words: list[Word] = [len(buckets), *map(_key, buckets)]
    words += ("" if now is None else now, mode, cost)
    for bucket in buckets:
        words += (bucket.limit, bucket.seconds * MICROSECONDS)
    return words


def decision(answer: Sequence[int], buckets: Sequence[Bucket]) -> Decision:
    """Convert the script's reply in mode ADMIT to a decision."""
    if answer[0]:
        return Decision(True, tuple(answer[1:]), tuple(each.seconds for each in buckets), 0)
    return Decision(False, tuple(answer[2::2]), tuple(answer[3::2]), answer[1])


def usages(answer: Sequence[int]) -> tuple[Usage, ...]:
    """Convert the script's reply in mode USAGE to usages."""
    return tuple(Usage(*answer[at : at + 3]) for at in range(1, len(answer), 3))


def _key(bucket: Bucket) -> bytes:
    # The braces are a Redis hash tag: it keeps all buckets of a caller on one cluster node.
    owner = bucket.owner.replace("{", "(").replace("}", ")") or "-"
    return f"nv:limits:{{{owner}}}:{bucket.seconds}:{bucket.name}".encode("utf-8", "surrogatepass")
