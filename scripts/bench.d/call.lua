-- The one request that wrk repeats, and the numbers it prints.
-- Tokens come from the environment, separated by spaces: arguments are for everybody to see. With
-- several of them, requests take turns.
local tokens = {}
for token in (os.getenv("MCPASS_TOKEN") or "none"):gmatch("%S+") do
  tokens[#tokens + 1] = token
end

wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Accept"] = "application/json, text/event-stream"
wrk.headers["Authorization"] = "Bearer " .. tokens[1]
if (os.getenv("MCPASS_BENCH_SESSION") or "") ~= "" then
  wrk.headers["Mcp-Session-Id"] = os.getenv("MCPASS_BENCH_SESSION")
end
wrk.body = os.getenv("MCPASS_BENCH_MESSAGE")

if #tokens > 1 then
  local requests, turn = {}, 0
  function init(args)
    for number, token in ipairs(tokens) do
      wrk.headers["Authorization"] = "Bearer " .. token
      requests[number] = wrk.format()
    end
  end
  function request()
    turn = turn % #requests + 1
    return requests[turn]
  end
end

function done(summary, latency, requests)
  local errors = summary.errors
  local bad = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  io.write(string.format("RESULT %d %d %d %d %d\n", summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99), bad))
  io.write(string.format("BYTES %d\n", summary.bytes))
end
