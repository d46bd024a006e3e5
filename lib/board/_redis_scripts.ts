/**
 * What happens in Redis, each of it at once. Every key of a room expires by itself soon after the last
 * server that renews it is gone; a post expires with its lifetime.
 *
 * ```text
 * node:NODE            string  there while the server of that name is
 * secret:ROOM          string  digest of the room's secret, hexadecimal
 * peers:ROOM           hash    peer -> node
 * posts:ROOM           set     PEER:ID of what is posted
 * post:ROOM:PEER:ID    string  JSON of a StoredPost
 * ```
 *
 * The scripts make up names of keys, so a Redis Cluster will not do; one Redis, replicated or not, does.
 */
export const KEYS = {
  node: (node: string): string => `${PREFIX}node:${node}`,
  named: (room: string): Readonly<Record<"secret" | "peers" | "posts", string>> => ({
    secret: `${PREFIX}secret:${room}`,
    peers: `${PREFIX}peers:${room}`,
    posts: `${PREFIX}posts:${room}`,
  }),
  /** In the sequence in which the scripts want them. */
  room: (room: string): string[] => Object.values(KEYS.named(room)),
  post: (room: string, peer: string, id: string): string => `${PREFIX}post:${room}:${peer}:${id}`,
  /** The channel on which everybody in a room hears what happens there. */
  roomChannel: (room: string): string => `${PREFIX}room:${room}`,
  /** The channel of one server, for what is for one of its peers. */
  nodeChannel: (node: string): string => `${PREFIX}to:${node}`,
} as const;

const PREFIX = "pinhole:board:1:";

/**
 * Lets a peer in: `{"in", post, ttl, post, ttl, …}`, `{"wrong_secret"}` or `{"room_full"}`. What dead
 * servers have left behind goes first, and with the last of their peers the secret. Lua compares
 * strings of one text by their place in memory, so the comparison takes the same time for all.
 * ARGV: room, peer, node, digest, most peers, ms to live
 */
export const ENTER = `
local secret, peers, posts = KEYS[1], KEYS[2], KEYS[3]
local room, peer, node, digest, most, ttl = unpack(ARGV)
local found = redis.call('HGETALL', peers)
for i = 1, #found, 2 do
  if redis.call('EXISTS', '${PREFIX}node:' .. found[i + 1]) == 0 then
    redis.call('HDEL', peers, found[i])
  end
end
if redis.call('HLEN', peers) == 0 then redis.call('DEL', secret) end
local stored = redis.call('GET', secret)
if stored and stored ~= digest then return {'wrong_secret'} end
if redis.call('HEXISTS', peers, peer) == 0 and redis.call('HLEN', peers) >= tonumber(most) then
  return {'room_full'}
end
redis.call('SET', secret, digest, 'PX', ttl)
redis.call('HSET', peers, peer, node)
redis.call('PEXPIRE', peers, ttl)
local result = {'in'}
for _, name in ipairs(redis.call('SMEMBERS', posts)) do
  local key = '${PREFIX}post:' .. room .. ':' .. name
  local value = redis.call('GET', key)
  if value and redis.call('HEXISTS', peers, string.sub(name, 1, string.find(name, ':') - 1)) == 0 then
    redis.call('DEL', key)
    value = false
  end
  if value then
    result[#result + 1] = value
    result[#result + 1] = redis.call('PTTL', key)
  else
    redis.call('SREM', posts, name)
  end
end
return result`;

/** Takes a peer out, with its posts, and says so. ARGV: room, peer, channel, message */
export const LEAVE = `
local secret, peers, posts = KEYS[1], KEYS[2], KEYS[3]
local room, peer, channel, message = unpack(ARGV)
redis.call('HDEL', peers, peer)
for _, name in ipairs(redis.call('SMEMBERS', posts)) do
  if string.sub(name, 1, #peer + 1) == peer .. ':' then
    redis.call('DEL', '${PREFIX}post:' .. room .. ':' .. name)
    redis.call('SREM', posts, name)
  end
end
if redis.call('HLEN', peers) == 0 then redis.call('DEL', secret, peers, posts) end
redis.call('PUBLISH', channel, message)`;

/** Hands a message to the server of a peer: how many servers heard it. ARGV: peer, message */
export const TELL = `
local node = redis.call('HGET', KEYS[2], ARGV[1])
if not node then return 0 end
return redis.call('PUBLISH', '${PREFIX}to:' .. node, ARGV[2])`;
