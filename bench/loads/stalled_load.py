"""`python -m bench.loads.stalled_load JSON`: readers that stall in turns; JSON is a `Crowd`.

Writes `open` once all are connected and have had something. Then for each turn `begin`, and `end`
while those who stalled still do. At last one line of JSON: an `Outcome` of the turns without
stalled readers, `calm`, and one of those with them, `stalled`.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict

import msgspec
import uvloop

from bench.loads.open_loop import Load
from bench.loads.stalled_readers import Crowd, Outcome, Readers


async def main(crowd: Crowd) -> None:
    readers = Readers(crowd)
    await readers.open()
    print("open", flush=True)
    outcomes = {False: Outcome(), True: Outcome()}
    for stall in crowd.turns:
        print("begin", flush=True)
        await readers.turn(outcomes[stall], Load(crowd.rate, crowd.seconds), stall=stall)
    told = {"calm": asdict(outcomes[False]), "stalled": asdict(outcomes[True])}
    print(json.dumps(told), flush=True)


if __name__ == "__main__":
    uvloop.run(main(msgspec.json.decode(sys.argv[1], type=Crowd)))
