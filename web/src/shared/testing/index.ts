export { giveElementsSize } from "./element-size";
export { FakeWebSocket, fakeWebSockets } from "./fake-web-socket";
