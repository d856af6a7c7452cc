#!/usr/bin/env bash
# The example `msrp_tcp` against itself, against a scripted endpoint, and through Kamailio's relay, over loopback in
# a network namespace of its own. Scenarios: $SIMPLE_IM_INTEROP (default ../shared/interop).
set -u
cd "$(dirname "$0")/../.."
peers="$PWD/tests/peers"
scenarios="$(cd "${SIMPLE_IM_INTEROP:-../shared/interop}" 2>/dev/null && pwd)" || { echo "skipped: no scenarios here"; exit 0; }
if [ -z "${ALONE:-}" ]; then
  unshare -n true 2>/dev/null || { echo "skipped: no network namespaces here"; exit 0; }
  cargo build --quiet --example msrp_tcp || exit 1
  export ALONE=1
  exec unshare -n bash -c 'ip link set lo up; exec bash "$0"' "$0"
fi
tool="$PWD/${CARGO_TARGET_DIR:-target}/debug/examples/msrp_tcp"
case "${CARGO_TARGET_DIR:-}" in /*) tool="$CARGO_TARGET_DIR/debug/examples/msrp_tcp" ;; esac
work="$(mktemp -d)"
fails=0
trap 'kill $(jobs -p) 2>/dev/null; wait 2>/dev/null; rm -rf "$work"' EXIT
cd "$work"
export PYTHONPATH="$scenarios/msrp"

head -c 3000000 /dev/urandom >film
printf 'a line' >line
: >nothing

ours() { timeout 60 "$tool" --patience 50 "$@"; }
theirs() { timeout 50 python3 "$peers/msrp_endpoint.py" "$@"; }

same() { # file, file
  [ -f "$2" ] && [ "$(sha256sum <"$1")" = "$(sha256sum <"$2")" ]
}

first_line() { # file: waits for its first line, and gives it
  for _ in $(seq 200); do
    [ "$(wc -l <"$1" 2>/dev/null || echo 0)" -gt 0 ] && { head -n 1 "$1"; return; }
    sleep 0.05
  done
  return 1
}

up() { # port
  for _ in $(seq 100); do
    ss -tlnH "sport = :$1" | grep -q . && return 0
    sleep 0.05
  done
  return 1
}

verdict() { # name, sent, received, exit codes of both
  if [ "$4$5" = 00 ] && same "$2" "$3"; then
    echo "ok   $1: $(stat -c %s "$3") octets"
  else
    echo "FAIL $1 (exit codes $4 and $5)"
    tail -n 5 ./*.err 2>/dev/null
    grep -h -E "ERROR|CRITICAL" ./relay*.log 2>/dev/null | tail -n 5
    fails=$((fails + 1))
  fi
  rm -f got ./*.err ./*.path ./*.fifo
}

# One side offers, the other answers; they are each other's standard input and output.
pair() { # name, file, arguments of the offerer -- arguments of the answerer, FILE being what is sent
  local name="$1" file="$2" offerer=()
  shift 2
  while [ "$1" != -- ]; do offerer+=("$1"); shift; done
  shift
  mkfifo there.fifo back.fifo
  # The order of the redirections matters: each waits until the other side has opened it.
  ours "${offerer[@]}" >there.fifo <back.fifo 2>offerer.err & local offers=$!
  ours "$@" --answer <there.fifo >back.fifo 2>answerer.err
  local answered=$?
  wait "$offers"
  verdict "$name" "$file" got $? "$answered"
}

pair "the sender offers, the receiver connects" film send film -- receive got --connect
pair "the sender offers and connects" film send film --connect -- receive got
pair "the receiver offers, the sender connects" film receive got -- send film --connect
pair "the receiver offers and connects" film receive got --connect -- send film
pair "a small file" line send line -- receive got --connect
pair "an empty file" nothing send nothing -- receive got --connect

if command -v python3 >/dev/null; then
  theirs receive got --at 27655 >their.path 2>their.err & receiver=$!
  path="$(first_line their.path)" && up 27655
  ours send film --peer "$path" >our.path 2>our.err
  sent=$?
  wait "$receiver"
  verdict "to a scripted endpoint" film got "$sent" $?

  ours receive got --peer "msrp://127.0.0.1:9/scriptedpeer2;tcp" >our.path 2>our.err & receiver=$!
  path="$(first_line our.path)"
  theirs send film "$path" >their.path 2>their.err
  sent=$?
  wait "$receiver"
  verdict "from a scripted endpoint" film got "$sent" $?
fi

# A relay that wants no password, and one that does: Kamailio's own functions challenge and check.
relay() { # port of MSRP, port of SIP, configuration
  # It answers for what it has not handed on yet, and drops what does not fit its queue: a larger one.
  sed "s#^tcp_rd_buf_size.*#&\ntcp_conn_wq_max=8388608\ntcp_wq_max=33554432#; s#DSLIST#$work/none.list#; s#^modparam(\"dispatcher\".*##; s#^loadmodule \"dispatcher.so\"##; /ds_select_dst/d; /failure_route/d
       s#^\#!define MSRP_PORT .*#\#!define MSRP_PORT $1#; s#^\#!define SIP_PORT .*#\#!define SIP_PORT $2#; s#127.0.0.1:12855#127.0.0.1:$1#" "$3" >"relay$1.cfg"
  kamailio -f "relay$1.cfg" -DD -E -Y "$work" -P "$work/relay$1.pid" -m 32 -M 8 >"relay$1.log" 2>&1 &
  up "$1" || { echo "FAIL Kamailio does not start"; tail -n 5 "relay$1.log"; fails=$((fails + 1)); return 1; }
}

# Both sides are behind it in every scenario: it writes to whom it knows, and to nobody else.
if command -v kamailio >/dev/null; then
  relay 12855 15060 "$scenarios/kamailio/kamailio.cfg" || exit 1
  open="msrp://127.0.0.1:12855;tcp"
  pair "both behind a relay" film send film --relay "$open" -- receive got --relay "$open" --connect
  pair "both behind a relay, the other way round" film receive got --relay "$open" -- send film --relay "$open" --connect

  if command -v python3 >/dev/null; then
    theirs receive got --relay "$open" >their.path 2>their.err & receiver=$!
    path="$(first_line their.path)"
    ours send film --relay "$open" --peer "$path" >our.path 2>our.err
    sent=$?
    wait "$receiver"
    verdict "to a scripted endpoint behind the same relay" film got "$sent" $?

    mkfifo go.fifo
    theirs send film --relay "$open" <go.fifo >their.path 2>their.err & sender=$!
    exec 9>go.fifo
    rm -f our.path
    path="$(first_line their.path)"
    ours receive got --relay "$open" --peer "$path" >our.path 2>our.err & receiver=$!
    path="$(first_line our.path)"
    printf '%s\n' "$path" >&9
    exec 9>&-
    wait "$sender"
    sent=$?
    wait "$receiver"
    verdict "from a scripted endpoint behind the same relay" film got "$sent" $?
  fi

  sed 's#^loadmodule "msrp.so"#&\nloadmodule "auth.so"#
       s#^    \# open relay on loopback.*#    if (!pv_www_authenticate("wonderland", "rabbit", "0", "AUTH")) {\n      auth_get_www_authenticate("wonderland", "1", "$var(wauth)");\n      msrp_reply("401", "Unauthorized", "$var(wauth)"); exit;\n    }#' \
    "$scenarios/kamailio/kamailio.cfg" >closed.cfg
  relay 12856 15061 closed.cfg || exit 1
  closed="msrp://127.0.0.1:12856;tcp"
  known=(--relay "$closed" --user alice --password rabbit)
  pair "with a password" film send film "${known[@]}" -- receive got "${known[@]}" --connect
  if ours send film --relay "$closed" --user alice --password hare --peer "msrp://127.0.0.1:9/x;tcp" >our.path 2>our.err; then
    echo "FAIL a wrong password is taken"
    fails=$((fails + 1))
  elif grep -q WrongPassword our.err; then
    echo "ok   a wrong password is not taken"
  else
    echo "FAIL a wrong password: $(tail -n 2 our.err)"
    fails=$((fails + 1))
  fi
else
  echo "skipped: Kamailio is not installed"
fi

echo "$fails failed"
exit $((fails > 0))
