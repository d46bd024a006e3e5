// A program for a router's namespace: conntrack forgets everything. It says to the kernel what
// `conntrack --flush` says, without that package.

const libc = Deno.dlopen("libc.so.6", {
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  send: { parameters: ["i32", "buffer", "usize", "i32"], result: "isize" },
  recv: { parameters: ["i32", "buffer", "usize", "i32"], result: "isize" },
});

const AF_NETLINK = 16;
const SOCK_RAW = 3;
const NETLINK_NETFILTER = 12;
const IPCTNL_MSG_CT_DELETE = 0x0102;
const NLM_F_REQUEST_ACK = 0x0005;

// struct nlmsghdr: length(32) type(16) flags(16) sequence(32) port(32), then
// struct nfgenmsg: family(8) version(8) resource(16), zero for every family. All in host order.
const request = new Uint8Array(20);
new Uint32Array(request.buffer)[0] = request.length;
new Uint16Array(request.buffer).set([IPCTNL_MSG_CT_DELETE, NLM_F_REQUEST_ACK], 2);

const socket = libc.symbols.socket(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER);
const sent = libc.symbols.send(socket, request, BigInt(request.length), 0);
// The answer is an nlmsghdr again, then the error number, negative, 0 for none
const answer = new Uint8Array(256);
const received = libc.symbols.recv(socket, answer, BigInt(answer.length), 0);
const error = new Int32Array(answer.buffer)[4];
if (sent !== 20n || received < 20n || error !== 0) {
  throw new Error(`Cannot forget connections: sent ${sent}, received ${received}, error ${error}`);
}
