import { MemoryBoardStore } from "../../lib/board/mod.ts";
import { testBoardStore } from "../contracts/board_store_contract.ts";
import { leakTest } from "../support/leak_test.ts";

testBoardStore("MemoryBoardStore", (options) => {
  const store = new MemoryBoardStore(options);
  return Promise.resolve({
    stores: [store, store],
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  });
}, leakTest);
