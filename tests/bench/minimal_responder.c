/* The least that a STUN server over UDP can do: what the benchmark measures ours against. It takes
   every datagram of 20 bytes or more for a Binding request over IPv4. Linux alone. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { SLOTS = 64, REQUEST_BYTES = 2048, ANSWER_BYTES = 32 };

static struct mmsghdr requests[SLOTS], answers[SLOTS];
static struct iovec request_vectors[SLOTS], answer_vectors[SLOTS];
static unsigned char request_bytes[SLOTS][REQUEST_BYTES], answer_bytes[SLOTS][ANSWER_BYTES];
static struct sockaddr_in peers[SLOTS];

static void lay_out(struct mmsghdr *message, struct iovec *vector, struct sockaddr_in *peer) {
  message->msg_hdr.msg_iov = vector;
  message->msg_hdr.msg_iovlen = 1;
  message->msg_hdr.msg_name = peer;
  message->msg_hdr.msg_namelen = sizeof *peer;
}

static void answer(int slot) {
  static const unsigned char head[] = {1, 1, 0, 12}, mapped[] = {0, 0x20, 0, 8, 0, 1};
  unsigned char *to = answer_bytes[slot], *from = request_bytes[slot];
  const unsigned char *port = (unsigned char *)&peers[slot].sin_port;
  const unsigned char *ip = (unsigned char *)&peers[slot].sin_addr;
  memcpy(to, head, 4);
  memcpy(to + 4, from + 4, 16);
  memcpy(to + 20, mapped, 6);
  for (int i = 0; i < 2; i++) to[26 + i] = port[i] ^ from[4 + i];
  for (int i = 0; i < 4; i++) to[28 + i] = ip[i] ^ from[4 + i];
}

int main(int count, char **arguments) {
  struct sockaddr_in address = {.sin_family = AF_INET};
  int bytes = 4 << 20, fd = socket(AF_INET, SOCK_DGRAM, 0);
  if (count != 2 || fd < 0) return 2;
  address.sin_port = htons(atoi(arguments[1]));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
  if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0) return 1;
  for (int i = 0; i < SLOTS; i++) {
    request_vectors[i] = (struct iovec){request_bytes[i], REQUEST_BYTES};
    answer_vectors[i] = (struct iovec){answer_bytes[i], ANSWER_BYTES};
    lay_out(&requests[i], &request_vectors[i], &peers[i]);
    lay_out(&answers[i], &answer_vectors[i], &peers[i]);
  }
  for (;;) {
    int received = recvmmsg(fd, requests, SLOTS, MSG_WAITFORONE, 0);
    for (int i = 0; i < received; i++) answer(i);
    if (received > 0) sendmmsg(fd, answers, received, 0);
  }
}
