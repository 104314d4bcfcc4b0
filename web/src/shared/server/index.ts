export { LiveProvider, useLive, useLiveConnection } from "./context";
export { HISTORY_MAX, type Live, LiveFeed } from "./live";
export { SERVICES, type ServiceDescription } from "./services";
