-- Send prepared requests in turn and print the result as one line of JSON.
-- The argument is a file with the requests: for each, its length in bytes, a newline, its bytes.

local ready, turn = {}, 0

function init(args)
  local file = assert(io.open(args[1], "rb"))
  local line = file:read("*l")
  while line do
    ready[#ready + 1] = file:read(tonumber(line))
    line = file:read("*l")
  end
  file:close()
end

function request()
  turn = turn % #ready + 1
  return ready[turn]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\n{"requests":%d,"seconds":%.6f,"refused":%d,"broken":%d,"p50_us":%d,"p99_us":%d}\n',
    summary.requests, summary.duration / 1e6, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50), latency:percentile(99)))
end
