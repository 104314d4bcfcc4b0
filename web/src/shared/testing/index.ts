export { giveElementsSize } from "./element-size";
export { FakeWebSocket, fakeWebSockets } from "./fake-web-socket";
export { aService, aSnapshot } from "./snapshot";
