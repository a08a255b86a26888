const SUBPROTOCOL = "clarion.v1";

/**
 * The usual link: a WebSocket.
 *
 * @param {import("./connection.js").LinkOptions} options
 * @returns {import("./connection.js").Link}
 */
export function openSocket({ url, opened, heard, closed }) {
  const socket = new WebSocket(url, SUBPROTOCOL);
  socket.onopen = opened;
  socket.onmessage = ({ data }) => heard(JSON.parse(data));
  socket.onclose = ({ code, reason }) => closed(code, reason);
  return {
    send(frame) {
      if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(frame));
    },
    close() {
      socket.onopen = socket.onmessage = socket.onclose = null;
      socket.close();
    },
  };
}
