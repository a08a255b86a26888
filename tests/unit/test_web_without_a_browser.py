"""The client and the elements where there is no browser: imported, made and asked, and no throw."""

from __future__ import annotations

import json

from testbed.npm import WEB, run

IMPORTED = f"""
const faults = [];
process.on("unhandledRejection", (error) => faults.push(String(error)));
const {{ Clarion }} = await import("{WEB}/client/clarion.js");
const {{ ClarionInbox }} = await import("{WEB}/inbox/inbox.js");
const {{ ClarionBell }} = await import("{WEB}/inbox/bell.js");
const nowhere = new Clarion({{ token: "token" }});
const somewhere = new Clarion({{ token: "token", url: "http://127.0.0.1:9/v1/live" }});
for (const clarion of [nowhere, somewhere]) clarion.connect();
const listed = await nowhere.list().catch(({{ code }}) => code);
while (somewhere.state.state === "connecting") await new Promise((again) => setTimeout(again, 1));
const before = [nowhere, somewhere].map(({{ state }}) => [state.state, state.code]);
somewhere.disconnect();
const kinds = [];
for (const Kind of [ClarionInbox, ClarionBell]) {{
  const made = new Kind();
  made.client = nowhere;
  made.token = "token";
  made.lang = "de";
  kinds.push([made instanceof Kind, made.client === nowhere, made.isConnected]);
  made.client = null;
}}
console.log(JSON.stringify([before, listed, somewhere.state.state, kinds, faults]));
"""


def test_a_server_that_renders_can_import_and_make_them() -> None:
    said = json.loads(run("node", "--input-type=module", "--eval", IMPORTED, cwd=WEB))
    states, listed, after, kinds, faults = said
    assert states == [["refused", "no_address"], ["waiting", "lost"]]
    assert (listed, after, faults) == ("no_address", "closed", [])
    assert kinds == [[True, True, False]] * 2
