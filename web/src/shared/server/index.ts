export { LiveProvider, useAbsentUpstream, useLive, useLiveConnection } from "./context";
export { HISTORY_MAX, type Live, LiveFeed } from "./live";
export { pathOf, SERVICES, type ServiceDescription, servicesOf } from "./services";
