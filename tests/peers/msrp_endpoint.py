"""The other end of the example `msrp_tcp`: sends or receives one file with the endpoint of the scenarios.

    msrp_endpoint.py receive FILE [--at PORT | --relay URI]     prints its path, ends when the file is whole
    msrp_endpoint.py send FILE PATH                             sends it there
    msrp_endpoint.py send FILE --relay URI                      prints its path, reads the peer's, sends

A path of its own is printed as one line, as a peer has to use it.
"""

import argparse
import asyncio
import re
import sys

from msrp_peer import Conn, Sink, auth, dial, send_msg

PATIENCE = 40


def authority(url):
    found = re.match(r"msrps?://(?:[^@/;]*@)?([^:/;]+):(\d+)", url)
    return found.group(1), int(found.group(2))


async def through(relay, own, name):
    """A connection to the relay, and the Use-Path that it grants."""
    connection = await dial(*authority(relay), name)
    status, use_path = await auth(connection, relay, own)
    assert status == 200 and use_path, f"AUTH: {status}"
    return connection, use_path.split()


async def received(sink, file):
    # The request without body that binds the session looks like an empty message to the endpoint.
    while not any(sink.done.values()):
        await asyncio.sleep(0.02)
    with open(file, "wb") as out:
        out.write(next(filter(None, sink.done.values())))
    # The report is on its way.
    await asyncio.sleep(0.3)


async def receive(options):
    own = f"msrp://127.0.0.1:{options.at}/scriptedpeer1;tcp"
    sinks = asyncio.Queue()
    if options.relay:
        connection, use_path = await through(options.relay, own, "in")
        sinks.put_nowait(Sink(connection, own))
        path = " ".join(list(reversed(use_path)) + [own])
    else:

        async def serve(reader, writer):
            sinks.put_nowait(Sink(Conn(reader, writer), own))

        await asyncio.start_server(serve, "127.0.0.1", options.at)
        path = own
    print(path, flush=True)
    sink = await sinks.get()
    task = asyncio.ensure_future(sink.run())
    await received(sink, options.file)
    task.cancel()


async def send(options):
    own = "msrp://127.0.0.1:9/scriptedpeer2;tcp"
    if options.relay:
        connection, use_path = await through(options.relay, own, "out")
        print(" ".join(list(reversed(use_path)) + [own]), flush=True)
        to = " ".join(use_path + [options.path or sys.stdin.readline().strip()])
    else:
        print(own, flush=True)
        to = options.path
        connection = await dial(*authority(to.split()[0]), "out")
    sink = Sink(connection, own)
    task = asyncio.ensure_future(sink.run())
    with open(options.file, "rb") as file:
        data = file.read()
    message, codes = await send_msg(connection, to, own, data, success="yes", ctype="application/octet-stream")
    assert set(codes) == {200}, codes
    while not any(report[0] == message for report in sink.reports):
        await asyncio.sleep(0.02)
    task.cancel()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("job", choices=["send", "receive"])
    parser.add_argument("file")
    parser.add_argument("path", nargs="?", default="")
    parser.add_argument("--at", type=int, default=27655)
    parser.add_argument("--relay")
    options = parser.parse_args()
    job = receive if options.job == "receive" else send
    asyncio.run(asyncio.wait_for(job(options), PATIENCE))


main()
