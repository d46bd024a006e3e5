import { openRedisBoardStore } from "../../lib/board/mod.ts";
import { testBoardStore } from "../contracts/board_store_contract.ts";
import { RedisServer } from "../support/redis_server.ts";
import { testWithTool, TOOLS } from "../support/tool.ts";

testBoardStore("RedisBoardStore", async (options) => {
  const redis = await RedisServer.start();
  const [first, second] = [
    await openRedisBoardStore({ url: redis.url, ...options }),
    await openRedisBoardStore({ url: redis.url, ...options }),
  ];
  return {
    stores: [first, second],
    [Symbol.asyncDispose]: async () => {
      await Promise.all([first[Symbol.asyncDispose](), second[Symbol.asyncDispose]()]);
      await redis[Symbol.asyncDispose]();
    },
  };
}, (name, fn) => testWithTool({ name, tools: [TOOLS.redisServer], fn }));
