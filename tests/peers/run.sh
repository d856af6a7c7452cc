#!/usr/bin/env bash
# The example `agent` against other people's programs, over loopback in a network namespace of its own: what is
# sent can reach nobody else. Scenarios: $SIMPLE_IM_INTEROP (default ../shared/interop).
set -u
cd "$(dirname "$0")/../.."
scenarios="$(cd "${SIMPLE_IM_INTEROP:-../shared/interop}" 2>/dev/null && pwd)" || { echo "skipped: no scenarios here"; exit 0; }
if [ -z "${ALONE:-}" ]; then
  unshare -n true 2>/dev/null || { echo "skipped: no network namespaces here"; exit 0; }
  command -v sipp >/dev/null || { echo "skipped: sipp is not installed"; exit 0; }
  cargo build --quiet --example agent || exit 1
  export ALONE=1
  exec unshare -n bash -c 'ip link set lo up; exec bash "$0"' "$0"
fi
work="$(mktemp -d)"
agent="${CARGO_TARGET_DIR:-target}/debug/examples/agent"
fails=0
trap 'kill $(jobs -p) 2>/dev/null; rm -rf "$work"' EXIT

sipp_on() { # scenario, port, arguments
  local name="$1" port="$2"
  shift 2
  sipp -sf "$scenarios/sipp/$name.xml" -i 127.0.0.1 -p "$port" -t u1 -m 1 -nostdin -timeout 20 -timeout_error -nd \
    -trace_err -error_file "$work/$name.err" -ci 127.0.0.1 -cp $((port + 2000)) -key msrp_port 27655 "$@" >"$work/$name.log" 2>&1
}

up() { # protocol, port
  for _ in $(seq 100); do
    ss -"$1"lnH "sport = :$2" | grep -q . && return 0
    sleep 0.05
  done
  return 1
}

verdict() { # name, pattern that the agent must print, exit code of the peer
  if [ "$3" = 0 ] && grep -q "$2" "$work/agent.out"; then
    echo "ok   $1: $(grep -m1 "$2" "$work/agent.out")"
  else
    echo "FAIL $1 (peer $3)"
    cat "$work/agent.out" "$work"/*.err 2>/dev/null | tail -n 8
    fails=$((fails + 1))
  fi
  rm -f "$work"/*.err
}

# We send, SIPp answers.
ask() { # scenario, pattern, arguments of the agent
  local scenario="$1" pattern="$2"
  shift 2
  sipp_on "$scenario" 16001 & local peer=$!
  up u 16001
  "$agent" --sip 127.0.0.1:16000 --msrp 127.0.0.1:16100 --patience 40 --to sip:bob@127.0.0.1:16001 "$@" >"$work/agent.out" 2>&1
  wait "$peer"
  verdict "$scenario" "$pattern" $?
}

# SIPp sends, we answer.
serve() { # scenario, pattern, arguments of the agent
  local scenario="$1" pattern="$2"
  shift 2
  "$agent" --sip 127.0.0.1:16000 --msrp 127.0.0.1:16100 --patience 12 "$@" >"$work/agent.out" 2>&1 & local us=$!
  up u 16000
  sipp_on "$scenario" 16001 -s bob 127.0.0.1:16000
  local peer=$?
  [ "$peer" = 0 ] && sleep 0.3
  kill "$us" 2>/dev/null
  wait "$us" 2>/dev/null
  verdict "$scenario" "$pattern" "$peer"
}

ask uas_message "Delivered"
ask uas_message_403 "Failed"
ask uas_message_404 "Failed(NotFound(Status(404)))"
ask uas_message_413 "Failed" --text hi
ask uas_message_415 "UnsupportedType"
ask uas_message_480 "NotReachable"
ask uas_message_503 "Failed(Unavailable(Status(503)))"
ask uas_message_slow "Delivered"
ask uas_lmm "NotConnected" --large 4096
if command -v python3 >/dev/null; then
  # The same with somebody at the other end of MSRP, who answers and reports.
  PYTHONPATH="$scenarios/msrp" python3 -c '
import asyncio, msrp_peer
async def serve(reading, writing):
    connection = msrp_peer.Conn(reading, writing)
    await msrp_peer.Sink(connection, "msrp://127.0.0.1:27655/sipp1;tcp").run()
async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 27655)
    await server.serve_forever()
asyncio.run(main())' >/dev/null 2>&1 & sink=$!
  up t 27655
  ask uas_lmm "Sent" --large 40000
  ask uas_lmm_focus "AcceptedByServer" --large 40000
  kill "$sink" 2>/dev/null
  wait "$sink" 2>/dev/null
fi
ask uas_invite_403 "Failed" --large 4096
ask uas_invite_488 "Failed" --large 4096
ask uas_422_then_ok "NotConnected" --large 4096
ask uas_422_forever "SessionInterval" --large 4096
ask uas_cancel "Cancelled" --large 4096 --cancel 500
ask uas_bye481 "Failed" --large 4096
serve uac_message "page of" --address sip:bob@example.com
serve uac_lmm "Incomplete" --address sip:bob@example.com
serve uac_cancel "Missed" --think 3000 --address sip:bob@example.com
serve uac_slow_ack "Incomplete" --address sip:bob@example.com

echo "$fails failed"
exit $((fails > 0))
