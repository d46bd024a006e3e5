"""One side of a UDP hole punch, played by aioice: a full implementation of ICE.

Prints what it is to be reached by, reads the other side's, each as one line of JSON, connects, sends
a datagram and prints the first one that comes. Its only address is 127.0.0.1.
"""

import asyncio
import json
import sys

import aioice
import aioice.ice

aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: ["127.0.0.1"]


async def main(controlling: bool, tie_breaker: int) -> None:
    connection = aioice.Connection(ice_controlling=controlling, use_ipv6=False)
    connection._tie_breaker = tie_breaker
    await connection.gather_candidates()
    say({
        "usernameFragment": connection.local_username,
        "password": connection.local_password,
        "addresses": [f"{one.host}:{one.port}" for one in connection.local_candidates],
    })
    other = json.loads(await asyncio.to_thread(sys.stdin.readline))
    connection.remote_username = other["usernameFragment"]
    connection.remote_password = other["password"]
    for number, address in enumerate(other["addresses"]):
        host, port = address.rsplit(":", 1)
        await connection.add_remote_candidate(
            aioice.Candidate(str(number), 1, "udp", 2130706431 - number, host, int(port), "host")
        )
    await connection.add_remote_candidate(None)
    await connection.connect()
    say({"connected": True})
    await connection.send(b"from aioice")
    say({"received": (await connection.recv()).decode()})
    await connection.close()


def say(line: dict) -> None:
    print(json.dumps(line), flush=True)


asyncio.run(main(sys.argv[1] == "controlling", int(sys.argv[2])))
