/* The floor: a server that only calls send(2), once for each frame.
 *
 * `send PORT`: whoever says GET is a session, answered with 101 and nothing more. Whoever says
 * "N BYTES\n" gives the command: N frames of BYTES to every session, then one byte as the answer.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MAX_SESSIONS = 20000, MAX_FRAME = 65536, SHIFT = 7, PARTS = 32 };

static const char UPGRADED[] =
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";

static int sessions[MAX_SESSIONS];
static int count = 0;
static unsigned char payload[MAX_FRAME + PARTS * SHIFT];
static unsigned char frame[MAX_FRAME + 4];

static void fail(const char *what) {
    perror(what);
    exit(1);
}

/* Whether the peer is still there. */
static int send_all(int fd, const unsigned char *data, size_t size) {
    while (size > 0) {
        ssize_t sent = send(fd, data, size, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent < 0) return 0;
        data += sent;
        size -= (size_t)sent;
    }
    return 1;
}

/* Reads until the text ends with `end`; its length, 0 where the peer is gone. */
static size_t read_until(int fd, char *text, size_t room, const char *end) {
    size_t size = 0, tail = strlen(end);
    while (size + 1 < room) {
        ssize_t got = recv(fd, text + size, room - size - 1, 0);
        if (got <= 0) return 0;
        size += (size_t)got;
        text[size] = 0;
        if (size >= tail && strcmp(text + size - tail, end) == 0) return size;
    }
    return 0;
}

/* A frame of its own for each session: another part of the payload, under a header of its own. */
static int send_frame(int session, int n, int bytes) {
    size_t head = 2;
    frame[0] = 0x81;
    if (bytes < 126) {
        frame[1] = (unsigned char)bytes;
    } else {
        frame[1] = 126;
        frame[2] = (unsigned char)(bytes >> 8);
        frame[3] = (unsigned char)bytes;
        head = 4;
    }
    memcpy(frame + head, payload + (session + n) % PARTS * SHIFT, (size_t)bytes);
    return send_all(sessions[session], frame, head + (size_t)bytes);
}

static void send_frames(int frames, int bytes) {
    for (int session = 0; session < count; session++) {
        int is_there = 1;
        for (int n = 0; n < frames && is_there; n++) is_there = send_frame(session, n, bytes);
        if (!is_there) {
            close(sessions[session]);
            sessions[session--] = sessions[--count];
        }
    }
}

static int listening(int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    if (fd < 0) fail("socket");
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0) fail("bind");
    if (listen(fd, 2048) < 0) fail("listen");
    return fd;
}

/* What came in: a new session (-1), or the connection that commands. */
static int take(int fd) {
    char text[4096];
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (recv(fd, text, 1, MSG_PEEK) <= 0) {
        close(fd);
    } else if (text[0] != 'G') {
        return fd;
    } else if (read_until(fd, text, sizeof text, "\r\n\r\n") > 0 && count < MAX_SESSIONS) {
        send_all(fd, (const unsigned char *)UPGRADED, sizeof UPGRADED - 1);
        sessions[count++] = fd;
    }
    return -1;
}

int main(int argc, char **argv) {
    if (argc != 2) return 2;
    struct pollfd from[2] = {{.fd = listening(atoi(argv[1])), .events = POLLIN},
                             {.fd = -1, .events = POLLIN}};
    for (size_t n = 0; n < sizeof payload; n++) payload[n] = (unsigned char)('a' + n % 26);
    puts("ready");
    fflush(stdout);
    for (;;) {
        if (poll(from, 2, -1) < 0 && errno != EINTR) fail("poll");
        if (from[0].revents & POLLIN) {
            int commander = take(accept(from[0].fd, NULL, NULL));
            if (commander >= 0) from[1].fd = commander;
        }
        if (from[1].fd >= 0 && from[1].revents) {
            char text[64];
            int frames, bytes;
            if (read_until(from[1].fd, text, sizeof text, "\n") == 0) return 0;
            if (sscanf(text, "%d %d", &frames, &bytes) != 2 || bytes > MAX_FRAME) return 2;
            send_frames(frames, bytes);
            send_all(from[1].fd, (const unsigned char *)"\n", 1);
        }
    }
}
