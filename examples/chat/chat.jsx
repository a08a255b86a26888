import { useEffect, useState } from "react";
import { createRoot } from "react-dom/client";

import { Clarion } from "@clarion/client";

const ROOM = "room:42";
const name = new URLSearchParams(location.search).get("name") ?? "ada";

/** Who one is and where the feed is comes from this page's own backend. */
async function pass() {
  const answer = await fetch(`/token?user=${encodeURIComponent(name)}`);
  if (!answer.ok) throw new Error("No token could be had.");
  return answer.json();
}

const clarion = new Clarion({
  url: (await pass()).live,
  token: async () => (await pass()).token,
});

/** What was said in the room, the oldest first, and how the line is. */
function useRoom() {
  const look = () => ({
    said: clarion.items.filter((item) => item.category === ROOM).reverse(),
    line: clarion.state,
  });
  const [room, setRoom] = useState(look);
  useEffect(() => {
    const leave = ["change", "state"].map((event) => clarion.on(event, () => setRoom(look())));
    clarion.connect();
    return () => leave.forEach((one) => one());
  }, []);
  return room;
}

function Room() {
  const { said, line } = useRoom();
  const [text, setText] = useState("");
  const [problem, setProblem] = useState("");

  async function say(submit) {
    submit.preventDefault();
    setText("");
    try {
      await clarion.publish(ROOM, { text });
      setProblem("");
    } catch (error) {
      setText(text);
      setProblem(error.message);
    }
  }

  return (
    <>
      <h1>Room 42</h1>
      <p role="status">{line.detail ?? `${name} is ${line.state}`}</p>
      <ol aria-live="polite">
        {said.map((item) => (
          <li key={item.id}>
            <b>{item.title}</b> {item.data.text}
          </li>
        ))}
      </ol>
      {problem && <p role="alert">{problem}</p>}
      <form onSubmit={say}>
        <input aria-label="Message" value={text} onChange={(change) => setText(change.target.value)} required />
        <button disabled={line.state !== "live"}>Say</button>
      </form>
    </>
  );
}

createRoot(document.querySelector("#room")).render(<Room />);
