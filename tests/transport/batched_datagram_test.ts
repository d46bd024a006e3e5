import { openBatchedDatagram } from "../../lib/transport/batched_datagram.ts";
import { testDatagramTransport } from "../contracts/datagram_transport_contract.ts";

testDatagramTransport("openBatchedDatagram()", openBatchedDatagram);
